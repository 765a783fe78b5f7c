/** Level 2, the rule for now: never. */
import type { GatherPlan } from "./plan.ts";
import type { QueryTree } from "./query-tree.ts";
import type { CallContext } from "./volatility.ts";

export function planGather(_tree: QueryTree, _context: CallContext): GatherPlan | undefined {
  return undefined;
}
