/** Random expressions of a wanted kind. Nothing here can fail at run time: an error that depends on the plan proves nothing. */
import { KINDS, type Kind } from "./kinds.ts";
import { literal, sequence, sql, type Piece } from "./piece.ts";
import { nullOf, sample, type Atom, type Expression, type Generation, type Scope } from "./scope.ts";

/** Set by select.ts: subqueries need whole statements, and these need expressions. */
export interface SubqueryMaker {
  scalar(generation: Generation, kind: Kind, scope: Scope): Expression;
  condition(generation: Generation, scope: Scope): Piece;
}

export class ExpressionGenerator {
  readonly #generation: Generation;
  readonly #subqueries: SubqueryMaker;

  constructor(generation: Generation, subqueries: SubqueryMaker) {
    this.#generation = generation;
    this.#subqueries = subqueries;
  }

  /** A column of the kind, or undefined. Now and then one of the surrounding statement. */
  atom(kind: Kind, scope: Scope): Atom | undefined {
    const { random } = this.#generation;
    const outer = scope.outer.filter((atom) => atom.kind === kind);
    if (outer.length > 0 && random.chance(0.25)) return random.pick(outer);
    const atoms = scope.atoms.filter((atom) => atom.kind === kind);
    return atoms.length > 0 ? random.pick(atoms) : undefined;
  }

  value(kind: Kind, scope: Scope, depth: number): Expression {
    const { random } = this.#generation;
    const atom = this.atom(kind, scope);
    const leaf =
      atom && random.chance(0.85) ? atom : random.chance(0.06) ? nullOf(kind) : sample(random, kind);
    if (depth <= 0 || random.chance(0.45)) return leaf;
    if (scope.depth > 0 && random.chance(0.05)) return this.#subqueries.scalar(this.#generation, kind, scope);
    const made = this.#operation(kind, scope, depth - 1);
    if (made === undefined) return leaf;
    // Shrinks to the plain value.
    return { ...made, piece: sequence([made.piece], [leaf.piece]) };
  }

  condition(scope: Scope, depth: number): Piece {
    const { random } = this.#generation;
    if (depth > 0 && random.chance(0.2)) {
      const [left, right] = [this.condition(scope, depth - 1), this.condition(scope, depth - 1)];
      return sequence(["(", left, random.pick([" AND ", " OR ", " OR "]), right, ")"], [left, right]);
    }
    if (depth > 0 && random.chance(0.07)) {
      const inner = this.condition(scope, depth - 1);
      return sequence(["NOT (", inner, ")"], [inner]);
    }
    if (scope.depth > 0 && random.chance(0.1)) return this.#subqueries.condition(this.#generation, scope);
    const kinds = [...new Set(scope.atoms.map((atom) => atom.kind))];
    const kind = kinds.length === 0 ? "int" : random.pick(kinds);
    return this.#predicate(kind, scope, depth);
  }

  /** Two texts of different collations cannot be compared without a word about it. */
  compare(left: Expression, operator: string, right: Expression): Piece {
    const textual = left.kind === "text" || left.kind === "label";
    if (textual && left.collation !== right.collation) {
      return sql`${left.piece} ${operator} (${right.piece} COLLATE ${this.#generation.random.pick(['"C"', '"und-x-icu"'])})`;
    }
    return sql`${left.piece} ${operator} ${right.piece}`;
  }

  #predicate(kind: Kind, scope: Scope, depth: number): Piece {
    const { random } = this.#generation;
    const atom = this.atom(kind, scope);
    const left = atom && random.chance(0.7) ? atom : this.value(kind, scope, Math.min(depth, 1));
    // Few values are common enough to be met by equality.
    const common = kind === "int" || kind === "text" || kind === "state" || kind === "bool";
    const operators = common ? ["=", "=", "<>", "<", ">="] : ["<", ">", "<=", ">=", "<>", "="];
    const values = (count: number): Piece[] =>
      Array.from({ length: count }, () => sample(random, kind).piece);
    return random.weighted<() => Piece>([
      [5, () => this.compare(left, random.pick(operators), this.value(kind, scope, 0))],
      [2, () => sql`${left.piece} IS ${random.pick(["", "NOT "])}NULL`],
      [
        1,
        () => this.compare(left, `IS ${random.pick(["", "NOT "])}DISTINCT FROM`, this.value(kind, scope, 0)),
      ],
      [
        2,
        () =>
          sequence([
            left.piece,
            common ? random.pick([" IN (", " NOT IN ("]) : " NOT IN (",
            ...interleave(values(random.int(1, 4))),
            ")",
          ]),
      ],
      [common ? 1 : 0, () => sql`${left.piece} = ANY (ARRAY[${sequence(interleave(values(3)))}])`],
      [
        2,
        () =>
          sql`${left.piece} ${random.pick(["", "", "NOT "])}BETWEEN ${random.pick(["", "SYMMETRIC ", "SYMMETRIC "])}${sample(random, kind).piece} AND ${sample(random, kind).piece}`,
      ],
      [3, () => this.#ofKind(kind, left, scope)],
    ])();
  }

  #ofKind(kind: Kind, left: Expression, scope: Scope): Piece {
    const { random } = this.#generation;
    const { piece } = left;
    const other = this.value(kind, scope, 0).piece;
    switch (kind) {
      case "bool":
        return sql`${piece} IS ${random.pick(["TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "UNKNOWN"])}`;
      case "int":
        return sql`${piece} % ${random.pick(["2", "3", "5"])} = ${random.pick(["0", "1"])}`;
      case "text":
        return sql`${piece} ${random.pick(["LIKE", "NOT LIKE", "ILIKE"])} ${random.pick(["'%a%'", "'Å%'", "'z_e%'", "'%1'"])}`;
      case "texts":
        return sql`${piece} ${random.pick(["&&", "@>", "<@"])} ${other}`;
      case "ints":
        return sql`1 = ${random.pick(["ANY", "ALL"])} (${piece})`;
      case "json":
        return random.pick([
          sql`${piece} ? 'lang'`,
          sql`${piece} @> '{"ok": true}'`,
          sql`jsonb_typeof(${piece}) = 'object'`,
        ]);
      case "hours":
      case "span":
        return random.pick([sql`${piece} && ${other}`, sql`isempty(${piece})`, sql`${piece} @> ${other}`]);
      case "date":
      case "instant":
        return sql`extract(month FROM ${piece}) = ${random.pick(["1", "3", "7"])}`;
      default:
        return sql`${piece} IS NOT NULL`;
    }
  }

  #operation(kind: Kind, scope: Scope, depth: number): Expression | undefined {
    const { random } = this.#generation;
    if (random.chance(0.3)) return this.#anyKind(kind, scope, depth);
    const value = (wanted: Kind): Piece => this.value(wanted, scope, depth).piece;
    const made = (piece: Piece, exact = true): Expression => ({ piece, kind, collation: "default", exact });
    switch (kind) {
      case "int":
        return made(
          random.weighted<() => Piece>([
            [3, () => sql`(${value("int")} % 1000 ${random.pick(["+", "-", "*"])} ${value("int")} % 1000)`],
            [1, () => sql`length(${value("text")})`],
            [1, () => sql`extract(${random.pick(["day", "month", "doy"])} FROM ${value("date")})::int`],
            [1, () => sql`extract(hour FROM ${value("instant")})::int`],
            [1, () => sql`cardinality(${value("texts")})`],
            [1, () => sql`octet_length(${value("bytes")})`],
            [1, () => sql`(${value("date")} - ${literal("2024-01-01", "date")})`],
            [1, () => sql`lower(${value("hours")})`],
            [1, () => sql`-(${value("int")} % 500)`],
          ])(),
        );
      case "num":
        return random.weighted<() => Expression>([
          [3, () => made(sql`(${value("num")} ${random.pick(["+", "-", "*"])} ${value("num")})`, false)],
          [1, () => made(sql`(${value("num")} / nullif(${value("int")}, 0))`, false)],
          [2, () => made(sql`round(${value("num")}, ${random.pick(["0", "1", "2"])})`)],
          [1, () => made(sql`trunc(abs(${value("num")}), 2)`)],
          [1, () => made(sql`extract(epoch FROM ${value("interval")})`)],
        ])();
      case "text":
        return made(
          random.weighted<() => Piece>([
            [
              2,
              () => sql`(${value("text")}::text COLLATE "C" || ${literal("-", "text")} || ${value("int")})`,
            ],
            [2, () => sql`${random.pick(["upper", "lower", "initcap"])}(${value("text")})`],
            [1, () => sql`left(${value("text")}, ${random.pick(["1", "2", "-1"])})`],
            [1, () => sql`(${value("state")})::text`],
            [1, () => sql`(${value("json")} ->> ${random.pick(["'lang'", "'n'", "'size'"])})`],
            [1, () => sql`to_char(${value("date")}, 'YYYY-MM')`],
            [1, () => sql`(${value("texts")})[${random.pick(["1", "2"])}]`],
            [1, () => sql`(${value("postal")}).town`],
            [1, () => sql`encode(${value("bytes")}, 'hex')`],
            [1, () => sql`(${value("instant")} AT TIME ZONE 'Asia/Tokyo')::text`],
          ])(),
        );
      case "bool":
        return made(sql`(${this.condition({ ...scope, depth: 0 }, depth)})`);
      case "date":
        return made(
          random.pick([
            sql`(${value("date")} + (${value("int")} % 100)::int)`,
            sql`(${value("instant")})::date`,
            sql`date_trunc('month', ${value("date")})::date`,
          ]),
        );
      case "instant":
        return made(
          random.pick([
            sql`date_trunc('${random.pick(["day", "month", "hour"])}', ${value("instant")})`,
            sql`(${value("instant")} + ${value("interval")})`,
            sql`lower(${value("span")})`,
            sql`(${value("date")})::timestamptz`,
          ]),
        );
      case "stamp":
        return made(
          sql`(${value("instant")} AT TIME ZONE ${random.pick(["'UTC'", "'Europe/Copenhagen'", "'America/New_York'"])})`,
        );
      case "interval":
        return made(sql`(${value("interval")} * ${random.pick(["2", "3"])})`);
      case "texts":
        return made(sql`array_append(${value("texts")}, ${value("char")}::text)`);
      case "ints":
        return made(sql`ARRAY[${value("int")}::int, ${value("int")}::int]`);
      case "json":
        return made(
          random.pick([
            sql`to_jsonb(${value("int")})`,
            sql`(${value("json")} -> 'tags')`,
            sql`jsonb_build_array(${value("int")}, ${value("bool")})`,
          ]),
        );
      case "hours":
        return made(sql`(${value("hours")} * ${value("hours")})`);
      case "label":
        return { ...made(value("label"), false), collation: "nocase" };
      default:
        return undefined;
    }
  }

  #anyKind(kind: Kind, scope: Scope, depth: number): Expression | undefined {
    const { random } = this.#generation;
    if (kind === "label") return undefined;
    const [a, b] = [this.value(kind, scope, depth), this.value(kind, scope, depth)];
    if (a.collation !== b.collation) return undefined;
    const condition = this.condition({ ...scope, depth: 0 }, depth - 1);
    const piece = random.pick([
      sql`coalesce(${a.piece}, ${b.piece})`,
      sql`CASE WHEN ${condition} THEN ${a.piece} ELSE ${b.piece} END`,
      sql`CASE WHEN ${condition} THEN ${a.piece} END`,
      sql`nullif(${a.piece}, ${b.piece})`,
      sql`${random.pick(["greatest", "least"])}(${a.piece}, ${b.piece})`,
    ]);
    // Values of several scales meet here.
    return { piece, kind, collation: a.collation, exact: a.exact && b.exact && kind !== "num" };
  }
}

export const typeOf = (kind: Kind): string => KINDS[kind].type;

export function interleave(pieces: readonly Piece[], separator = ", "): Piece[] {
  return pieces.flatMap((piece, index) => (index === 0 ? [piece] : [separator, piece]));
}
