/** Window calls whose answer is determined: either the order is total, or ties do not matter. */
import { interleave, type ExpressionGenerator } from "./expression.ts";
import type { Kind } from "./kinds.ts";
import { optional, sequence, sql, type Piece } from "./piece.ts";
import { exactForm, type Expression, type Generation, type Scope } from "./scope.ts";

const FRAMES = [
  "",
  " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
  " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
  " ROWS BETWEEN 1 PRECEDING AND 3 FOLLOWING EXCLUDE CURRENT ROW",
  " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
  " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES",
];

export function windowFunction(
  generation: Generation,
  expressions: ExpressionGenerator,
  kind: Kind,
  scope: Scope,
  total: readonly Piece[],
): Expression | undefined {
  const { random } = generation;
  if (scope.atoms.length === 0 || total.length === 0) return undefined;
  const inner: Scope = { ...scope, outer: [], depth: 0 };
  const partition = random.chance(0.6)
    ? optional("PARTITION BY ", exactForm(random.pick(scope.atoms)).piece)
    : "";
  const first = random.pick(scope.atoms).piece;
  const totally = sequence([
    partition,
    " ORDER BY ",
    ...(random.chance(0.5) ? [first, random.pick([" DESC, ", ", ", " NULLS FIRST, "])] : []),
    ...interleave(total),
  ]);
  const loosely = sql`${partition} ORDER BY ${first}`;
  const frame = random.pick(FRAMES);
  const value = exactForm(expressions.value(kind, inner, 1)).piece;
  const made = (piece: Piece, exact = true): Expression => ({ piece, kind, collation: "default", exact });
  switch (kind) {
    case "int":
      return random.weighted<() => Expression>([
        [3, () => made(sql`row_number() OVER (${totally})`)],
        [2, () => made(sql`${random.pick(["rank", "dense_rank"])}() OVER (${loosely})`)],
        [1, () => made(sql`ntile(${random.pick(["2", "5"])}) OVER (${totally})`)],
        [2, () => made(sql`count(*) OVER (${totally}${frame})`)],
        [2, () => made(sql`count(*) OVER (${partition})`)],
        [2, () => made(sql`sum((${value})::int) OVER (${totally}${frame})`)],
        [
          1,
          () =>
            made(
              sql`${random.pick(["lag", "lead"])}((${value})::int, ${random.pick(["1", "2"])}) OVER (${totally})`,
            ),
        ],
      ])();
    case "num":
      return random.pick([
        made(sql`sum(${value}) OVER (${totally}${frame})`, false),
        made(sql`avg(${value}) OVER (${partition})`, false),
      ]);
    case "float":
    case "bool":
    case "json":
    case "label":
      return undefined;
    default:
      return made(
        random.pick([
          sql`first_value(${castText(kind, value)}) OVER (${totally})`,
          sql`last_value(${castText(kind, value)}) OVER (${totally}${frame})`,
          sql`${random.pick(["lag", "lead"])}(${castText(kind, value)}) OVER (${totally})`,
        ]),
      );
  }
}

/** One collation whatever the text came from. */
function castText(kind: Kind, value: Piece): Piece {
  return kind === "text" ? sql`(${value})::text COLLATE "C"` : value;
}
