/**
 * pg_dump leaves out what belongs to a built-in extension. plpgsql is the one that every database has, and so Pleiad's own schema
 * becomes a part of it: a dump is that of one PostgreSQL, and can be restored on one.
 */
import type { Query } from "./query.ts";

/** What is a member already is left as it is. Privileges as they are now become the initial ones, which a dump leaves out too. */
const SQL = `
DO $do$
DECLARE
  member text;
BEGIN
  FOR member IN
    SELECT own.kind || ' ' || own.name
      FROM (SELECT 'pg_catalog.pg_namespace'::regclass AS class, n.oid, 'SCHEMA' AS kind, n.oid::regnamespace::text AS name
              FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pleiad'
            UNION ALL
            SELECT 'pg_catalog.pg_class', c.oid, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text
              FROM pg_catalog.pg_class c WHERE c.relnamespace = 'pleiad'::regnamespace AND c.relkind IN ('r', 'v', 'S')
            UNION ALL
            SELECT 'pg_catalog.pg_proc', p.oid, 'FUNCTION', p.oid::regprocedure::text
              FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'pleiad'::regnamespace) AS own
     WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = own.class AND d.objid = own.oid AND d.deptype = 'e')
  LOOP
    EXECUTE 'ALTER EXTENSION plpgsql ADD ' || member;
  END LOOP;
END $do$`;

/** `query` runs as the internal superuser, in the database concerned, once all that Pleiad installs there is there. */
export async function keepOutOfDumps(query: Query): Promise<void> {
  await query(SQL);
}
