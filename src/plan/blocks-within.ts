/** All levels that a query evaluates: its own, those in its FROM and its expressions, and the CTEs it reads. */
import type { Block, Query } from "./query-tree.ts";

export function* blocksWithin(query: Query, seen: Set<Query> = new Set()): Generator<Block> {
  if (seen.has(query)) return;
  seen.add(query);
  if (query.kind === "set operation") {
    yield* blocksWithin(query.left, seen);
    yield* blocksWithin(query.right, seen);
    return;
  }
  yield query;
  for (const item of query.items) {
    const inner = item.kind === "query" ? item.query : item.kind === "cte" ? item.cte.query : undefined;
    if (inner !== undefined) yield* blocksWithin(inner, seen);
  }
  for (const sublink of query.sublinks) yield* blocksWithin(sublink, seen);
}
