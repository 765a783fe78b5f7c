/**
 * What belongs to a whole server and not to one database, copied from the catalog node to a new compute node: roles without
 * passwords (nobody logs in there with one), memberships, databases, privileges on them, and settings of both. The catalog node writes the statements:
 * all quoting is PostgreSQL's own.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { PgError } from "../errors/pg-error.ts";
import type { Log } from "../observe/log.ts";
import { clientRole, internalRole } from "./create-instance.ts";
import { matchPrivileges } from "./match-privileges.ts";

export interface Database {
  readonly name: string;
  readonly connectable: boolean;
}

/** Roles that Pleiad's servers are not made with. */
const OF_CLIENTS = `oid >= 16384 AND rolname <> '${internalRole}'`;
const BOOTSTRAP_ROLE = 10;

async function rowsOf(from: BackendConnection, sql: string): Promise<string[][]> {
  return (await from.query(sql)).map((row) => row.map((value) => value ?? ""));
}

/** Runs the statements that a query on `from` gives. */
async function runAll(from: BackendConnection, to: BackendConnection, sql: string): Promise<void> {
  for (const [statement] of await rowsOf(from, sql)) await to.query(statement!);
}

/** All of them superusers for now: each definition is run again by the role that ran it, which may have lost the right since. */
export async function copyRoles(from: BackendConnection, to: BackendConnection): Promise<void> {
  await runAll(
    from,
    to,
    `SELECT format('ALTER ROLE ${clientRole} RENAME TO %I', rolname) FROM pg_roles
     WHERE oid = ${BOOTSTRAP_ROLE} AND rolname <> '${clientRole}'`,
  );
  await runAll(
    from,
    to,
    `SELECT format('CREATE ROLE %I SUPERUSER', rolname) FROM pg_roles WHERE ${OF_CLIENTS}`,
  );
}

/** Gives all databases, those that every server is made with included. */
export async function createDatabases(from: BackendConnection, to: BackendConnection): Promise<Database[]> {
  // The columns differ between major versions: a row is read as JSON.
  await runAll(
    from,
    to,
    `SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', datname, pg_encoding_to_char(encoding), datcollate, datctype)
       || CASE d ->> 'datlocprovider'
            WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(d ->> 'datlocale', d ->> 'daticulocale'))
            WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', d ->> 'datlocale')
            ELSE ' LOCALE_PROVIDER libc' END
       || coalesce(' ICU_RULES ' || quote_literal(d ->> 'daticurules'), '')
     FROM (SELECT *, to_jsonb(pg_database) AS d FROM pg_database) AS found
     WHERE datname NOT IN ('template0', 'template1', 'postgres')`,
  );
  const rows = await rowsOf(
    from,
    "SELECT datname, datallowconn FROM pg_database WHERE datname <> 'template0' ORDER BY oid",
  );
  return rows.map(([name, connectable]) => ({ name: name!, connectable: connectable === "t" }));
}

/** What replayed definitions must not change again (DROP OWNED): owners, privileges, memberships, settings; last the roles' rights. */
export async function finishGlobals(from: BackendConnection, to: BackendConnection, log: Log): Promise<void> {
  await copyMemberships(from, to);
  await runAll(
    from,
    to,
    `SELECT format('ALTER DATABASE %I OWNER TO %I; ALTER DATABASE %I WITH ALLOW_CONNECTIONS %s CONNECTION LIMIT %s IS_TEMPLATE %s',
                   datname, pg_get_userbyid(datdba), datname, datallowconn::text, datconnlimit, datistemplate::text)
     FROM pg_database WHERE datname <> 'template0'`,
  );
  await matchPrivileges(from, to, "databases", log);
  await runAll(
    from,
    to,
    `SELECT format('INSERT INTO pg_db_role_setting VALUES (coalesce((SELECT oid FROM pg_database WHERE datname = %L), 0), coalesce((SELECT oid FROM pg_roles WHERE rolname = %L), 0), %L)',
                   (SELECT datname FROM pg_database WHERE oid = setdatabase), (SELECT rolname FROM pg_roles WHERE oid = setrole), setconfig)
     FROM pg_db_role_setting`,
  );
  await runAll(
    from,
    to,
    `SELECT format('ALTER ROLE %I %s %s %s %s %s %s %s CONNECTION LIMIT %s VALID UNTIL %L', rolname,
       CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
       CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
       CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
       CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END, rolconnlimit, coalesce(rolvaliduntil, 'infinity'))
     FROM pg_roles WHERE ${OF_CLIENTS}`,
  );
}

/** A grantor needs the admin option that another grant gives it: those that fail are tried again behind the others. */
async function copyMemberships(from: BackendConnection, to: BackendConnection): Promise<void> {
  let left = await rowsOf(
    from,
    `SELECT grant_text || options || format(' GRANTED BY %I', grantor), grant_text || options
     FROM (SELECT format('GRANT %I TO %I', pg_get_userbyid(roleid), pg_get_userbyid(member)) AS grant_text,
                  pg_get_userbyid(grantor) AS grantor,
                  CASE WHEN m ? 'inherit_option'
                       THEN format(' WITH ADMIN %s, INHERIT %s, SET %s', m ->> 'admin_option', m ->> 'inherit_option', m ->> 'set_option')
                       WHEN admin_option THEN ' WITH ADMIN OPTION' ELSE '' END AS options
           FROM (SELECT *, to_jsonb(pg_auth_members) AS m FROM pg_auth_members) AS found
           WHERE roleid >= 16384 OR member >= 16384) AS grants`,
  );
  for (;;) {
    const failed: string[][] = [];
    for (const row of left) {
      try {
        await to.query(row[0]!);
      } catch (error) {
        if (!(error instanceof PgError) || to.closed) throw error;
        failed.push(row);
      }
    }
    if (failed.length === 0) return;
    // Whoever granted it may have lost the right to: then it counts as granted by Pleiad.
    if (failed.length === left.length) {
      for (const [, plain] of failed) await to.query(plain!);
      return;
    }
    left = failed;
  }
}
