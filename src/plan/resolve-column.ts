/**
 * Which FROM item a column reference means. PostgreSQL has already accepted the statement, so a name that a known item of
 * the nearest level has can mean nothing else; where an item's columns are not known (functions, catalogs) or a name is
 * merged by FULL JOIN USING, the answer is undefined: the caller must then assume nothing.
 */
import type { ColumnRef, Node, ResTarget } from "@pgsql/types";
import { names } from "../sql/walk.ts";
import {
  columnOf,
  type Block,
  type FromItem,
  type JoinTree,
  type Occurrence,
  type Query,
} from "./query-tree.ts";

export interface ItemColumn {
  readonly item: FromItem;
  /** The name as the item shows it. */
  readonly name: string;
}

/** A column of a SELECT's result. */
export interface OutputColumn {
  /** Undefined where PostgreSQL makes up a name that is not worth knowing. */
  readonly name: string | undefined;
  /** The level and the expression it comes from. */
  readonly block: Block;
  readonly expression: Node | undefined;
  /** For a column from a star: what it stands for. */
  readonly column: ItemColumn | undefined;
}

/** The item and column a reference means, looked up from `block` outwards. */
export function resolveColumn(ref: ColumnRef, block: Block): ItemColumn | undefined {
  const parts = names(ref.fields);
  if (parts === undefined) return undefined;
  if (parts.length === 1) return resolveUnqualified(parts[0]!, block);
  if (parts.length > 3) return undefined;
  const name = parts.at(-1)!;
  const alias = parts.at(-2)!;
  const schema = parts.length === 3 ? parts[0] : undefined;
  let seen: number | undefined;
  for (let b: Block | undefined = block; b !== undefined; seen = b.parentItemsSeen, b = b.parent) {
    const found = b.items
      .slice(0, seen)
      .filter((i) => i.alias === alias && (schema === undefined || isOfSchema(i, schema)));
    // Two of one name: one of them is hidden inside an aliased join, and which is meant depends on the place.
    if (found.length > 1 || (found.length === 0 && hasJoinAlias(b, alias))) return undefined;
    const item = found[0];
    if (item !== undefined) return hasColumn(item, name) === true ? { item, name } : undefined;
  }
  return undefined;
}

function isOfSchema(item: FromItem, schema: string): boolean {
  if (item.kind === "table") return item.rangeVar.alias === undefined && item.relation.schema === schema;
  return (
    item.kind === "query" && item.view?.relation.schema === schema && item.view.rangeVar.alias === undefined
  );
}

function hasJoinAlias(block: Block, alias: string): boolean {
  const within = (tree: JoinTree): boolean =>
    tree.kind === "join" && (tree.alias === alias || within(tree.left) || within(tree.right));
  return block.from.some(within);
}

function resolveUnqualified(name: string, block: Block): ItemColumn | undefined {
  let seen: number | undefined;
  for (let b: Block | undefined = block; b !== undefined; seen = b.parentItemsSeen, b = b.parent) {
    let unknown = false;
    const found: ItemColumn[] = [];
    const hidden: ReadonlySet<FromItem> | undefined =
      seen === undefined ? undefined : new Set(b.items.slice(seen));
    for (const tree of b.from) {
      const inTree = findInJoin(tree, name, hidden);
      if (inTree === "unknown") unknown = true;
      else if (inTree !== undefined) found.push(inTree);
    }
    if (found.length === 1) return found[0];
    if (found.length > 1 || unknown) return undefined;
  }
  return undefined;
}

/** The item behind an unqualified name within a join; undefined when no item has it, "unknown" when that is not certain. */
export function findInJoin(
  tree: JoinTree,
  name: string,
  hidden?: ReadonlySet<FromItem>,
): ItemColumn | "unknown" | undefined {
  if (tree.kind === "leaf") {
    if (hidden?.has(tree.item) === true) return undefined;
    const has = hasColumn(tree.item, name);
    if (has === undefined) return "unknown";
    return has ? { item: tree.item, name } : undefined;
  }
  // An aliased join may rename columns.
  if (tree.alias !== undefined) return "unknown";
  const left = findInJoin(tree.left, name, hidden);
  const right = findInJoin(tree.right, name, hidden);
  if (left === undefined) return right;
  if (right === undefined) return left;
  const merged = tree.using.includes(name) || tree.natural;
  if (!merged) {
    if (left === "unknown" && right !== "unknown") return right;
    if (right === "unknown" && left !== "unknown") return left;
    return "unknown";
  }
  // USING shows the left column, RIGHT JOIN the right one, FULL JOIN neither.
  if (tree.type === "full") return "unknown";
  return tree.type === "right" ? right : left;
}

/** Does the item show a column of this name? Undefined: not known. */
function hasColumn(item: FromItem, name: string): boolean | undefined {
  switch (item.kind) {
    case "table":
      return columnOf(item, name) !== undefined;
    case "query":
    case "cte": {
      const columns = columnsOfItem(item);
      if (columns === undefined) return undefined;
      if (columns.some((c) => c.name === name)) return true;
      return columns.some((c) => c.name === undefined) ? undefined : false;
    }
    default:
      return undefined;
  }
}

/** The columns that a subquery, view or CTE shows, its aliases applied; undefined where they are not known. */
export function columnsOfItem(item: FromItem): readonly OutputColumn[] | undefined {
  if (item.kind !== "query" && item.kind !== "cte") return undefined;
  const query = item.kind === "query" ? item.query : item.cte.query;
  if (query === undefined || (item.kind === "cte" && item.cte.recursive)) return undefined;
  let columns = outputColumns(query);
  if (columns === undefined) return undefined;
  // A view shows the names of its columns, which its definition's text carries too; the catalog's are the surer ones.
  if (item.kind === "query" && item.view !== undefined) {
    columns = rename(
      columns,
      item.view.relation.columns.map((c) => c.name),
    );
  }
  if (item.kind === "cte") columns = rename(columns, item.cte.columnAliases);
  return rename(columns, item.columnAliases);
}

function rename(columns: readonly OutputColumn[], aliases: readonly string[]): readonly OutputColumn[] {
  return aliases.length === 0 ? columns : columns.map((c, i) => ({ ...c, name: aliases[i] ?? c.name }));
}

const outputs = new WeakMap<Query, readonly OutputColumn[] | undefined | "pending">();

function outputColumns(query: Query): readonly OutputColumn[] | undefined {
  // The first arm names the columns of a set operation; where they come from is left open.
  if (query.kind === "set operation") {
    return outputColumns(query.left)?.map((c) => ({ ...c, expression: undefined, column: undefined }));
  }
  const known = outputs.get(query);
  if (known === "pending") return undefined;
  if (outputs.has(query)) return known;
  outputs.set(query, "pending");
  const columns = outputOfBlock(query);
  outputs.set(query, columns);
  return columns;
}

function outputOfBlock(block: Block): readonly OutputColumn[] | undefined {
  if (block.select.valuesLists !== undefined) {
    const [first] = block.select.valuesLists;
    const count = first !== undefined && "List" in first ? (first.List.items?.length ?? 0) : 0;
    return Array.from({ length: count }, (_, i) => ({
      name: `column${i + 1}`,
      block,
      expression: undefined,
      column: undefined,
    }));
  }
  const result: OutputColumn[] = [];
  for (const node of block.select.targetList ?? []) {
    if (!("ResTarget" in node)) return undefined;
    const target = node.ResTarget;
    const star = starOf(target);
    if (star === undefined) {
      result.push({
        name: target.name ?? impliedName(target.val),
        block,
        expression: target.val,
        column: undefined,
      });
      continue;
    }
    const expanded = expandStar(star.alias, block);
    if (expanded === undefined) return undefined;
    for (const column of expanded) result.push({ name: column.name, block, expression: undefined, column });
  }
  return result;
}

function starOf(target: ResTarget): { alias: string | undefined } | undefined {
  if (target.val === undefined || !("ColumnRef" in target.val)) return undefined;
  const fields = target.val.ColumnRef.fields ?? [];
  const last = fields.at(-1);
  if (last === undefined || !("A_Star" in last)) return undefined;
  return { alias: names(fields.slice(0, -1))?.at(-1) };
}

function expandStar(alias: string | undefined, block: Block): ItemColumn[] | undefined {
  const items = alias === undefined ? block.items : block.items.filter((i) => i.alias === alias);
  if (items.length === 0 || (alias !== undefined && items.length > 1)) return undefined;
  if (alias === undefined && block.from.some((tree) => tree.kind === "join" && mergesOrHides(tree)))
    return undefined;
  const result: ItemColumn[] = [];
  for (const item of items) {
    const shown = item.kind === "table" ? shownNames(item) : columnsOfItem(item)?.map((c) => c.name);
    if (shown === undefined) return undefined;
    for (const name of shown) {
      if (name === undefined) return undefined;
      result.push({ item, name });
    }
  }
  return result;
}

function mergesOrHides(tree: JoinTree): boolean {
  if (tree.kind === "leaf") return false;
  return (
    tree.natural ||
    tree.using.length > 0 ||
    tree.alias !== undefined ||
    mergesOrHides(tree.left) ||
    mergesOrHides(tree.right)
  );
}

function shownNames(occurrence: Occurrence): string[] {
  return occurrence.relation.columns.map((c, i) => occurrence.columnAliases[i] ?? c.name);
}

/** The name that PostgreSQL gives a column without AS, for the kinds of expression where it is plain. */
function impliedName(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if ("ColumnRef" in node) return names(node.ColumnRef.fields)?.at(-1);
  if ("FuncCall" in node) return names(node.FuncCall.funcname)?.at(-1);
  if ("A_Const" in node || "A_Expr" in node || "BoolExpr" in node) return "?column?";
  if ("CoalesceExpr" in node) return "coalesce";
  return undefined;
}
