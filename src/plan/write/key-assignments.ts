/** Does a statement give distribution columns other values, so that rows have to move? */
import type { MergeStmt, MergeWhenClause, Node, ResTarget } from "@pgsql/types";
import type { KeyValue, ShardFilter } from "../../catalog/shard-filter.ts";
import type { Relation } from "../../catalog/snapshot.ts";
import { names } from "../../sql/walk.ts";
import type { ConstantContext } from "../constants.ts";
import { findTarget } from "../find-target.ts";
import type { CallContext } from "../volatility.ts";
import { targetsOf } from "./as-select.ts";
import { insertedKey } from "./defaults.ts";

export function keyNames(relation: Relation): readonly string[] {
  const { distribution } = relation;
  return distribution !== undefined && "columns" in distribution ? distribution.columns : [];
}

/** `alias`: what the target is called. `filter`: which of its rows are concerned. */
export function changesKey(
  targets: readonly Node[] | undefined,
  relation: Relation,
  alias: string,
  filter: ShardFilter,
  context: ConstantContext,
): boolean {
  const key = keyNames(relation);
  return targetsOf(targets).some((target) => {
    const at = key.indexOf(target.name ?? "");
    return at >= 0 && !keepsValue(target, at, relation, alias, filter, context);
  });
}

/** SET k = k; SET k = 5 … WHERE k = 5. */
function keepsValue(
  target: ResTarget,
  at: number,
  relation: Relation,
  alias: string,
  filter: ShardFilter,
  context: ConstantContext,
): boolean {
  const value = target.val;
  if (value === undefined || (target.indirection?.length ?? 0) > 0) return false;
  if ("ColumnRef" in value) {
    const path = names(value.ColumnRef.fields) ?? [];
    return path.at(-1) === target.name && (path.length === 1 || path.at(-2) === alias);
  }
  const column = relation.columns.find((c) => c.name === target.name)!;
  const key = insertedKey(value, column, context);
  if (key === undefined || filter.kind !== "points") return false;
  return filter.tuples.every((tuple) => isSame(tuple[at], key));
}

function isSame(a: KeyValue | undefined, b: KeyValue): boolean {
  if (a === undefined || a.from !== b.from) return false;
  if (a.from === "parameter") return a.number === (b as { number: number }).number;
  return a.text !== null && a.text === (b as { text: string | null }).text;
}

/** EXCLUDED.k of a row that met one with the same k. */
export function conflictChangesKey(
  targets: readonly Node[] | undefined,
  relation: Relation,
  alias: string,
): boolean {
  const key = keyNames(relation);
  return targetsOf(targets).some((target) => {
    if (!key.includes(target.name ?? "")) return false;
    const value = target.val;
    if (value === undefined || !("ColumnRef" in value)) return true;
    const path = names(value.ColumnRef.fields) ?? [];
    if (path.at(-1) !== target.name) return true;
    return path.length !== 1 && path.at(-2) !== "excluded" && path.at(-2) !== alias;
  });
}

/**
 * MERGE … WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k), joined ON t.k = s.k with a table that lies with the target: the new row
 * belongs where its source row is.
 */
export function insertsWhereSourceIs(
  statement: MergeStmt,
  clause: MergeWhenClause,
  relation: Relation,
  context: CallContext,
): boolean {
  const key = keyNames(relation);
  if (key.length === 0) return relation.distribution?.kind === "single";
  const source = statement.sourceRelation;
  if (source === undefined || !("RangeVar" in source)) return false;
  const { RangeVar: rangeVar } = source;
  if ((rangeVar.alias?.colnames?.length ?? 0) > 0) return false;
  if (statement.withClause !== undefined && rangeVar.schemaname === undefined) return false;
  const found = findTarget(rangeVar, context);
  if (found.kind !== "table") return false;
  const theirs = found.relation.distribution;
  const ours = relation.distribution;
  if (theirs === undefined || ours === undefined || !("colocation" in theirs) || !("colocation" in ours))
    return false;
  if (theirs.colocation !== ours.colocation) return false;
  const alias = rangeVar.alias?.aliasname ?? rangeVar.relname ?? "";
  const columns =
    (clause.targetList ?? []).length > 0
      ? targetsOf(clause.targetList).map((t) => t.name ?? "")
      : relation.columns.map((c) => c.name);
  return key.every((column, i) => {
    const value = clause.values?.[columns.indexOf(column)];
    if (value === undefined || !("ColumnRef" in value)) return false;
    const path = names(value.ColumnRef.fields) ?? [];
    return path.at(-1) === theirs.columns[i] && (path.length === 1 || path.at(-2) === alias);
  });
}
