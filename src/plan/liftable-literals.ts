/**
 * Which literals of a statement may as well be parameters: PostgreSQL gives the statement the same meaning either way. An integer
 * becomes a parameter that is declared int4; a string becomes one of unspecified type, which PostgreSQL resolves by the same
 * rules as a literal of unknown type, or refuses.
 */
import type { Node } from "@pgsql/types";
import type { LiftedLiteral } from "../sql/lift-literals.ts";
import { walk, type Fields } from "../sql/walk.ts";

const MINUS = 45;

/** A literal that a parameter may replace: the same one in all texts with one skeleton. */
export interface Liftable {
  /** Its place among the literals of the text. */
  readonly index: number;
  readonly kind: "integer" | "string";
  /** The sign before it belongs to it. */
  readonly negative: boolean;
}

/** Bytes [start, end) of the literal in a text, its sign included. */
export function rangeOf(
  { index, negative }: Liftable,
  text: Buffer,
  literals: readonly LiftedLiteral[],
): { start: number; end: number } {
  const { start, end } = literals[index]!;
  return { start: negative ? text.lastIndexOf(MINUS, start) : start, end };
}

/** In the order of the text. */
export function liftableLiterals(
  tree: Node,
  text: Buffer,
  literals: readonly LiftedLiteral[],
): readonly Liftable[] {
  const byStart = new Map(literals.map((literal, index) => [literal.start, index]));
  const fixed = new Set<unknown>();
  const found = new Map<number, Liftable>();
  walk(tree, (type, fields) => {
    if (staysAsWritten(type)) return false;
    for (const constant of fixedBelow(type, fields)) fixed.add(constant);
    if (type !== "A_Const" || fixed.has(fields)) return;
    const { location = 0, ival, sval } = fields as { location?: number; ival?: object; sval?: object };
    if (ival === undefined && sval === undefined) return;
    const negative = ival !== undefined && text[location] === MINUS;
    const index = byStart.get(negative ? afterSign(text, location) : location);
    const literal = index === undefined ? undefined : literals[index]!;
    if (index === undefined || literal?.kind !== (ival === undefined ? "string" : "integer")) return;
    found.set(index, { index, kind: literal.kind, negative });
  });
  return [...found.values()].toSorted((a, b) => a.index - b.index);
}

function afterSign(text: Buffer, sign: number): number {
  let i = sign + 1;
  while (text[i] === 32 || (text[i]! >= 9 && text[i]! <= 13)) i++;
  return i;
}

/** Nodes whose constants are syntax, or are looked at before there are parameters. */
function staysAsWritten(type: string): boolean {
  return (
    type === "TypeName" ||
    type === "RangeTableSample" ||
    type === "CTECycleClause" ||
    type.startsWith("Json") ||
    type.startsWith("Xml")
  );
}

/** Constants directly below a node that mean something else than their value, or that the planner should see. */
function* fixedBelow(type: string, fields: Fields): Generator<unknown> {
  switch (type) {
    case "SortBy":
      // ORDER BY 1 is a column.
      yield constantOf(fields["node"]);
      return;
    case "GroupingSet":
      yield* constantsOf(fields["content"]);
      return;
    case "SelectStmt":
      yield* constantsOf(fields["groupClause"]);
      yield* constantsOf(fields["distinctClause"]);
      yield constantOf(fields["limitCount"]);
      yield constantOf(fields["limitOffset"]);
      return;
    case "TypeCast": {
      // DATE '2024-02-29' takes nothing but a literal.
      const constant = constantOf(fields["arg"]) as { location?: number } | undefined;
      const { location = 0 } = (fields["typeName"] ?? {}) as { location?: number };
      if (constant !== undefined && location < (constant.location ?? 0)) yield constant;
      return;
    }
    case "FuncCall":
      // EXTRACT('year' FROM …) and its like.
      if (fields["funcformat"] === "COERCE_SQL_SYNTAX") yield* constantsOf(fields["args"]);
  }
}

function constantOf(node: unknown): unknown {
  return (node as { A_Const?: unknown } | undefined)?.A_Const;
}

function* constantsOf(list: unknown): Generator<unknown> {
  for (const node of (list as readonly unknown[] | undefined) ?? []) yield constantOf(node);
}
