/**
 * What Pleiad needs on data nodes besides the tables: a function that gives the partitions of a table the owner, the
 * privileges and the names of indexes and constraints of their parent, so that PostgreSQL's rights and messages are those of one table.
 */
import type { Query } from "./query.ts";

const SQL = `
CREATE SCHEMA IF NOT EXISTS pleiad;
GRANT USAGE ON SCHEMA pleiad TO PUBLIC;

CREATE OR REPLACE FUNCTION pleiad.sync_partitions(parent regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  p record;
  r record;
BEGIN
  FOR p IN SELECT c.oid, c.relowner, c.relacl, n.nspname, c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.inhparent = parent LOOP
    -- Owner.
    FOR r IN SELECT c.relowner FROM pg_class c WHERE c.oid = parent AND c.relowner <> p.relowner LOOP
      EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', p.nspname, p.relname, pg_get_userbyid(r.relowner));
    END LOOP;
    -- Privileges of the table and of its columns: take away what the parent does not grant, grant what it does.
    IF p.relacl IS DISTINCT FROM (SELECT c.relacl FROM pg_class c WHERE c.oid = parent) THEN
      FOR r IN SELECT DISTINCT a.grantee FROM aclexplode(p.relacl) a LOOP
        EXECUTE format('REVOKE ALL ON TABLE %I.%I FROM %s', p.nspname, p.relname, CASE WHEN r.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.grantee)) END);
      END LOOP;
      FOR r IN SELECT a.* FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = parent LOOP
        EXECUTE format('GRANT %s ON TABLE %I.%I TO %s%s', r.privilege_type, p.nspname, p.relname,
          CASE WHEN r.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.grantee)) END, CASE WHEN r.is_grantable AND r.grantee <> 0 THEN ' WITH GRANT OPTION' ELSE '' END);
      END LOOP;
    END IF;
    FOR r IN SELECT pa.attname, pa.attacl AS wanted, ca.attacl AS present FROM pg_attribute pa JOIN pg_attribute ca ON ca.attrelid = p.oid AND ca.attname = pa.attname
             WHERE pa.attrelid = parent AND pa.attnum > 0 AND NOT pa.attisdropped AND pa.attacl IS DISTINCT FROM ca.attacl LOOP
      DECLARE g record;
      BEGIN
        FOR g IN SELECT DISTINCT a.grantee FROM aclexplode(r.present) a LOOP
          EXECUTE format('REVOKE ALL (%I) ON TABLE %I.%I FROM %s', r.attname, p.nspname, p.relname, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END);
        END LOOP;
        FOR g IN SELECT a.* FROM aclexplode(r.wanted) a LOOP
          EXECUTE format('GRANT %s (%I) ON TABLE %I.%I TO %s', g.privilege_type, r.attname, p.nspname, p.relname, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END);
        END LOOP;
      END;
    END LOOP;
    -- Constraints that are copies of the parent's, under its names (that renames the indexes behind them).
    FOR r IN SELECT cc.conname AS present, pc.conname AS wanted FROM pg_constraint pc JOIN pg_constraint cc ON cc.conparentid = pc.oid AND cc.conrelid = p.oid
             WHERE pc.conrelid = parent AND cc.conname <> pc.conname LOOP
      EXECUTE format('ALTER TABLE %I.%I RENAME CONSTRAINT %I TO %I', p.nspname, p.relname, r.present, r.wanted);
    END LOOP;
    -- Indexes attached to the parent's.
    FOR r IN SELECT ci.relname AS present, pi.relname AS wanted, cn.nspname FROM pg_inherits i JOIN pg_class ci ON ci.oid = i.inhrelid JOIN pg_class pi ON pi.oid = i.inhparent
             JOIN pg_index x ON x.indexrelid = ci.oid AND x.indrelid = p.oid JOIN pg_index px ON px.indexrelid = pi.oid AND px.indrelid = parent JOIN pg_namespace cn ON cn.oid = ci.relnamespace
             WHERE ci.relname <> pi.relname LOOP
      EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', r.nspname, r.present, r.wanted);
    END LOOP;
  END LOOP;
END $body$;
REVOKE ALL ON FUNCTION pleiad.sync_partitions(regclass) FROM PUBLIC;
COMMENT ON FUNCTION pleiad.sync_partitions(regclass) IS 'Gives the shards of a table its owner, privileges, and names of constraints and indexes.';
`;

/** `query` runs as the internal superuser on a data node, in the database concerned. */
export async function installDataNode(query: Query): Promise<void> {
  await query(`SET client_min_messages = warning; ${SQL}; RESET client_min_messages`);
}
