/** Behind VACUUM and ANALYZE: what the data nodes estimate of their rows and pages becomes the estimate of the shells in pg_class. */
import type { Relation } from "../../catalog/snapshot.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { DdlStatement } from "./ddl-statement.ts";

/** A shard's schema is its table's with #n behind. Below zero: never analysed. */
const ON_NODE = `
SELECT regexp_replace(n.nspname, '#[0-9]+$', ''), c.relname, CASE WHEN bool_and(c.reltuples >= 0) THEN sum(c.reltuples) END, sum(c.relpages)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.oid >= 16384 GROUP BY 1, 2`;

/** In a transaction. Before PostgreSQL 18 there is no function that sets them: the shells stay without. */
export async function keepEstimates(ddl: DdlStatement): Promise<void> {
  const gate = await ddl.gate("catalog");
  const [version] = await gate("SELECT current_setting('server_version_num')::int >= 180000");
  if (version![0] !== "t") return;
  const tables = new Map<string, Relation>();
  for (const relation of ddl.before.relationsByOid.values())
    if (relation.distribution !== undefined) tables.set(`${relation.schema}\0${relation.name}`, relation);
  const parts: string[] = [];
  const copied = new Set<Relation>();
  for (const node of ddl.dataNodes) {
    for (const [schema, name, rows, pages] of await (
      await ddl.gate(node)
    )(ON_NODE)) {
      const relation = tables.get(`${schema!}\0${name!}`);
      // Every copy has all rows.
      if (relation === undefined || copied.has(relation)) continue;
      if (relation.distribution!.kind === "replicated") copied.add(relation);
      parts.push(`(${relation.oid}, ${rows == null ? "NULL" : quoteLiteral(rows)}::float4, ${pages!})`);
    }
  }
  if (parts.length === 0) return;
  await gate(
    `SELECT pg_restore_relation_stats('schemaname', n.nspname::text, 'relname', c.relname::text, 'reltuples', e.rows, 'relpages', e.pages)
     FROM (SELECT oid, sum(rows)::float4 AS rows, sum(pages)::int AS pages FROM (VALUES ${parts.join(", ")}) AS v (oid, rows, pages) GROUP BY oid HAVING every(rows IS NOT NULL)) AS e
       JOIN pg_class c ON c.oid = e.oid::oid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.reltuples <> e.rows OR c.relpages <> e.pages ORDER BY c.oid`,
  );
}
