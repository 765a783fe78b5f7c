/**
 * pleiad.snapshot(): everything the planner needs to know of one database, as one JSON value. A function, so that one
 * round trip and one consistent view suffice, and that the settings under which PostgreSQL prints expressions (every
 * name qualified, constants that read back the same everywhere) hold for it alone: the caller's session stays as it is.
 */
import { FIRST_USER_OID } from "./type-oids.ts";

/** Schemas whose relations users made: not the system's, not Pleiad's. */
const USER_SCHEMA = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> 'pleiad'`;

const METADATA = `
  'version', (SELECT version FROM pleiad.catalog_version),
  'nodes', (SELECT json_agg(json_build_object('name', name, 'kind', kind) ORDER BY length(name), name) FROM pleiad.node),
  'schemas', (SELECT json_agg(n.nspname) FROM pg_namespace n WHERE ${USER_SCHEMA}),
  'operators', (SELECT json_agg(DISTINCT oprname) FROM pg_operator WHERE oid >= ${FIRST_USER_OID}),
  'tables', (
    SELECT json_agg(json_build_object('relation', relation::int8, 'kind', kind, 'columns', columns, 'colocation', colocation, 'node', node))
    FROM pleiad.distributed_table),
  'shards', (
    SELECT json_agg(json_build_object('colocation', colocation, 'ordinal', ordinal, 'node', node, 'slice', slice, 'bounds', bounds) ORDER BY colocation, ordinal)
    FROM pleiad.shard)`;

/** Types that servers know under different OIDs; everything that is built of a user's type is a user's type itself. */
const TYPES = `
  SELECT json_agg(json_build_object(
    'oid', t.oid::int8, 'schema', n.nspname, 'name', t.typname,
    'kind', CASE WHEN t.typelem <> 0 AND t.typcategory = 'A' THEN 'array' ELSE
      CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange' ELSE 'base' END END))
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE t.oid >= ${FIRST_USER_OID}`;

/** Strings are compared byte by byte under this collation; the database's own (provider d) is looked up once. */
const BYTE_ORDER = `(co.collprovider = 'b' OR (co.collprovider = 'c' AND co.collcollate IN ('C', 'POSIX')) OR (co.collprovider = 'd' AND db.byte_order))`;

/** Arrays, not objects: there are many columns, and their keys would be most of the text. The order is RawColumn's. */
const COLUMNS = `
  SELECT a.attrelid, json_agg(json_build_array(
      a.attname, a.attnum, a.atttypid::int8, format_type(a.atttypid, a.atttypmod), a.atttypmod,
      CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END,
      COALESCE(co.collisdeterministic, true), COALESCE(${BYTE_ORDER}, false), a.attnotnull,
      pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, s.name) ORDER BY a.attnum) AS list
  FROM relation c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    CROSS JOIN db
    LEFT JOIN pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN owned_sequence s ON s.refobjid = a.attrelid AND s.refobjsubid = a.attnum
  GROUP BY a.attrelid`;

const INDEXES = `
  SELECT i.indrelid, json_agg(json_build_object(
      'name', x.relname, 'unique', i.indisunique, 'primary', i.indisprimary,
      'columns', CASE WHEN i.indexprs IS NULL AND i.indpred IS NULL AND am.amname = 'btree' THEN (
        SELECT json_agg(a.attname ORDER BY k.n)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE k.n <= i.indnkeyatts) END) ORDER BY x.relname) AS list
  FROM relation c JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am am ON am.oid = x.relam
  GROUP BY i.indrelid`;

/** `schema`: SQL for the name by which the relations of these schemas are qualified. */
const relationsSql = (schemas: string, schema: string): string => `
  WITH relation AS MATERIALIZED (
    SELECT c.*, ${schema} AS nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE ${schemas} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  ), db AS MATERIALIZED (
    SELECT datlocprovider = 'b' OR (datlocprovider = 'c' AND datcollate IN ('C', 'POSIX')) AS byte_order
    FROM pg_database WHERE datname = current_database()
  ), owned_sequence AS MATERIALIZED (
    SELECT DISTINCT ON (p.refobjid, p.refobjsubid) p.refobjid, p.refobjsubid, quote_ident(s.nspname) || '.' || quote_ident(s.relname) AS name
    FROM relation s JOIN pg_depend p ON p.classid = 'pg_class'::regclass AND p.objid = s.oid AND p.refclassid = 'pg_class'::regclass AND p.deptype IN ('a', 'i')
    WHERE s.relkind = 'S' AND p.refobjsubid > 0 ORDER BY p.refobjid, p.refobjsubid, s.oid
  ), columns AS MATERIALIZED (${COLUMNS}), indexes AS MATERIALIZED (${INDEXES}),
  parents AS MATERIALIZED (
    SELECT inhrelid, json_agg(inhparent::int8 ORDER BY inhseqno) AS list FROM pg_inherits GROUP BY inhrelid
  ), triggered AS MATERIALIZED (
    SELECT DISTINCT tgrelid FROM pg_trigger WHERE NOT tgisinternal
  )
  SELECT json_agg(json_build_object(
    'oid', c.oid::int8, 'schema', c.nspname, 'name', c.relname, 'relkind', c.relkind, 'owner', pg_get_userbyid(c.relowner),
    'persistence', c.relpersistence, 'populated', c.relispopulated, 'rowSecurity', c.relrowsecurity, 'hasTriggers', t.tgrelid IS NOT NULL,
    'securityInvoker', COALESCE((SELECT option_value::boolean FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), false),
    'view', CASE WHEN c.relkind IN ('v', 'm') THEN rtrim(pg_get_viewdef(c.oid), E'; \\n') END,
    'parents', p.list, 'columns', a.list, 'indexes', i.list))
  FROM relation c
    LEFT JOIN columns a ON a.attrelid = c.oid LEFT JOIN indexes i ON i.indrelid = c.oid
    LEFT JOIN parents p ON p.inhrelid = c.oid LEFT JOIN triggered t ON t.tgrelid = c.oid`;

const ROUTINES = `
  SELECT json_agg(json_build_object(
    'oid', p.oid::int8, 'schema', n.nspname, 'name', p.proname, 'kind', p.prokind, 'language', l.lanname, 'volatility', p.provolatile,
    'securityDefiner', p.prosecdef, 'returnsSet', p.proretset,
    'usesRowType', EXISTS (
      SELECT FROM unnest(p.proargtypes::oid[] || COALESCE(p.proallargtypes, '{}') || p.prorettype) u (oid)
        JOIN pg_type t ON t.oid = u.oid LEFT JOIN pg_type e ON e.oid = t.typelem
        JOIN pg_class c ON c.oid = COALESCE(NULLIF(t.typrelid, 0), e.typrelid)
      WHERE c.relkind <> 'c'),
    'body', CASE WHEN p.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(p.oid)
                 WHEN l.lanname IN ('c', 'internal') OR p.prokind = 'a' THEN NULL ELSE p.prosrc END,
    'searchPath', (SELECT substr(s, length('search_path=') + 1) FROM unnest(p.proconfig) s WHERE s LIKE 'search_path=%'),
    'extension', (
      SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' LIMIT 1)))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
  WHERE p.oid >= ${FIRST_USER_OID} AND n.nspname <> 'pleiad'`;

export const SNAPSHOT_FUNCTION_SQL = `
CREATE OR REPLACE FUNCTION pleiad.snapshot() RETURNS json LANGUAGE sql STABLE
  SET search_path = '' SET standard_conforming_strings = on SET "DateStyle" = 'ISO, MDY' SET "IntervalStyle" = 'postgres'
  SET extra_float_digits = 1 SET bytea_output = 'hex' SET quote_all_identifiers = off SET jit = off
AS $body$
SELECT json_build_object(${METADATA},
  'types', (${TYPES}),
  'relations', (${relationsSql(USER_SCHEMA, "n.nspname")}),
  'routines', (${ROUTINES}))
$body$;
COMMENT ON FUNCTION pleiad.snapshot() IS 'The catalog of this database as Pleiad plans with it.';
`;

/**
 * The same of the temporary relations of the session that runs it, in a transaction: a JSON list, and one of the names of their
 * indexes. What it sets is to be undone by rolling back.
 */
export const TEMPORARY_RELATIONS_SQL = `
SET LOCAL search_path = ''; SET LOCAL standard_conforming_strings = on; SET LOCAL "DateStyle" = 'ISO, MDY';
SET LOCAL "IntervalStyle" = 'postgres'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL jit = off;
SET LOCAL quote_all_identifiers = off;
SELECT (${relationsSql("n.oid = pg_my_temp_schema()", "'pg_temp'::name")}),
  (SELECT json_agg(relname) FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('i', 'I'))`;
