/** Types that users have made, as one server numbers them: the same type has another OID on every server. */
import { FIRST_USER_OID } from "../catalog/type-oids.ts";
import type { BackendConnection } from "../backend/backend-connection.ts";

export interface UserTypeEntry {
  /** The same on all servers. */
  readonly name: string;
  readonly kind: "array" | "composite" | "range" | "multirange" | "domain" | "other";
  /** OID, on this server, of the element, subtype, range or base type. */
  readonly inner: number;
}

export interface TypeTable {
  readonly byOid: ReadonlyMap<number, UserTypeEntry>;
  readonly byName: ReadonlyMap<string, number>;
}

// The row type of a shard ("app#3".orders) stands for that of its table.
const SQL = `
SELECT t.oid, pg_catalog.regexp_replace(n.nspname, '#[0-9]+$', '') || '.' || CASE WHEN e.oid IS NULL THEN t.typname ELSE e.typname || '[]' END,
       CASE WHEN e.oid IS NOT NULL THEN 'array' WHEN t.typtype = 'c' THEN 'composite' WHEN t.typtype = 'r' THEN 'range'
            WHEN t.typtype = 'm' THEN 'multirange' WHEN t.typtype = 'd' THEN 'domain' ELSE 'other' END,
       coalesce(e.oid, r.rngsubtype, m.rngtypid, t.typbasetype)
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid
  LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
  LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid
 WHERE t.oid >= ${FIRST_USER_OID}
 ORDER BY n.nspname DESC`;

/** Asks a server, over a connection that sees the definitions of the statement's transaction. */
export async function loadTypeTable(connection: BackendConnection): Promise<TypeTable> {
  const byOid = new Map<number, UserTypeEntry>();
  const byName = new Map<string, number>();
  for (const [oid, name, kind, inner] of await connection.query(SQL)) {
    byOid.set(Number(oid), { name: name!, kind: kind as UserTypeEntry["kind"], inner: Number(inner) });
    byName.set(name!, Number(oid));
  }
  return { byOid, byName };
}
