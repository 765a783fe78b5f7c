/**
 * From which conditions of a level a FROM item's rows can be restricted (architecture.md, rule 2). A row of an item that
 * does not pass a condition of WHERE, of an inner join around it, or of the ON of the outer join whose nullable side holds it,
 * has no influence on the result.
 */
import type { Block, FromItem, Join, JoinTree } from "./query-tree.ts";

/** Where a condition stands: in WHERE, or in the ON (or USING) of a join. */
export type Site = { readonly block: Block; readonly join: Join | undefined };

/**
 * "any": every condition restricts. "strict": only one that cannot be true when the item's columns are NULL, since there
 * is an outer join between, which would put NULLs in place of the row that was left out:
 * SELECT … FROM a LEFT JOIN b ON b.id = a.id WHERE b.x IS NULL. Undefined: the condition says nothing about the item's rows.
 */
export type Restriction = "any" | "strict" | undefined;

export function restrictionAt(site: Site, item: FromItem): Restriction {
  if (item.block !== site.block || (item.kind === "table" && item.sampled)) return undefined;
  if (site.join === undefined) {
    for (const tree of site.block.from) {
      const below = restrictionBelow(tree, item);
      if (below !== undefined) return below;
    }
    return undefined;
  }
  const { join } = site;
  // ON of an outer join says which rows of the nullable side match; the other side's rows stay whatever it says.
  const left = join.type === "inner" || join.type === "right" ? restrictionBelow(join.left, item) : undefined;
  if (left !== undefined) return left;
  return join.type === "inner" || join.type === "left" ? restrictionBelow(join.right, item) : undefined;
}

function restrictionBelow(tree: JoinTree, item: FromItem): Restriction {
  if (tree.kind === "leaf") return tree.item === item ? "any" : undefined;
  const left = restrictionBelow(tree.left, item);
  if (left !== undefined) return tree.type === "right" || tree.type === "full" ? "strict" : left;
  const right = restrictionBelow(tree.right, item);
  if (right === undefined) return undefined;
  return tree.type === "left" || tree.type === "full" ? "strict" : right;
}

/** All joins of a level, outermost first. */
export function joinsOf(block: Block): Join[] {
  const joins: Join[] = [];
  const visit = (tree: JoinTree): void => {
    if (tree.kind === "leaf") return;
    joins.push(tree);
    visit(tree.left);
    visit(tree.right);
  };
  for (const tree of block.from) visit(tree);
  return joins;
}
