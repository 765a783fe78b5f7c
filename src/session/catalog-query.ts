/** The catalog room's Query over a backend connection: parameters, where there are any, go by the extended protocol. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Query } from "../catalog/query.ts";
import { bindWithTail, execute, parse, sync, textBindTail } from "../protocol/frontend-messages.ts";

export function catalogQuery(connection: BackendConnection): Query {
  return (sql, parameters) => {
    if (parameters === undefined || parameters.length === 0) return connection.query(sql);
    const bind = bindWithTail("", "", textBindTail(parameters));
    return connection.exchangeRows(Buffer.concat([parse("", sql), bind, execute(""), sync]));
  };
}
