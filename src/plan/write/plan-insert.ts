/** INSERT: which rows can be placed as they are written, and how all others are staged. */
import type { InsertStmt, Node } from "@pgsql/types";
import type { Column, Relation } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import type { PlanContext } from "../plan-read.ts";
import type { DefaultedColumn, InsertPlan, InsertRow, InsertRows, StagedInsert } from "../write-plan.ts";
import { clauseExpressions, insertAsSelect, targetsOf } from "./as-select.ts";
import { callsVolatile, hasSubquery, needsCatalogNode, readsReplicatedOnly } from "./calls.ts";
import { defaulted, hasDefault, insertedKey } from "./defaults.ts";
import { conflictChangesKey, keyNames } from "./key-assignments.ts";
import { readsOf, type Reads } from "./reads.ts";
import { sourceWidth } from "./source-width.ts";
import { findWriteTarget, targetName } from "./target.ts";
import { clausesStart, valuesPlaces } from "./text-places.ts";

/** `width`: columns of the source, where its text does not tell. */
export function planInsert(
  statement: ParsedStatement,
  insert: InsertStmt,
  context: PlanContext,
  width: number | undefined,
): InsertPlan {
  const rangeVar = insert.relation!;
  const target = findWriteTarget(rangeVar, context);
  const { relation } = target;
  const alias = rangeVar.alias?.aliasname ?? rangeVar.relname ?? "";
  const conflict = insert.onConflictClause;
  if (conflictChangesKey(conflict?.targetList, relation, alias))
    throw refusal("upsert-changes-key", `Table "${relation.name}".`);
  const reads = readsOf(statement, insertAsSelect(insert, target.rangeVar), target, context);
  const name = targetName(statement.text, rangeVar);
  const columns = givenColumns(insert, relation, width);
  const returning = (insert.returningClause?.exprs?.length ?? 0) > 0;
  const start =
    conflict !== undefined || returning
      ? clausesStart(statement.text, conflict && (conflict.location ?? 0))
      : undefined;
  const userValue = insert.override === "OVERRIDING_USER_VALUE";
  return {
    kind: "write",
    command: "INSERT",
    statement,
    target: relation,
    standIn: target.standIn,
    reads: reads.plan,
    others: reads.others,
    name,
    columns,
    stored: [...new Set(columns)].filter((c) => c.generated === "" && !(userValue && c.identity !== "")),
    rows: insertRows(statement, insert, relation, columns, reads, context),
    clauses: start === undefined ? undefined : { start, returning, conflict: conflict !== undefined },
    clausesRefused: start === undefined ? undefined : refusedClauses(insert, relation, context),
    staged: stagedInsert(insert, columns, reads, context),
  };
}

/** The columns that the source's values are for; a source may have fewer than the table. */
function givenColumns(
  insert: InsertStmt,
  relation: Relation,
  described: number | undefined,
): readonly Column[] {
  const written = targetsOf(insert.cols).map((target) => target.name ?? "");
  if (written.length > 0) return written.map((name) => relation.columns.find((c) => c.name === name)!);
  if (insert.selectStmt === undefined) return [];
  const width = sourceWidth(insert.selectStmt) ?? described;
  if (width === undefined) throw new Error("the source of an INSERT was not described");
  return relation.columns.slice(0, width);
}

function constants(context: PlanContext): Parameters<typeof insertedKey>[2] {
  return {
    parameterTypes: context.parameterTypes,
    transformNullEquals: false,
    isEnum: (oid) => context.snapshot.userTypes.get(oid)?.kind === "enum",
  };
}

function insertRows(
  statement: ParsedStatement,
  insert: InsertStmt,
  relation: Relation,
  columns: readonly Column[],
  reads: Reads,
  context: PlanContext,
): InsertRows | undefined {
  if (insert.withClause !== undefined || !reads.plan.direct || insert.override === "OVERRIDING_USER_VALUE")
    return undefined;
  const source = insert.selectStmt;
  const lists =
    source === undefined ? [] : "SelectStmt" in source ? source.SelectStmt.valuesLists : undefined;
  if (lists === undefined) return undefined;
  const places = valuesPlaces(statement.text, insert);
  if (places === undefined || places.rows.length !== lists.length) return undefined;
  const rows: InsertRow[] = [];
  for (const [i, list] of lists.entries()) {
    const cells = "List" in list ? (list.List.items ?? []) : [];
    const place = places.rows[i]!;
    if (place.cells.length !== cells.length || cells.length !== columns.length) return undefined;
    rows.push({
      start: place.start,
      end: place.end,
      key: keyOfRow(cells, columns, relation, context),
      defaults: cells.flatMap((cell, c) => {
        const isDefault = "SetToDefault" in cell && hasDefault(columns[c]!);
        return isDefault ? [{ ...place.cells[c]!, defaulted: defaulted(columns[c]!, context.snapshot) }] : [];
      }),
    });
  }
  if (places.defaultValues !== undefined) {
    const { defaultValues } = places;
    rows.push({ ...defaultValues, key: keyNames(relation).map(() => "default" as const), defaults: [] });
  }
  const given = new Set(columns);
  return {
    columnList: places.columnList,
    defaultValues: places.defaultValues,
    rows,
    omitted: relation.columns
      .filter((c) => !given.has(c) && hasDefault(c))
      .map((c) => defaulted(c, context.snapshot)),
    volatile: callsVolatile(lists, context),
  };
}

function keyOfRow(
  cells: readonly Node[],
  columns: readonly Column[],
  relation: Relation,
  context: PlanContext,
): InsertRow["key"] {
  return keyNames(relation).map((name) => {
    const at = columns.findIndex((c) => c.name === name);
    const cell = cells[at];
    if (cell === undefined || "SetToDefault" in cell) return "default";
    return insertedKey(cell, columns[at]!, constants(context));
  });
}

function refusedClauses(insert: InsertStmt, relation: Relation, context: PlanContext): PgError | undefined {
  const nodes = clauseExpressions(insert);
  const table = `Table "${relation.name}".`;
  if (hasSubquery(nodes) && !readsReplicatedOnly(nodes, context)) return refusal("insert-clauses", table);
  if (needsCatalogNode(nodes)) return refusal("insert-clauses", table);
  const onReplicas = relation.distribution?.kind === "replicated" && insert.onConflictClause !== undefined;
  return onReplicas && callsVolatile(nodes, context) ? refusal("insert-clauses", table) : undefined;
}

function stagedInsert(
  insert: InsertStmt,
  columns: readonly Column[],
  reads: Reads,
  context: PlanContext,
): StagedInsert | PgError {
  const { general } = reads;
  if (general instanceof PgError) return general;
  const defaults = new Map<Column, DefaultedColumn>();
  const source = insert.selectStmt;
  const lists = source !== undefined && "SelectStmt" in source ? (source.SelectStmt.valuesLists ?? []) : [];
  for (const list of lists) {
    const cells = "List" in list ? (list.List.items ?? []) : [];
    cells.forEach((cell, i) => {
      const column = columns[i];
      if (column !== undefined && "SetToDefault" in cell && hasDefault(column))
        defaults.set(column, defaulted(column, context.snapshot));
    });
  }
  const onCatalog = [...defaults.values()].some((d) => d.kind === "catalog");
  return {
    general: onCatalog ? { ...general, target: "catalog" } : general,
    defaults: [...defaults.values()],
  };
}
