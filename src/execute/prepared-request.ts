/** The bytes that run a statement on a backend connection by the extended protocol, preparing it there at its first use. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { PgError } from "../errors/pg-error.ts";
import { bindWithTail, closeStatement, execute, parse, sync } from "../protocol/frontend-messages.ts";
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
  // An OID of a user's type means something else on every server.
  const types = parameterTypes.map((oid) => (oid >= FIRST_USER_OID ? 0 : oid));
  if (key === undefined)
    return Buffer.concat([
      parse("", sql, types),
      bindWithTail(portal, "", bindTail),
      execute(portal, rowsMax),
      sync,
    ]);
  let name = connection.prepared.get(key);
  if (name !== undefined) {
    return Buffer.concat([bindWithTail(portal, name, bindTail), execute(portal, rowsMax), sync]);
  }
  const fresh = connection.namePrepared(key, PREPARED_MAX);
  name = fresh.name;
  return Buffer.concat([
    ...fresh.evicted.map(closeStatement),
    parse(name, sql, types),
    bindWithTail(portal, name, bindTail),
    execute(portal, rowsMax),
    sync,
  ]);
}

/** Errors that Parse may have given, or that say that the statement is not there: what else fails, fails in Bind or Execute. */
const PREPARATION_ERROR = /^(42|26|0A|08|57|XX)/;

/** After an error that leaves it open whether the statement was prepared, it is prepared again under a new name. */
export function forgetPrepared(connection: BackendConnection, key: string | undefined, error: PgError): void {
  if (key !== undefined && PREPARATION_ERROR.test(error.code)) connection.prepared.delete(key);
}
