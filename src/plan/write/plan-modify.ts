/** UPDATE, DELETE, MERGE: where the text may run as it is, and how it is staged where it may not. */
import type { MergeWhenClause, Node, RangeVar, ReturningClause, SelectStmt } from "@pgsql/types";
import type { ShardFilter } from "../../catalog/shard-filter.ts";
import type { Column, Relation } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import { walk } from "../../sql/walk.ts";
import type { PlanContext } from "../plan-read.ts";
import type { DefaultedColumn, ModifyPlan, StagedModify } from "../write-plan.ts";
import { deleteAsSelect, mergeAsSelect, targetsOf, updateAsSelect } from "./as-select.ts";
import { callsVolatile, hasSubquery } from "./calls.ts";
import { defaulted, hasDefault } from "./defaults.ts";
import { changesKey, insertsWhereSourceIs } from "./key-assignments.ts";
import { readsOf, type Reads } from "./reads.ts";
import { findWriteTarget, targetName, type WriteTarget } from "./target.ts";

/** What the three statements have in common. */
interface Modification {
  readonly command: ModifyPlan["command"];
  readonly rangeVar: RangeVar;
  readonly select: (target: RangeVar) => SelectStmt;
  readonly returning: ReturningClause | undefined;
  /** Lists of SET. */
  readonly assignments: readonly (readonly Node[])[];
  readonly inserts: readonly MergeWhenClause[];
}

function modification({ tree }: ParsedStatement): Modification {
  if ("UpdateStmt" in tree) {
    const { UpdateStmt: update } = tree;
    return {
      command: "UPDATE",
      rangeVar: update.relation!,
      select: (target) => updateAsSelect(update, target),
      returning: update.returningClause,
      assignments: [update.targetList ?? []],
      inserts: [],
    };
  }
  if ("DeleteStmt" in tree) {
    const { DeleteStmt: deletion } = tree;
    return {
      command: "DELETE",
      rangeVar: deletion.relation!,
      select: (target) => deleteAsSelect(deletion, target),
      returning: deletion.returningClause,
      assignments: [],
      inserts: [],
    };
  }
  if (!("MergeStmt" in tree)) throw refusal("statement-kind");
  const { MergeStmt: merge } = tree;
  const clauses = (merge.mergeWhenClauses ?? []).flatMap((n) =>
    "MergeWhenClause" in n ? [n.MergeWhenClause] : [],
  );
  return {
    command: "MERGE",
    rangeVar: merge.relation!,
    select: (target) => mergeAsSelect(merge, target),
    returning: merge.returningClause,
    assignments: clauses.filter((c) => c.commandType === "CMD_UPDATE").map((c) => c.targetList ?? []),
    inserts: clauses.filter((c) => c.commandType === "CMD_INSERT"),
  };
}

export function planModify(statement: ParsedStatement, context: PlanContext): ModifyPlan {
  const modified = modification(statement);
  const { rangeVar } = modified;
  refuseCurrentOf(statement);
  const target = findWriteTarget(rangeVar, context);
  const { relation } = target;
  const reads = readsOf(statement, modified.select(target.rangeVar), target, context);
  const defaults = askedDefaults(modified, relation, context);
  return {
    kind: "write",
    command: modified.command,
    statement,
    target: relation,
    standIn: target.standIn,
    reads: reads.plan,
    others: reads.others,
    name: targetName(statement.text, rangeVar),
    assigned: assignedColumns(modified, relation),
    movesRows: movesRows(statement, modified, target, reads, context),
    inserts: modified.inserts.length > 0,
    defaults,
    sameOnReplicas:
      reads.others.length === 0 &&
      !reads.plan.hiddenTimes &&
      modified.command !== "MERGE" &&
      isDeterministic(statement, reads, context),
    staged: stagedModify(relation, reads, defaults),
  };
}

function refuseCurrentOf(statement: ParsedStatement): void {
  walk(statement.tree, (type) => {
    if (type === "CurrentOfExpr") throw refusal("where-current-of");
    return true;
  });
}

function assignedColumns({ assignments }: Modification, relation: Relation): readonly Column[] {
  const assigned = new Set(assignments.flatMap((list) => targetsOf(list).map((target) => target.name)));
  return relation.columns.filter((column) => assigned.has(column.name));
}

/** DEFAULT in SET, and what an INSERT action of MERGE leaves out. */
function askedDefaults(
  { assignments, inserts }: Modification,
  relation: Relation,
  context: PlanContext,
): readonly DefaultedColumn[] {
  const asked = new Set<string>();
  for (const list of assignments) {
    for (const target of targetsOf(list)) {
      const value = target.val;
      // Of (a, b) = (DEFAULT, 1) each column is taken to ask for its default.
      if (value !== undefined && ("SetToDefault" in value || "MultiAssignRef" in value))
        asked.add(target.name ?? "");
    }
  }
  for (const clause of inserts) {
    const written = targetsOf(clause.targetList).map((t) => t.name ?? "");
    const columns =
      written.length > 0 ? written : relation.columns.map((c) => c.name).slice(0, clause.values?.length ?? 0);
    relation.columns.forEach((column) => {
      const at = columns.indexOf(column.name);
      const value = at < 0 ? undefined : clause.values?.[at];
      if (value === undefined || "SetToDefault" in value) asked.add(column.name);
    });
  }
  return relation.columns
    .filter((c) => asked.has(c.name) && hasDefault(c))
    .map((c) => defaulted(c, context.snapshot));
}

function movesRows(
  statement: ParsedStatement,
  { assignments, inserts, rangeVar }: Modification,
  { relation, standIn }: WriteTarget,
  { plan }: Reads,
  context: PlanContext,
): boolean {
  const alias = rangeVar.alias?.aliasname ?? rangeVar.relname ?? "";
  const filter: ShardFilter = plan.uses.find((use) => use.relation === standIn)?.filter ?? { kind: "all" };
  const constants = {
    parameterTypes: context.parameterTypes,
    transformNullEquals: context.transformNullEquals,
    isEnum: (oid: number) => context.snapshot.userTypes.get(oid)?.kind === "enum",
  };
  if (assignments.some((list) => changesKey(list, relation, alias, filter, constants))) return true;
  if (!("MergeStmt" in statement.tree)) return false;
  const { MergeStmt: merge } = statement.tree;
  return !inserts.every((clause) => insertsWhereSourceIs(merge, clause, relation, context));
}

/** Same rows, same result: no query inside, nothing volatile, no time hidden in a view. */
function isDeterministic(statement: ParsedStatement, { plan }: Reads, context: PlanContext): boolean {
  if (!plan.direct || hasSubquery(statement.tree) || callsVolatile(statement.tree, context)) return false;
  const from =
    "UpdateStmt" in statement.tree
      ? statement.tree.UpdateStmt.fromClause
      : "DeleteStmt" in statement.tree
        ? statement.tree.DeleteStmt.usingClause
        : undefined;
  return (from ?? []).length === 0;
}

function stagedModify(
  relation: Relation,
  reads: Reads,
  defaults: readonly DefaultedColumn[],
): StagedModify | PgError {
  const table = `Table "${relation.name}".`;
  if (reads.general instanceof PgError) return reads.general;
  if (relation.rowSecurity) return refusal("row-security-staged", table);
  if (relation.hasTriggers) return refusal("triggers-staged", table);
  if (relation.kind !== "table" || relation.parents.length > 0) return refusal("partition-by", table);
  const onCatalog = defaults.some((d) => d.kind === "catalog");
  return {
    general: onCatalog ? { ...reads.general, target: "catalog" } : reads.general,
    table: reads.table!,
    splices: reads.general.splices,
  };
}
