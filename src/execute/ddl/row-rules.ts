/** Triggers and row security: rules that run where a row lies, so they may look at nothing but the row. */
import type { AlterPolicyStmt, CreatePolicyStmt, CreateTrigStmt } from "@pgsql/types";
import { relationKey, type Relation, type Routine, type Snapshot } from "../../catalog/snapshot.ts";
import { isSharded } from "../../catalog/placement.ts";
import { refusal } from "../../errors/refusal.ts";
import { judgeExpression, judgeText } from "../../plan/ddl/judge-expressions.ts";
import { names } from "../../sql/walk.ts";
import { nodesWithTable, syncPartitions } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";

/** Variables that name the partition, or count statements, instead of the table. */
const OF_PARTITION = /\b(?:TG_RELID|TG_TABLE_SCHEMA|TG_RELNAME)\b/i;

export async function createTrigger(ddl: DdlStatement): Promise<string> {
  const { CreateTrigStmt: create } = ddl.statement.tree as { CreateTrigStmt: CreateTrigStmt };
  const relation = await ddl.find(create.relation ?? {});
  const tag = await ddl.onCatalog();
  await ddl.changed();
  if (relation === undefined) return tag;
  const what = `Trigger "${create.trigname}" on "${relation.name}".`;
  // INSTEAD OF triggers of views would run over shells.
  if (relation.distribution === undefined) throw refusal("trigger", what);
  const alone = relation.distribution.kind === "single";
  if (create.row !== true && !alone) throw refusal("trigger", what);
  if ((create.transitionRels ?? []).length > 0 && !alone) throw refusal("trigger", what);
  if (create.isconstraint === true && !alone) throw refusal("trigger", what);
  const path = names(create.funcname) ?? [];
  const searchPath = await ddl.context.searchPath();
  for (const routine of functionsNamed(ddl, path, searchPath))
    judgeTriggerFunction(ddl.before, relation, routine, what);
  const nodes = nodesWithTable(ddl, relation.distribution);
  await ddl.onNodes(nodes);
  if (isSharded(relation.distribution)) await ddl.throughGate(nodes, () => [syncPartitions(relation)]);
  return tag;
}

function functionsNamed(
  ddl: DdlStatement,
  path: readonly string[],
  searchPath: readonly string[],
): readonly Routine[] {
  const name = path.at(-1) ?? "";
  const schemas = path.length > 1 ? [path.at(-2)!] : searchPath;
  return schemas.flatMap((schema) => ddl.before.routines.get(relationKey(schema, name)) ?? []);
}

/** Throws when a trigger's function looks at more than its row. */
export function judgeTriggerFunction(
  snapshot: Snapshot,
  relation: Relation,
  routine: Routine,
  what: string,
): void {
  if (routine.extension !== undefined) return;
  if (routine.language !== "plpgsql" || routine.body === undefined) throw refusal("trigger", what);
  if (isSharded(relation.distribution!) && OF_PARTITION.test(routine.body)) throw refusal("trigger", what);
  // Every copy of a replicated row must become the same.
  if (
    relation.distribution!.kind === "replicated" &&
    /\b(?:random|clock_timestamp|timeofday|gen_random_uuid|uuidv[47]|now|current_timestamp|nextval)\b/i.test(
      routine.body,
    )
  )
    throw refusal("trigger", what);
  judgeText(routine.body, snapshot, "trigger", what);
}

export async function definePolicy(ddl: DdlStatement): Promise<string> {
  const tree = ddl.statement.tree as {
    CreatePolicyStmt?: CreatePolicyStmt;
    AlterPolicyStmt?: AlterPolicyStmt;
  };
  const statement = (tree.CreatePolicyStmt ?? tree.AlterPolicyStmt)!;
  const relation = await ddl.find(statement.table ?? {});
  const tag = await ddl.onCatalog();
  const after = await ddl.reload();
  if (relation?.distribution === undefined) return tag;
  const expressions = await (
    await ddl.gate("catalog")
  )(
    `SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = ${relation.oid} AND polqual IS NOT NULL
     UNION ALL SELECT pg_get_expr(polwithcheck, polrelid) FROM pg_policy WHERE polrelid = ${relation.oid} AND polwithcheck IS NOT NULL`,
  );
  for (const [expression] of expressions)
    judgeExpression(
      expression!,
      after.relationsByOid.get(relation.oid)!,
      after,
      "policy-reads-table",
      `Policy "${statement.policy_name}"`,
    );
  await ddl.onNodes(nodesWithTable(ddl, relation.distribution));
  return tag;
}

/** CREATE STATISTICS: the name that the catalog node chose goes with it. */
export async function createStatistics(ddl: DdlStatement): Promise<string> {
  const { CreateStatsStmt: create } = ddl.statement.tree as {
    CreateStatsStmt: { relations?: readonly { RangeVar: { schemaname?: string; relname?: string } }[] };
  };
  const relation = await ddl.find(create.relations?.[0]?.RangeVar ?? {});
  const tag = await ddl.onCatalog();
  if (ddl.skipped || relation?.distribution === undefined) return tag;
  await ddl.changed();
  const [row] = await (
    await ddl.gate("catalog")
  )(
    `SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = ${relation.oid} ORDER BY oid DESC LIMIT 1`,
  );
  await ddl.derived(nodesWithTable(ddl, relation.distribution), () => [row![0]!]);
  return tag;
}
