/**
 * Brings owners and privileges of a new compute node in line with the catalog node's, whatever the replayed statements made of
 * them: a role that they name may have another name by now. What only one of the two has is passed over.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Log } from "../observe/log.ts";

const DATABASES = `
SELECT 'DATABASE' AS kind, quote_ident(datname) AS identity, datdba AS owner, coalesce(datacl, acldefault('d', datdba)) AS acl
FROM pg_database WHERE datname <> 'template0'`;

const named = (table: string): string => `(pg_identify_object('${table}'::regclass, oid, 0)).identity`;
const owned = (kind: string, table: string, owner: string): string =>
  `SELECT '${kind}', ${named(table)}, ${owner}, NULL FROM ${table} WHERE oid >= 16384`;

const OBJECTS = [
  `SELECT 'SCHEMA' AS kind, ${named("pg_namespace")} AS identity, nspowner AS owner, coalesce(nspacl, acldefault('n', nspowner)) AS acl
   FROM pg_namespace WHERE oid >= 16384 OR nspacl IS NOT NULL`,
  `SELECT 'ROUTINE', ${named("pg_proc")}, proowner, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc WHERE oid >= 16384 OR proacl IS NOT NULL`,
  `SELECT 'TYPE', ${named("pg_type")}, typowner, coalesce(typacl, acldefault('T', typowner)) FROM pg_type t
   WHERE (oid >= 16384 OR typacl IS NOT NULL) AND typtype IN ('b', 'c', 'd', 'e', 'r') AND (typsubscript <> 'array_subscript_handler'::regproc OR typelem = 0)
     AND (typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))`,
  `SELECT 'LANGUAGE', ${named("pg_language")}, lanowner, coalesce(lanacl, acldefault('l', lanowner)) FROM pg_language WHERE oid >= 16384 OR lanacl IS NOT NULL`,
  owned("OPERATOR", "pg_operator", "oprowner"),
  owned("OPERATOR CLASS", "pg_opclass", "opcowner"),
  owned("OPERATOR FAMILY", "pg_opfamily", "opfowner"),
  owned("COLLATION", "pg_collation", "collowner"),
  owned("CONVERSION", "pg_conversion", "conowner"),
  owned("TEXT SEARCH DICTIONARY", "pg_ts_dict", "dictowner"),
  owned("TEXT SEARCH CONFIGURATION", "pg_ts_config", "cfgowner"),
].join("\nUNION ALL ");

interface Ownership {
  readonly owner: string;
  readonly privileges: string;
  /** Statements, each ended by a semicolon. */
  readonly changeOwner: string;
  readonly revokeAll: string;
  readonly grantAll: string;
}

async function ownerships(
  connection: BackendConnection,
  objects: string,
): Promise<ReadonlyMap<string, Ownership>> {
  const rows = await connection.query(`
    WITH objects AS (${objects}),
      granted AS (
        SELECT o.*, g.*, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee_name
        FROM objects o LEFT JOIN LATERAL aclexplode(o.acl) AS g ON true)
    SELECT kind || ' ' || identity, pg_get_userbyid(owner),
      coalesce(string_agg(DISTINCT format('%s %s %s', privilege_type, grantee_name, is_grantable), ', '), ''),
      format('ALTER %s %s OWNER TO %I;', kind, identity, pg_get_userbyid(owner)),
      coalesce(string_agg(DISTINCT format('REVOKE ALL ON %s %s FROM %s CASCADE;', kind, identity, grantee_name), ' ') FILTER (WHERE privilege_type IS NOT NULL), ''),
      coalesce(string_agg(format('GRANT %s ON %s %s TO %s%s;', privilege_type, kind, identity, grantee_name,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END), ' ') FILTER (WHERE privilege_type IS NOT NULL), '')
    FROM granted GROUP BY kind, identity, owner`);
  return new Map(
    rows.map(([key, owner, privileges, changeOwner, revokeAll, grantAll]) => [
      key!,
      {
        owner: owner!,
        privileges: privileges!,
        changeOwner: changeOwner!,
        revokeAll: revokeAll!,
        grantAll: grantAll!,
      },
    ]),
  );
}

/** Of the databases, or of the objects of the database that both are connected to. */
export async function matchPrivileges(
  from: BackendConnection,
  to: BackendConnection,
  of: "databases" | "objects",
  log: Log,
): Promise<void> {
  const objects = of === "databases" ? DATABASES : OBJECTS;
  const present = await ownerships(to, objects);
  for (const [object, wanted] of await ownerships(from, objects)) {
    const found = present.get(object);
    if (found === undefined) continue;
    const sameOwner = found.owner === wanted.owner;
    const samePrivileges = found.privileges === wanted.privileges;
    if (sameOwner && samePrivileges) continue;
    try {
      // Changing the owner hands the old one's privileges over: first everything goes.
      const change = sameOwner ? "" : wanted.changeOwner;
      await to.query(`${found.revokeAll} ${change} ${wanted.grantAll}`);
    } catch (error) {
      if (to.closed) throw error;
      log.warn("privileges on a compute node could not be brought in line", {
        server: to.server.name,
        database: to.database,
        object,
        error: error instanceof Error ? error.message : String(error),
      });
      // Rather missing there than with the rights of somebody else.
      if (!sameOwner && of === "objects") await to.query(`DROP ${object} CASCADE`);
    }
  }
}
