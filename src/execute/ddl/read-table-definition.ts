/** Reads a table's definition from the catalog node, through the gate: there the search path is empty and every name comes qualified. */
import type { Query } from "../../catalog/query.ts";
import type { TableDefinition } from "../../plan/ddl/table-definition.ts";

const NAMES = (attnums: string, relation: string) =>
  `(SELECT coalesce(json_agg(a.attname ORDER BY k.n), '[]') FROM unnest(${attnums}) WITH ORDINALITY k (attnum, n) LEFT JOIN pg_attribute a ON a.attrelid = ${relation} AND a.attnum = k.attnum)`;

const TABLE = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)";
const GRANTEE = "CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END";
const GRANTABLE = "CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END";

const SQL = `
SELECT json_build_object(
  'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'owner', pg_get_userbyid(c.relowner), 'persistence', c.relpersistence,
  'accessMethod', (SELECT am.amname FROM pg_am am WHERE am.oid = c.relam AND am.amname <> current_setting('default_table_access_method')), 'options', c.reloptions,
  'columns', (SELECT coalesce(json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'collation', CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END,
      'notNull', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
      'usesSequence', coalesce(pg_get_expr(d.adbin, d.adrelid) ~* '\\mnextval\\M', false),
      'generated', a.attgenerated, 'identity', a.attidentity,
      'storage', CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END,
      'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
      'statistics', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END, 'options', a.attoptions) ORDER BY a.attnum), '[]')
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'constraints', (SELECT coalesce(json_agg(json_build_object(
      'name', o.conname, 'type', o.contype, 'definition', pg_get_constraintdef(o.oid), 'validated', o.convalidated,
      'enforced', coalesce((to_jsonb(o) ->> 'conenforced')::boolean, true),
      'expression', pg_get_expr(o.conbin, o.conrelid), 'columns', ${NAMES("o.conkey", "o.conrelid")},
      'references', nullif(o.confrelid::int8, 0), 'referencedColumns', CASE WHEN o.confrelid <> 0 THEN ${NAMES("o.confkey", "o.confrelid")} END) ORDER BY o.oid), '[]')
    FROM pg_constraint o WHERE o.conrelid = c.oid),
  'indexes', (SELECT coalesce(json_agg(json_build_object(
      'oid', x.oid::int8, 'name', x.relname, 'unique', i.indisunique, 'definition', pg_get_indexdef(x.oid),
      'columns', (SELECT coalesce(json_agg(a.attname ORDER BY k.n), '[]') FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n) LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum <> 0 WHERE k.n <= i.indnkeyatts),
      'expressions', (SELECT coalesce(json_agg(e), '[]') FROM (SELECT pg_get_expr(i.indexprs, i.indrelid) AS e UNION ALL SELECT pg_get_expr(i.indpred, i.indrelid)) s WHERE e IS NOT NULL),
      'ofConstraint', EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = x.oid AND o.contype IN ('p', 'u', 'x'))) ORDER BY x.oid), '[]')
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid),
  'attachments', (SELECT coalesce(json_agg(sql), '[]') FROM (
      SELECT pg_get_triggerdef(g.oid) AS sql FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal
      UNION ALL SELECT pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s WHERE s.stxrelid = c.oid
      UNION ALL SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, ${TABLE}, CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
          CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
          (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ') FROM unnest(p.polroles) r))
          || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '') || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
        FROM pg_policy p WHERE p.polrelid = c.oid
      UNION ALL SELECT format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', ${TABLE}) WHERE c.relrowsecurity
      UNION ALL SELECT format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', ${TABLE}) WHERE c.relforcerowsecurity) a),
  'grants', (SELECT coalesce(json_agg(sql), '[]') FROM (
      SELECT format('GRANT %s ON TABLE %s TO %s%s', g.privilege_type, ${TABLE}, ${GRANTEE}, ${GRANTABLE}) AS sql
        FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
      UNION ALL SELECT format('GRANT %s (%I) ON TABLE %s TO %s%s', g.privilege_type, a.attname, ${TABLE}, ${GRANTEE}, ${GRANTABLE})
        FROM pg_attribute a, aclexplode(a.attacl) g WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) g))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = `;

/** `query` is the catalog node's gate. */
export async function readTableDefinition(query: Query, oid: number): Promise<TableDefinition> {
  const [row] = await query(SQL + oid);
  if (row === undefined) throw new Error(`relation ${oid} is not on the catalog node`);
  return JSON.parse(row[0]!) as TableDefinition;
}
