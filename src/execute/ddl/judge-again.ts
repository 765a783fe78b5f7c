/** A function was replaced: what tables do with it on data nodes (defaults, checks, triggers, policies) must still look at no table. */
import type { Snapshot } from "../../catalog/snapshot.ts";
import { judgeExpression, judgeTableExpressions, judgeText } from "../../plan/ddl/judge-expressions.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { readTableDefinition } from "./read-table-definition.ts";
import { judgeTriggerFunction } from "./row-rules.ts";

/** Tables with anything that depends on a function of the user's own. */
const TABLES_SQL = `
SELECT DISTINCT coalesce(a.adrelid, nullif(c.conrelid, 0), p.polrelid, x.indrelid)::int8
FROM pg_depend d
  LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
  LEFT JOIN pg_constraint c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
  LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
  LEFT JOIN pg_index x ON d.classid = 'pg_class'::regclass AND x.indexrelid = d.objid
WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid >= 16384
  AND coalesce(a.adrelid, nullif(c.conrelid, 0), p.polrelid, x.indrelid) IS NOT NULL`;

export async function judgeAgain(ddl: DdlStatement, snapshot: Snapshot): Promise<void> {
  const gate = await ddl.gate("catalog");
  for (const [oid] of await gate(TABLES_SQL)) {
    const relation = snapshot.relationsByOid.get(Number(oid));
    if (relation?.distribution === undefined) continue;
    judgeTableExpressions(await readTableDefinition(gate, relation.oid), relation, snapshot);
  }
  for (const [oid, name, expression] of await gate(
    `SELECT polrelid::int8, polname, pg_get_expr(e, polrelid) FROM (SELECT polrelid, polname, polqual AS e FROM pg_policy UNION ALL SELECT polrelid, polname, polwithcheck FROM pg_policy) p WHERE e IS NOT NULL`,
  )) {
    const relation = snapshot.relationsByOid.get(Number(oid));
    if (relation !== undefined)
      judgeExpression(expression!, relation, snapshot, "policy-reads-table", `Policy "${name}"`);
  }
  const routines = new Map([...snapshot.routines.values()].flat().map((routine) => [routine.oid, routine]));
  for (const [oid, routine, name] of await gate(
    "SELECT tgrelid::int8, tgfoid::int8, tgname FROM pg_trigger WHERE NOT tgisinternal",
  )) {
    const relation = snapshot.relationsByOid.get(Number(oid));
    const found = routines.get(Number(routine));
    if (relation?.distribution !== undefined && found !== undefined)
      judgeTriggerFunction(snapshot, relation, found, `Trigger "${name}" on "${relation.name}".`);
  }
  for (const [expression] of await gate(
    "SELECT pg_get_expr(conbin, 0) FROM pg_constraint WHERE contypid <> 0 AND conbin IS NOT NULL",
  ))
    judgeText(expression!, snapshot, "expression-reads-table", "A constraint of a domain.");
}
