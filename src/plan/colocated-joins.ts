/**
 * Can the joins of a level be made on each node by itself? Only if rows of different distributed tables meet on equal
 * distribution columns, and no outer join would add a NULL-extended row on every node.
 * Wrong for: SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id (pairs across shards),
 * SELECT * FROM tenants t LEFT JOIN orders o ON o.tenant_id = t.id (a tenant without orders here may have some elsewhere).
 */
import type { Node } from "@pgsql/types";
import { columnOf, type Block, type Join, type JoinTree, type Occurrence } from "./query-tree.ts";
import { comparisonOperator } from "./constraint.ts";
import { comparable } from "./relevant-rows.ts";
import { findInJoin, resolveColumn } from "./resolve-column.ts";

/** A side of a join: its distributed tables, and the equalities that hold for all of its rows. */
interface Side {
  readonly tables: readonly Occurrence[];
  /** Those that no outer join below can leave out of a row. */
  readonly anchors: readonly Occurrence[];
  readonly equalities: readonly Equality[];
}

type Equality = readonly [{ item: Occurrence; column: string }, { item: Occurrence; column: string }];

/** The tables that have a part in every row of the level, when its joins are local; undefined when they are not. */
export function isColocated(
  block: Block,
  distributed: readonly Occurrence[],
): readonly Occurrence[] | undefined {
  if (distributed.length === 0) return undefined;
  let whole: Side = { tables: [], anchors: [], equalities: equalitiesOf(block.select.whereClause, block) };
  for (const tree of block.from) {
    const side = sideOf(tree, block);
    if (side === undefined) return undefined;
    whole = together(whole, side, []);
  }
  return isConnected(whole.tables, whole.equalities) && whole.anchors.length > 0 ? whole.anchors : undefined;
}

function sideOf(tree: JoinTree, block: Block): Side | undefined {
  if (tree.kind === "leaf") {
    const { item } = tree;
    const kind = item.kind === "table" ? item.relation.distribution?.kind : "replicated";
    if (item.kind !== "table" || kind === "replicated") return { tables: [], anchors: [], equalities: [] };
    return { tables: [item], anchors: [item], equalities: [] };
  }
  const left = sideOf(tree.left, block);
  const right = sideOf(tree.right, block);
  if (left === undefined || right === undefined) return undefined;
  const equalities = [...equalitiesOf(tree.quals, block), ...equalitiesOfUsing(tree)];
  switch (tree.type) {
    case "inner":
      return together(left, right, equalities);
    case "left":
      return outer(left, right, equalities);
    case "right":
      return outer(right, left, equalities);
    case "full":
      return left.tables.length + right.tables.length === 0
        ? { tables: [], anchors: [], equalities: [] }
        : undefined;
  }
}

function together(left: Side, right: Side, equalities: readonly Equality[]): Side {
  return {
    tables: [...left.tables, ...right.tables],
    anchors: [...left.anchors, ...right.anchors],
    equalities: [...left.equalities, ...right.equalities, ...equalities],
  };
}

function outer(preserved: Side, nullable: Side, on: readonly Equality[]): Side | undefined {
  if (nullable.tables.length === 0) return preserved;
  if (preserved.tables.length === 0) return undefined;
  // Whether a row finds a partner must be known on its own node: by ON and what holds within the nullable side.
  const withinNullable = [...nullable.equalities, ...on];
  const attached = nullable.tables.every((table) =>
    preserved.tables.some((other) =>
      isConnected([table, other], withinNullable, [...nullable.tables, other]),
    ),
  );
  if (!attached) return undefined;
  return {
    tables: [...preserved.tables, ...nullable.tables],
    anchors: preserved.anchors,
    equalities: [...preserved.equalities, ...withinNullable],
  };
}

/** Do chains of equal keys lead from each of the tables to each other, over `through`? */
function isConnected(
  tables: readonly Occurrence[],
  equalities: readonly Equality[],
  through: readonly Occurrence[] = tables,
): boolean {
  const [first] = tables;
  if (first === undefined) return true;
  const reached = new Set([first]);
  for (const from of reached) {
    for (const to of through) if (!reached.has(to) && haveEqualKeys(from, to, equalities)) reached.add(to);
  }
  return tables.every((table) => reached.has(table));
}

function haveEqualKeys(a: Occurrence, b: Occurrence, equalities: readonly Equality[]): boolean {
  const left = a.relation.distribution;
  const right = b.relation.distribution;
  if (left === undefined || right === undefined || !("columns" in left) || !("columns" in right))
    return false;
  if (left.kind !== right.kind || left.colocation !== right.colocation) return false;
  return left.columns.every((column, i) => {
    const other = right.columns[i];
    return equalities.some(
      ([x, y]) =>
        (x.item === a && x.column === column && y.item === b && y.column === other) ||
        (y.item === a && y.column === column && x.item === b && x.column === other),
    );
  });
}

function equalitiesOf(node: Node | undefined, block: Block): Equality[] {
  if (node === undefined) return [];
  if ("BoolExpr" in node) {
    return node.BoolExpr.boolop === "AND_EXPR"
      ? (node.BoolExpr.args ?? []).flatMap((arg) => equalitiesOf(arg, block))
      : [];
  }
  if (!("A_Expr" in node) || node.A_Expr.kind !== "AEXPR_OP" || comparisonOperator(node.A_Expr) !== "=")
    return [];
  const { lexpr, rexpr } = node.A_Expr;
  if (lexpr === undefined || rexpr === undefined) return [];
  if ("RowExpr" in lexpr && "RowExpr" in rexpr) {
    const right = rexpr.RowExpr.args ?? [];
    return (lexpr.RowExpr.args ?? []).flatMap((arg, i) =>
      equality(tableColumn(arg, block), tableColumn(right[i], block)),
    );
  }
  return equality(tableColumn(lexpr, block), tableColumn(rexpr, block));
}

function equalitiesOfUsing(join: Join): Equality[] {
  return join.using.flatMap((name) => {
    const left = findInJoin(join.left, name);
    const right = findInJoin(join.right, name);
    if (left === undefined || left === "unknown" || right === undefined || right === "unknown") return [];
    return equality(
      left.item.kind === "table" ? { item: left.item, name } : undefined,
      right.item.kind === "table" ? { item: right.item, name } : undefined,
    );
  });
}

function tableColumn(node: Node | undefined, block: Block): { item: Occurrence; name: string } | undefined {
  if (node === undefined || !("ColumnRef" in node)) return undefined;
  const found = resolveColumn(node.ColumnRef, block);
  // A column of an outer level is a constant here.
  return found?.item.kind === "table" && found.item.block === block
    ? { item: found.item, name: found.name }
    : undefined;
}

function equality(
  a: { item: Occurrence; name: string } | undefined,
  b: { item: Occurrence; name: string } | undefined,
): Equality[] {
  const left = a && columnOf(a.item, a.name);
  const right = b && columnOf(b.item, b.name);
  if (left === undefined || right === undefined || a!.item === b!.item || !comparable(left, right)) return [];
  return [
    [
      { item: a!.item, column: left.name },
      { item: b!.item, column: right.name },
    ],
  ];
}
