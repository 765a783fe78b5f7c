/**
 * What Pleiad needs on data nodes besides the tables: a function that makes the shards of a table follow their parent in
 * name, owner, privileges, and names of constraints and indexes, so that PostgreSQL's rights and messages are those of one table.
 */
import type { Query } from "./query.ts";

/**
 * Table and column privileges as a set. Who granted them plays no part: on shards everything is granted by the owner.
 * (Bodies of BEGIN ATOMIC are bound when they are made: they need no search_path, and without one they are inlined.)
 */
const PRIVILEGES_SQL = `
CREATE OR REPLACE FUNCTION pleiad.privileges(relation oid)
RETURNS TABLE (column_name name, grantee oid, privilege text, grantable boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT NULL::name, a.grantee, a.privilege_type, a.is_grantable
  FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
  WHERE c.oid = relation
  UNION
  SELECT t.attname, a.grantee, a.privilege_type, a.is_grantable
  FROM pg_attribute t, aclexplode(t.attacl) a
  WHERE t.attrelid = relation AND t.attnum > 0 AND NOT t.attisdropped;
END;
COMMENT ON FUNCTION pleiad.privileges(oid) IS 'Privileges on a table and its columns, a row each; grantee 0 is PUBLIC.';
`;

/** Shards of the table, or of all tables when it is NULL: partitions that lie in a schema "…#ordinal". */
const SHARDS_SQL = `
CREATE OR REPLACE FUNCTION pleiad.shards_of(wanted oid)
RETURNS TABLE (shard oid, parent oid)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT c.oid, i.inhparent
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE (wanted IS NULL OR i.inhparent = wanted) AND c.relispartition AND c.relkind IN ('r', 'p') AND n.nspname ~ '#[0-9]+$';
END;
COMMENT ON FUNCTION pleiad.shards_of(oid) IS 'The shards of a table that lie on this node, or of all tables.';
`;

/**
 * Each loop finds what differs, over all shards at once, and mends it; where nothing differs it costs eight queries.
 * Oids are cast to regclass only inside format(): a name must be read after the step before has changed it.
 */
const SYNC_SQL = `
CREATE OR REPLACE FUNCTION pleiad.sync_partitions(wanted regclass DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $body$
DECLARE
  r record;
BEGIN
  -- Place and name: "app#3".orders for the shard 3 of app.orders.
  FOR r IN
    SELECT s.shard::regclass AS shard, c.relname AS present_name, p.relname AS wanted_name,
           cn.nspname AS present_schema, pn.nspname || substring(cn.nspname from '#[0-9]+$') AS wanted_schema
    FROM pleiad.shards_of(wanted) s
      JOIN pg_class c ON c.oid = s.shard JOIN pg_namespace cn ON cn.oid = c.relnamespace
      JOIN pg_class p ON p.oid = s.parent JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relname <> p.relname OR cn.nspname <> pn.nspname || substring(cn.nspname from '#[0-9]+$')
  LOOP
    IF r.present_name <> r.wanted_name THEN
      EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', r.present_schema, r.present_name, r.wanted_name);
    END IF;
    IF r.present_schema <> r.wanted_schema THEN
      EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', r.wanted_schema);
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', r.wanted_schema);
      EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', r.present_schema, r.wanted_name, r.wanted_schema);
    END IF;
  END LOOP;

  -- Owner. This also hands the old owner's privileges to the new one.
  FOR r IN
    SELECT s.shard::regclass AS shard, p.relowner::regrole AS wanted_owner
    FROM pleiad.shards_of(wanted) s JOIN pg_class c ON c.oid = s.shard JOIN pg_class p ON p.oid = s.parent
    WHERE c.relowner <> p.relowner
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO %s', r.shard, r.wanted_owner);
  END LOOP;

  -- Privileges: what is too much goes first, since a grant option can only be taken together with its privilege.
  FOR r IN
    SELECT s.shard::regclass AS shard, d.*
    FROM pleiad.shards_of(wanted) s,
      LATERAL (SELECT * FROM pleiad.privileges(s.shard) EXCEPT SELECT * FROM pleiad.privileges(s.parent)) d
  LOOP
    EXECUTE format('REVOKE %s%s ON TABLE %s FROM %s CASCADE', r.privilege, ' (' || quote_ident(r.column_name) || ')', r.shard,
      CASE r.grantee WHEN 0 THEN 'PUBLIC' ELSE r.grantee::regrole::text END);
  END LOOP;
  FOR r IN
    SELECT s.shard::regclass AS shard, d.*
    FROM pleiad.shards_of(wanted) s,
      LATERAL (SELECT * FROM pleiad.privileges(s.parent) EXCEPT SELECT * FROM pleiad.privileges(s.shard)) d
  LOOP
    EXECUTE format('GRANT %s%s ON TABLE %s TO %s%s', r.privilege, ' (' || quote_ident(r.column_name) || ')', r.shard,
      CASE r.grantee WHEN 0 THEN 'PUBLIC' ELSE r.grantee::regrole::text END,
      CASE WHEN r.grantable THEN ' WITH GRANT OPTION' END);
  END LOOP;

  -- Indexes and constraints under the parent's names; a constraint takes its index along. Names that are still taken,
  -- as when two have exchanged theirs, are set free first.
  FOR r IN
    SELECT x.indexrelid::regclass AS index, 'pleiad renames ' || x.indexrelid AS free
    FROM pleiad.shards_of(wanted) s
      JOIN pg_index x ON x.indrelid = s.shard JOIN pg_inherits i ON i.inhrelid = x.indexrelid
      JOIN pg_class ci ON ci.oid = x.indexrelid JOIN pg_class pi ON pi.oid = i.inhparent AND pi.relname <> ci.relname
      JOIN pg_index ox ON ox.indrelid = s.parent JOIN pg_class other ON other.oid = ox.indexrelid AND other.relname = ci.relname
  LOOP
    EXECUTE format('ALTER INDEX %s RENAME TO %I', r.index, r.free);
  END LOOP;
  FOR r IN
    SELECT s.shard::regclass AS shard, cc.conname AS present, 'pleiad renames ' || cc.oid AS free
    FROM pleiad.shards_of(wanted) s
      JOIN pg_constraint pc ON pc.conrelid = s.parent
      JOIN pg_constraint cc ON cc.conparentid = pc.oid AND cc.conrelid = s.shard AND cc.conname <> pc.conname
      JOIN pg_constraint other ON other.conrelid = s.parent AND other.conname = cc.conname
  LOOP
    EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', r.shard, r.present, r.free);
  END LOOP;
  FOR r IN
    SELECT s.shard::regclass AS shard, cc.conname AS present, pc.conname AS wanted_name
    FROM pleiad.shards_of(wanted) s
      JOIN pg_constraint pc ON pc.conrelid = s.parent
      JOIN pg_constraint cc ON cc.conparentid = pc.oid AND cc.conrelid = s.shard AND cc.conname <> pc.conname
  LOOP
    EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', r.shard, r.present, r.wanted_name);
  END LOOP;
  FOR r IN
    SELECT x.indexrelid::regclass AS index, pi.relname AS wanted_name
    FROM pleiad.shards_of(wanted) s
      JOIN pg_index x ON x.indrelid = s.shard JOIN pg_inherits i ON i.inhrelid = x.indexrelid
      JOIN pg_class ci ON ci.oid = x.indexrelid JOIN pg_class pi ON pi.oid = i.inhparent AND pi.relname <> ci.relname
  LOOP
    EXECUTE format('ALTER INDEX %s RENAME TO %I', r.index, r.wanted_name);
  END LOOP;

  -- The other side of a foreign key: PostgreSQL keeps a copy of the constraint for each referenced shard, all in one
  -- table and so never of one name. "name#ordinal" lets the coordinator tell what the client called it.
  FOR r IN
    SELECT cc.conrelid::regclass AS referencing, cc.conname AS present, pc.conname || substring(n.nspname from '#[0-9]+$') AS wanted_name
    FROM pg_constraint cc
      JOIN pg_constraint pc ON pc.oid = cc.conparentid AND pc.conrelid = cc.conrelid
      JOIN pg_class c ON c.oid = cc.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE cc.contype = 'f' AND (wanted IS NULL OR wanted IN (pc.conrelid, pc.confrelid)) AND n.nspname ~ '#[0-9]+$'
      AND cc.conname <> pc.conname || substring(n.nspname from '#[0-9]+$')
      AND octet_length(pc.conname || substring(n.nspname from '#[0-9]+$')) < 64
  LOOP
    EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', r.referencing, r.present, r.wanted_name);
  END LOOP;
END $body$;
REVOKE ALL ON FUNCTION pleiad.sync_partitions(regclass) FROM PUBLIC;
COMMENT ON FUNCTION pleiad.sync_partitions(regclass) IS
  'Makes the shards of a table (NULL: of all tables) follow it in schema, name, owner, privileges, names of constraints and indexes.';
`;

/** `query` runs as the internal superuser on a data node, in the database concerned. */
export async function installDataNode(query: Query): Promise<void> {
  await query(
    `SET client_min_messages = warning;
     CREATE SCHEMA IF NOT EXISTS pleiad;
     COMMENT ON SCHEMA pleiad IS 'What Pleiad keeps on a data node for itself.';
     GRANT USAGE ON SCHEMA pleiad TO PUBLIC;
     ${PRIVILEGES_SQL} ${SHARDS_SQL} ${SYNC_SQL}
     RESET client_min_messages`,
  );
}
