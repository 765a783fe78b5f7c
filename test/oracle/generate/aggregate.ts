/** Aggregate calls whose answer does not depend on the order of the rows, unless they order them. */
import { interleave, type ExpressionGenerator } from "./expression.ts";
import type { Kind } from "./kinds.ts";
import { optional, sequence, sql, type Piece } from "./piece.ts";
import { exactForm, type Expression, type Generation, type Scope } from "./scope.ts";

export function aggregate(
  generation: Generation,
  expressions: ExpressionGenerator,
  kind: Kind,
  scope: Scope,
  order: readonly Piece[],
): Expression {
  const { random } = generation;
  // An aggregate over columns of the surrounding statement alone would belong to that one.
  const inner: Scope = { ...scope, outer: [], depth: 0 };
  const value = (wanted: Kind): Expression => expressions.value(wanted, inner, 1);
  const exact = (wanted: Kind): Piece => exactForm(value(wanted)).piece;
  const filter = (): Piece =>
    random.chance(0.2) ? optional(" FILTER (WHERE ", expressions.condition(inner, 1), ")") : "";
  const made = (piece: Piece, isExact = true): Expression => ({
    piece: sequence([piece, filter()]),
    kind,
    collation: "default",
    exact: isExact,
  });
  const ordered = order.length === 0 ? "" : sequence([" ORDER BY ", ...interleave(order)]);
  const distinct = random.chance(0.25) ? "DISTINCT " : "";
  const anything = scope.atoms.length === 0 ? "1" : random.pick(scope.atoms).piece;
  switch (kind) {
    case "int":
      return random.weighted<() => Expression>([
        [4, () => made("count(*)")],
        [2, () => made(sql`count(${anything})`)],
        [2, () => made(sql`count(DISTINCT ${exact("text")})`)],
        [1, () => made(sql`count(DISTINCT ${anything})`)],
        [3, () => made(sql`sum(${distinct}(${exact("int")})::int)`)],
        [2, () => made(sql`${random.pick(["min", "max"])}(${exact("int")})`)],
      ])();
    case "num":
      return random.weighted<() => Expression>([
        [3, () => made(sql`sum(${distinct}${exact("num")})`, false)],
        [2, () => made(sql`avg(${distinct}${exact("int")})`, false)],
        [2, () => made(sql`avg(${exact("num")})`, false)],
        [1, () => ({ ...made(""), piece: sql`round(stddev_pop(${exact("int")})${filter()}, 6)` })],
        [2, () => made(sql`${random.pick(["min", "max"])}(${exact("num")})`)],
        [1, () => made(sql`percentile_disc(0.5) WITHIN GROUP (ORDER BY ${exact("num")})`)],
      ])();
    case "bool":
      return made(sql`${random.pick(["bool_and", "bool_or"])}(${value("bool").piece})`);
    case "text":
    case "label": {
      const text = random.weighted<() => Piece>([
        [3, () => sql`${random.pick(["min", "max"])}(${exact("text")} COLLATE "C")`],
        [2, () => sql`string_agg((${exact("text")})::text COLLATE "C", ','${ordered})`],
        [1, () => distinctStates(exact("state"))],
      ]);
      const piece = random.chance(0.85) ? text() : sql`min(${exact("text")} COLLATE "C")`;
      return { ...made(piece), kind: "text", collation: "c" };
    }
    case "ints":
      return made(sql`array_agg((${exact("int")})::int${ordered})`);
    case "texts":
      return made(sql`array_agg((${exact("text")})::text${ordered})`);
    case "json":
      return made(sql`jsonb_agg(${exact(random.pick(["int", "text", "date"]))}${ordered})`);
    case "float":
      return made(sql`${random.pick(["sum", "min", "max", "avg"])}(${value("float").piece})`);
    case "interval":
      return made(sql`${random.pick(["sum", "min", "max"])}(${value("interval").piece})`);
    case "date":
    case "instant":
    case "stamp":
    case "state":
    case "bytes":
    case "char":
      return made(sql`${random.pick(["min", "max"])}(${value(kind).piece})`);
    case "hours":
    case "span":
    case "uuid":
    case "postal":
      return { ...made(""), piece: sql`(array_agg(${value(kind).piece}${ordered})${filter()})[1]` };
  }
}

/** With DISTINCT the order must be by the argument itself. */
function distinctStates(state: Piece): Piece {
  return sql`string_agg(DISTINCT (${state})::text, '|' ORDER BY (${state})::text)`;
}
