/** Does a subquery or LATERAL look at columns of an outer level? Then a shipped table may be read once per row of another. */
import type { QueryTree } from "./query-tree.ts";
import { resolveColumn } from "./resolve-column.ts";

export function isCorrelated(tree: QueryTree): boolean {
  return tree.columnRefs.some(({ node, block }) => {
    if (block?.parent === undefined || (node.fields ?? []).some((f) => "A_Star" in f)) return false;
    // What cannot be resolved may well be the outer level's.
    return resolveColumn(node, block)?.item.block !== block;
  });
}
