/** The bytes that run a statement on a backend connection by the extended protocol, preparing it there at its first use. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { PgError } from "../errors/pg-error.ts";
import { bindExecuteSync, closeStatement, parse } from "../protocol/frontend-messages.ts";
import { FIRST_USER_OID } from "../catalog/type-oids.ts";

/** Prepared statements kept on one backend connection. */
const PREPARED_MAX = 500;

/**
 * Parse (unless prepared already), Bind, Execute, Sync. `key` must tell apart everything that gives the text another
 * meaning: catalog version, search path, parameter types. Without a key the statement is prepared for this once.
 */
export function preparedRequest(
  connection: BackendConnection,
  key: string | undefined,
  sql: Buffer,
  parameterTypes: readonly number[],
  bindTail: Buffer,
  portal: string,
  rowsMax: number,
): Buffer {
  if (key === undefined)
    return Buffer.concat([
      parse("", sql, serverTypes(parameterTypes)),
      bindExecuteSync(portal, "", bindTail, rowsMax),
    ]);
  const known = connection.prepared.get(key);
  if (known !== undefined) return bindExecuteSync(portal, known, bindTail, rowsMax);
  const { name, evicted } = connection.namePrepared(key, PREPARED_MAX);
  return Buffer.concat([
    ...evicted.map(closeStatement),
    parse(name, sql, serverTypes(parameterTypes)),
    bindExecuteSync(portal, name, bindTail, rowsMax),
  ]);
}

/** An OID of a user's type means something else on every server. */
function serverTypes(types: readonly number[]): readonly number[] {
  return types.map((oid) => (oid >= FIRST_USER_OID ? 0 : oid));
}

/** Errors that Parse may have given, or that say that the statement is not there: what else fails, fails in Bind or Execute. */
const PREPARATION_ERROR = /^(42|26|0A|08|57|XX)/;

/** After an error that leaves it open whether the statement was prepared, it is prepared again under a new name. */
export function forgetPrepared(connection: BackendConnection, key: string | undefined, error: PgError): void {
  if (key !== undefined && PREPARATION_ERROR.test(error.code)) connection.prepared.delete(key);
}
