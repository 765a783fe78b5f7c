/** The catalog room's Query over a backend connection: parameters, where there are any, go by the extended protocol. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Query } from "../catalog/query.ts";
import { PgError } from "../errors/pg-error.ts";
import { readDataRow } from "../protocol/backend-messages.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { bindWithTail, execute, parse, sync, textBindTail } from "../protocol/frontend-messages.ts";
import { Backend } from "../protocol/message-types.ts";

export function catalogQuery(connection: BackendConnection): Query {
  return (sql, parameters) => {
    if (parameters === undefined || parameters.length === 0) return connection.query(sql);
    return new Promise((resolve, reject) => {
      const rows: (string | null)[][] = [];
      let error: PgError | undefined;
      connection.send(
        Buffer.concat([parse("", sql), bindWithTail("", "", textBindTail(parameters)), execute(""), sync]),
        {
          frame: (type, buffer, start, end) => {
            if (type === Backend.dataRow)
              rows.push(readDataRow(buffer, start, end).map((v) => (v === null ? null : v.toString())));
            else if (type === Backend.errorResponse)
              error ??= new PgError(parseErrorFields(buffer, start + 5, end));
          },
          ready: () => (error === undefined ? resolve(rows) : reject(error)),
          lost: reject,
        },
      );
    });
  };
}
