/** A read of at most one row by a unique key, over one table: cheap enough to share a backend's pipeline with others. */
import { isGrouped, type Occurrence, type QueryTree } from "./query-tree.ts";
import type { RelevantRows } from "./relevant-rows.ts";
import { isVolatileCall, routinesNamed, type CallContext } from "./volatility.ts";
import { names } from "../sql/walk.ts";

export function isPointRead(
  tree: QueryTree,
  relevantRows: ReadonlyMap<Occurrence, RelevantRows>,
  context: CallContext,
): boolean {
  const [block] = tree.blocks;
  const [occurrence] = tree.occurrences;
  if (block === undefined || occurrence === undefined || tree.blocks.length > 1 || tree.units.length > 1)
    return false;
  if (block.items.length !== 1 || tree.locking || isGrouped(block)) return false;
  const { facts, none } = relevantRows.get(occurrence)!;
  if (none) return false;
  const isFixed = (column: string): boolean =>
    (facts.get(column) ?? []).some((fact) => fact.kind === "in" && fact.values.length === 1);
  const byKey = occurrence.relation.indexes.some(
    (index) => index.unique && index.columns?.every(isFixed) === true,
  );
  return byKey && !callsSomethingElse(tree, context);
}

/** Users' functions and volatile ones (pg_sleep) may take any time. */
function callsSomethingElse(tree: QueryTree, context: CallContext): boolean {
  return tree.functionCalls.some(
    ({ node }) =>
      isVolatileCall(node, context) || routinesNamed(names(node.funcname) ?? [], context).length > 0,
  );
}
