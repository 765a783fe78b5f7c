/**
 * Level 2: each node's own answer, concatenated. Right when every row of the result comes from rows of one node alone, and
 * no row comes from two: one distributed table, or several joined on their distribution columns, with replicated tables that
 * add to their rows but bring no rows of their own. Nothing may look at the result as a whole but a LIMIT without order.
 */
import type { Node } from "@pgsql/types";
import { names, walk } from "../sql/walk.ts";
import { blocksWithin } from "./blocks-within.ts";
import { isColocated } from "./colocated-joins.ts";
import { isKnownOperator } from "./known-operators.ts";
import type { GatherPlan } from "./plan.ts";
import { isGrouped, type Block, type Occurrence, type Query, type QueryTree } from "./query-tree.ts";
import { resolveColumn } from "./resolve-column.ts";
import { hasHiddenTimes } from "./transaction-times.ts";
import { isAggregateCall, isSetReturningCall, isVolatileCall, type CallContext } from "./volatility.ts";

export function planGather(tree: QueryTree, context: CallContext): GatherPlan | undefined {
  if (tree.locking || tree.catalogRelations.length > 0 || tree.timeLiterals || hasHiddenTimes(tree))
    return undefined;
  if (tree.functionCalls.some((f) => isVolatileCall(f.node, context)) || !hasOneTime(tree)) return undefined;
  // What function stands behind a user's operator is not known.
  if (tree.operators.some(({ node }) => isUsersOperator(names(node.name) ?? [], context))) return undefined;
  const { query } = tree.unit;
  const limit = limitOf(query);
  if (limit === undefined) return undefined;
  const arms = unionAllArms(query);
  if (arms === undefined || !arms.every((arm) => isLocal(arm, query, context))) return undefined;
  return { limit: limit === "none" ? undefined : limit };
}

function isUsersOperator(path: readonly string[], context: CallContext): boolean {
  const name = path.at(-1) ?? "";
  return path[0] !== "pg_catalog" && !isKnownOperator(name) && context.snapshot.userOperators.has(name);
}

/** ORDER BY or LIMIT of a set operation may call functions at no level. */
function hasOneTime(tree: QueryTree): boolean {
  return tree.functionCalls.every((f) => f.block !== undefined);
}

/** LIMIT n or LIMIT $n without ORDER BY: any n rows will do. Undefined: another form, with ORDER BY or OFFSET. */
function limitOf({ select }: Query): "none" | NonNullable<GatherPlan["limit"]> | undefined {
  if ((select.sortClause?.length ?? 0) > 0 || select.limitOffset !== undefined) return undefined;
  const count = select.limitCount;
  if (count === undefined) return "none";
  if ("ParamRef" in count && count.ParamRef.number !== undefined) return { parameter: count.ParamRef.number };
  if (!("A_Const" in count)) return undefined;
  if (count.A_Const.isnull === true) return "none";
  const rows = count.A_Const.ival === undefined ? -1 : (count.A_Const.ival.ival ?? 0);
  // A negative limit is PostgreSQL's error to raise.
  return rows >= 0 ? { rows } : undefined;
}

function unionAllArms(query: Query): Block[] | undefined {
  if (query.kind === "block") return [query];
  if (query.select.op !== "SETOP_UNION" || query.select.all !== true) return undefined;
  const left = unionAllArms(query.left);
  const right = unionAllArms(query.right);
  return left !== undefined && right !== undefined ? [...left, ...right] : undefined;
}

/** Does every row of the level's result come from one node's rows alone? */
function isLocal(block: Block, whole: Query, context: CallContext): boolean {
  const { select } = block;
  if (select.valuesLists !== undefined) return false;
  // An arm's own LIMIT or ORDER BY is about the arm as a whole.
  if (
    block !== whole &&
    (select.limitCount !== undefined ||
      (select.sortClause?.length ?? 0) > 0 ||
      select.limitOffset !== undefined)
  ) {
    return false;
  }
  if (hasWindowOrSetReturning(select.targetList, context)) return false;
  if (!block.sublinks.every(readsReplicatedOnly)) return false;
  const distributed: Occurrence[] = [];
  for (const item of block.items) {
    if (item.kind === "catalog relation") return false;
    if (item.kind === "query" && !readsReplicatedOnly(item.query)) return false;
    if (
      item.kind === "cte" &&
      (item.cte.query === undefined || item.cte.recursive || !readsReplicatedOnly(item.cte.query))
    )
      return false;
    if (item.kind !== "table") continue;
    const kind = item.relation.distribution?.kind;
    if (kind === "single" || kind === undefined) return false;
    if (kind !== "replicated") distributed.push(item);
  }
  const anchors = isColocated(block, distributed);
  if (anchors === undefined) return false;
  const groups = isGrouped(block);
  if (groups && !(select.groupClause ?? []).every(isPlainGroup)) return false;
  if (groups && !anchors.some((table) => holdsKey(block, select.groupClause ?? [], table))) return false;
  if (!groups && hasAggregate(block, context)) return false;
  if (select.distinctClause === undefined) return true;
  const isPlain = select.distinctClause.every((node) => Object.keys(node).length === 0);
  return isPlain && anchors.some((table) => holdsKey(block, select.targetList ?? [], table));
}

function isPlainGroup(node: Node): boolean {
  return !("GroupingSet" in node);
}

function readsReplicatedOnly(query: Query): boolean {
  for (const block of blocksWithin(query)) {
    for (const item of block.items) {
      if (item.kind === "catalog relation") return false;
      if (item.kind === "table" && item.relation.distribution?.kind !== "replicated") return false;
    }
  }
  return true;
}

/** Are all distribution columns of the table among these expressions? Then no group, and no duplicate, spans two nodes. */
function holdsKey(block: Block, list: readonly Node[], table: Occurrence): boolean {
  const { distribution } = table.relation;
  if (distribution === undefined || !("columns" in distribution)) return false;
  const found = new Set<string>();
  for (const entry of list) {
    let node: Node | undefined = "ResTarget" in entry ? entry.ResTarget.val : entry;
    if (node !== undefined && "A_Const" in node && !("ResTarget" in entry)) {
      const target: Node | undefined = block.select.targetList?.[(node.A_Const.ival?.ival ?? 0) - 1];
      node = target !== undefined && "ResTarget" in target ? target.ResTarget.val : undefined;
    }
    if (node === undefined || !("ColumnRef" in node)) continue;
    const column = resolveColumn(node.ColumnRef, block);
    if (column?.item === table && table.columnAliases.length === 0) found.add(column.name);
  }
  return distribution.columns.every((column) => found.has(column));
}

function hasWindowOrSetReturning(list: readonly Node[] | undefined, context: CallContext): boolean {
  let found = false;
  walk(list, (type, fields) => {
    if (type === "SelectStmt") return false;
    if (type === "FuncCall" && (fields["over"] !== undefined || isSetReturningCall(fields, context)))
      found = true;
    return !found;
  });
  return found;
}

function hasAggregate(block: Block, context: CallContext): boolean {
  let found = false;
  walk([block.select.targetList, block.select.distinctClause], (type, fields) => {
    if (type === "JsonObjectAgg" || type === "JsonArrayAgg") found = true;
    if (type === "FuncCall" && isAggregateCall(fields, context)) found = true;
    return !found;
  });
  return found;
}
