/** One SELECT: list, FROM, WHERE, GROUP BY, HAVING, windows, DISTINCT, ORDER BY, LIMIT. */
import { aggregate } from "./aggregate.ts";
import { ExpressionGenerator, interleave, type SubqueryMaker } from "./expression.ts";
import { FromGenerator, totalOrder, type DerivedTable } from "./from.ts";
import type { Kind } from "./kinds.ts";
import { list, optional, sequence, sql, type Piece } from "./piece.ts";
import {
  exactForm,
  tieBreaker,
  uniformForm,
  type Atom,
  type Expression,
  type Generation,
  type Scope,
  type Source,
} from "./scope.ts";
import { windowFunction } from "./window.ts";

export interface SelectOptions {
  /** Kinds of the columns, where the place demands them. */
  readonly kinds?: readonly Kind[];
  /** Columns in the form that set operations need. */
  readonly uniform?: boolean;
  /** ORDER BY and LIMIT may be added. */
  readonly limit?: boolean;
  /** At most one row (scalar subquery). */
  readonly single?: boolean;
  readonly named?: boolean;
}

export interface Select {
  readonly piece: Piece;
  readonly columns: readonly Expression[];
  readonly rows: number;
}

/** What stands between FROM and ORDER BY. */
interface Body {
  readonly columns: readonly Expression[];
  readonly tail: Piece;
  readonly rows: number;
  readonly grouped: boolean;
}

const OUTPUT_KINDS: readonly (readonly [number, Kind])[] = [
  [6, "int"],
  [4, "num"],
  [4, "text"],
  [1.5, "label"],
  [2, "bool"],
  [2, "date"],
  [2, "instant"],
  [1, "stamp"],
  [1, "interval"],
  [2, "state"],
  [0.7, "uuid"],
  [0.7, "texts"],
  [0.5, "ints"],
  [1, "json"],
  [0.5, "hours"],
  [0.5, "span"],
  [0.5, "bytes"],
  [0.5, "postal"],
  [0.5, "char"],
  [0.7, "float"],
];

export class SelectGenerator {
  readonly #generation: Generation;
  readonly #expressions: ExpressionGenerator;
  readonly #from: FromGenerator;

  constructor(generation: Generation) {
    this.#generation = generation;
    const subqueries: SubqueryMaker = {
      scalar: (_, kind, scope) => this.#scalar(kind, scope),
      condition: (_, scope) => this.#subqueryCondition(scope),
    };
    this.#expressions = new ExpressionGenerator(generation, subqueries);
    this.#from = new FromGenerator(generation, this.#expressions, (scope) => this.#derived(scope));
  }

  /** Mostly kinds of which there are columns: constants tell little. */
  #outputKinds(atoms: readonly Atom[]): Kind[] {
    const { random } = this.#generation;
    return Array.from({ length: random.int(1, 4) }, () =>
      atoms.length > 0 && random.chance(0.8) ? random.pick(atoms).kind : random.weighted(OUTPUT_KINDS),
    );
  }

  select(scope: Scope, options: SelectOptions = {}): Select {
    const { random } = this.#generation;
    const { items, sources, rows } = this.#from.from(scope, scope.depth > 1 ? 4 : 2);
    const inner: Scope = { ...scope, atoms: sources.flatMap((source) => source.atoms) };
    const kinds = options.kinds ?? this.#outputKinds(inner.atoms);
    const conjuncts: Piece[] = [];
    for (
      let count = random.weighted([
        [4, 0],
        [5, 1],
        [1.5, 2],
      ]);
      count > 0;
      count--
    ) {
      conjuncts.push(this.#expressions.condition(inner, 2));
    }
    const grouped = random.chance(options.single ? 0.6 : 0.3);
    const body = grouped
      ? this.#grouped(inner, sources, kinds, rows, options)
      : this.#plain(inner, sources, kinds, rows, options);
    const uniform = body.columns.map((column) => (options.uniform ? uniformForm(column) : column));
    const distinct = !grouped && !options.single && random.chance(0.12);
    const columns = distinct ? uniform.map(exactForm) : uniform;
    const outputs = columns.map(({ piece }, index) =>
      options.named ? sequence([piece, ` AS c${index + 1}`]) : piece,
    );
    // Only a statement of its own may lose columns: elsewhere their number is fixed.
    const free = options.kinds === undefined && !options.named;
    const order = this.#order(columns, distinct, options, inner, body.grouped);
    const piece = sequence([
      distinct ? sequence(["SELECT DISTINCT "], ["SELECT "]) : "SELECT ",
      list(outputs, ", ", "", free ? 1 : outputs.length),
      list(items, ", ", " FROM ", 0),
      list(conjuncts, " AND ", " WHERE "),
      body.tail,
      order,
    ]);
    return { piece, columns, rows: options.single ? 1 : Math.max(1, body.rows) };
  }

  #plain(
    scope: Scope,
    sources: readonly Source[],
    kinds: readonly Kind[],
    rows: number,
    options: SelectOptions,
  ): Body {
    const { random } = this.#generation;
    const windows = !options.single && random.chance(0.15);
    const columns = kinds.map((kind): Expression => {
      if (windows && random.chance(0.5)) {
        const made = windowFunction(this.#generation, this.#expressions, kind, scope, totalOrder(sources));
        if (made) return made;
      }
      return this.#expressions.value(kind, scope, 2);
    });
    return { columns, tail: "", rows, grouped: false };
  }

  #grouped(
    scope: Scope,
    sources: readonly Source[],
    kinds: readonly Kind[],
    rows: number,
    options: SelectOptions,
  ): Body {
    const { random } = this.#generation;
    const keys = options.single ? [] : this.#groupKeys(scope);
    const order = totalOrder(sources);
    const make = (kind: Kind): Expression =>
      aggregate(this.#generation, this.#expressions, kind, scope, order);
    const columns = kinds.map((kind): Expression => {
      const key = keys.find((candidate) => candidate.kind === kind);
      return key && random.chance(0.7) ? key : make(kind);
    });
    const having = random.chance(0.2)
      ? [sql`${make("int").piece} ${random.pick([">", "<", "<>"])} ${random.pick(["0", "1", "5"])}`]
      : [];
    const tail = sequence([this.#groupBy(keys), list(having, " AND ", " HAVING ")]);
    return { columns, tail, rows: keys.length === 0 ? 1 : Math.ceil(rows / 3), grouped: true };
  }

  /** Columns, or expressions that surely hold one: a constant would be read as an ordinal. */
  #groupKeys(scope: Scope): Expression[] {
    const { random } = this.#generation;
    const keys: Expression[] = [];
    for (let count = random.int(0, 3); count > 0; count--) {
      const candidates = scope.atoms.filter((candidate) => !["json", "postal"].includes(candidate.kind));
      if (candidates.length === 0) break;
      const atom = random.pick(candidates);
      if (atom.kind === "int" && random.chance(0.3)) keys.push({ ...atom, piece: sql`(${atom.piece} % 7)` });
      else if (atom.kind === "date" && random.chance(0.5))
        keys.push({ ...atom, piece: sql`date_trunc('month', ${atom.piece})::date` });
      else keys.push(exactForm(atom));
    }
    return keys;
  }

  #groupBy(keys: readonly Expression[]): Piece {
    const { random } = this.#generation;
    if (keys.length === 0) return random.chance(0.1) ? " GROUP BY ()" : "";
    const pieces = keys.map((key) => key.piece);
    if (random.chance(0.75)) return list(pieces, ", ", " GROUP BY ", 0);
    const all = sequence(interleave(pieces));
    return random.pick([
      sql` GROUP BY ROLLUP (${all})`,
      sql` GROUP BY CUBE (${all})`,
      sql` GROUP BY GROUPING SETS ((${all}), (${pieces[0] ?? ""}), ())`,
      sql` GROUP BY GROUPING SETS ((${pieces[0] ?? ""}), (${all}))`,
    ]);
  }

  #order(
    columns: readonly Expression[],
    distinct: boolean,
    options: SelectOptions,
    scope: Scope,
    grouped: boolean,
  ): Piece {
    const { random } = this.#generation;
    if (options.single && !grouped)
      return sequence([" ORDER BY ", this.#orderKeys(columns, distinct, scope, true), " LIMIT 1"]);
    if (!options.limit || !random.chance(0.35)) return "";
    const keys = this.#orderKeys(columns, distinct, scope, grouped);
    const limit = random.weighted<Piece>([
      [2, ""],
      [4, optional(` LIMIT ${random.pick(["1", "3", "10", "50", "ALL"])}`)],
      [2, optional(` LIMIT ${random.int(1, 20)} OFFSET ${random.int(0, 30)}`)],
      [1, optional(` OFFSET ${random.int(0, 200)}`)],
      [0.7, optional(` FETCH FIRST ${random.int(1, 8)} ROWS ONLY`)],
    ]);
    return sequence([" ORDER BY ", keys, limit], [""]);
  }

  /** Some expression first, then all columns: what ties then is equal altogether. */
  #orderKeys(columns: readonly Expression[], distinct: boolean, scope: Scope, grouped: boolean): Piece {
    const { random } = this.#generation;
    const direction = (): string => random.pick(["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
    const first: Piece[] = [];
    if (!distinct && !grouped && scope.atoms.length > 0 && random.chance(0.5)) {
      const kind = random.pick(scope.atoms).kind;
      if (kind !== "postal")
        first.push(
          sql`${this.#expressions.value(kind, { ...scope, depth: 0 }, 1).piece} IS NULL${direction()}`,
        );
      const atom = random.pick(scope.atoms);
      first.push(sql`${atom.piece}${direction()}`);
    }
    const ordinals = random.shuffle(columns.map((_, index) => `${index + 1}${direction()}`));
    const rest = distinct ? [] : columns.filter((column) => !column.exact).map(tieBreaker);
    return sequence(interleave([...first, ...ordinals, ...rest]));
  }

  #derived(scope: Scope): DerivedTable {
    const { random } = this.#generation;
    const select = this.select(scope, { limit: true, named: true });
    return {
      piece: select.piece,
      columns: select.columns,
      rows: Math.max(1, random.chance(0.3) ? select.rows / 2 : select.rows),
    };
  }

  #scalar(kind: Kind, scope: Scope): Expression {
    const { piece, columns } = this.select(this.#inside(scope), { kinds: [kind], single: true });
    const [column] = columns;
    return {
      piece: sql`(${piece})`,
      kind,
      collation: column?.collation ?? "default",
      exact: column?.exact ?? false,
    };
  }

  #subqueryCondition(scope: Scope): Piece {
    const { random } = this.#generation;
    const inside = this.#inside(scope);
    if (random.chance(0.4)) {
      return sql`${random.pick(["", "NOT "])}EXISTS (${this.select(inside, {}).piece})`;
    }
    const kinds = ["int", "text", "date", "num"] as const;
    const kind = random.pick(
      kinds.filter((wanted) => scope.atoms.some((atom) => atom.kind === wanted)).concat("int"),
    );
    const left = this.#expressions.value(kind, { ...scope, depth: 0 }, 0);
    const { piece } = this.select(inside, { kinds: [kind], uniform: true, limit: true });
    const operator = random.pick(["IN", "IN", "NOT IN", "= ANY", "> ALL", "< ANY"]);
    return sql`${left.piece} ${operator} (${piece})`;
  }

  /** A subquery sees the columns of the statement around it. */
  #inside(scope: Scope): Scope {
    const visible: readonly Atom[] = this.#generation.random.chance(0.6)
      ? [...scope.atoms, ...scope.outer]
      : [];
    return { atoms: [], outer: visible, ctes: scope.ctes, depth: scope.depth - 1 };
  }
}
