/** The FROM clause: tables of all kinds, subqueries, common tables, functions and VALUES, joined in every way. */
import type { ExpressionGenerator } from "./expression.ts";
import { KINDS, RELATED, TABLES, type Kind, type TableShape } from "./kinds.ts";
import { list, sequence, sql, type Piece } from "./piece.ts";
import {
  sample,
  tieBreaker,
  type Atom,
  type Expression,
  type Generation,
  type Scope,
  type Source,
} from "./scope.ts";

export interface FromClause {
  /** Items of the FROM list. */
  readonly items: readonly Piece[];
  readonly sources: readonly Source[];
  readonly rows: number;
}

/** Rows that a join may be expected to have: keeps a statement's time in bounds. */
const ROWS_MAX = 60_000;

export interface DerivedTable {
  readonly piece: Piece;
  readonly columns: readonly Expression[];
  readonly rows: number;
}

export type MakeDerived = (scope: Scope, outer: readonly Atom[]) => DerivedTable;

interface JoinTree {
  readonly piece: Piece;
  readonly sources: readonly Source[];
  readonly rows: number;
  /** The table, when it is one alone: only then NATURAL means what is wanted. */
  readonly table: TableShape | undefined;
}

export class FromGenerator {
  readonly #generation: Generation;
  readonly #expressions: ExpressionGenerator;
  readonly #derived: MakeDerived;

  constructor(generation: Generation, expressions: ExpressionGenerator, derived: MakeDerived) {
    this.#generation = generation;
    this.#expressions = expressions;
    this.#derived = derived;
  }

  from(scope: Scope, sourcesMax: number): FromClause {
    const { random } = this.#generation;
    let tree = this.#source(scope, []);
    const wanted = random.weighted([
      [4, 1],
      [5, 2],
      [3, 3],
      [1, 4],
    ]);
    for (let count = 1; count < Math.min(wanted, sourcesMax); count++) tree = this.#join(tree, scope);
    if (tree.rows < 200 && random.chance(0.08)) {
      const other = this.#source(scope, []);
      if (tree.rows * other.rows <= ROWS_MAX) {
        return {
          items: [tree.piece, other.piece],
          sources: [...tree.sources, ...other.sources],
          rows: tree.rows * other.rows,
        };
      }
    }
    return { items: [tree.piece], sources: tree.sources, rows: tree.rows };
  }

  #source(scope: Scope, lateral: readonly Atom[]): JoinTree {
    const { random } = this.#generation;
    return random.weighted<() => JoinTree>([
      [12, () => this.#table()],
      [scope.depth > 0 ? 2.5 : 0, () => this.#subquery(scope, [])],
      [scope.depth > 0 && lateral.length > 0 ? 1.5 : 0, () => this.#subquery(scope, lateral)],
      [scope.ctes.length * 3, () => this.#commonTable(scope)],
      [0.6, () => this.#series()],
      [0.6, () => this.#values()],
    ])();
  }

  #table(): JoinTree {
    const { random, names } = this.#generation;
    const table = random.pick(TABLES);
    const alias = names.next(table.name.slice(0, 1));
    const atoms = table.columns.map((column) => ({ ...column, piece: `${alias}.${column.name}` }));
    const identity = atoms.filter((atom) => table.key.includes(atom.name));
    return {
      piece: `${table.name} ${random.pick(["", "AS "])}${alias}`,
      sources: [{ alias, atoms, rows: table.rows, identity }],
      rows: table.rows,
      table,
    };
  }

  #subquery(scope: Scope, lateral: readonly Atom[]): JoinTree {
    const alias = this.#generation.names.next("q");
    const inner: Scope = { atoms: [], outer: lateral, ctes: scope.ctes, depth: scope.depth - 1 };
    const { piece, columns, rows } = this.#derived(inner, lateral);
    return this.#named(alias, sql`${lateral.length > 0 ? "LATERAL " : ""}(${piece}) ${alias}`, columns, rows);
  }

  #commonTable(scope: Scope): JoinTree {
    const { random, names } = this.#generation;
    const table = random.pick(scope.ctes);
    const alias = names.next("w");
    const atoms = table.columns.map((atom) => ({ ...atom, piece: `${alias}.${atom.name}` }));
    const source = { alias, atoms, rows: table.rows, identity: atoms };
    return { piece: `${table.name} ${alias}`, sources: [source], rows: table.rows, table: undefined };
  }

  #series(): JoinTree {
    const { random, names } = this.#generation;
    const alias = names.next("g");
    const last = random.int(2, 12);
    const atom: Atom = { name: alias, piece: alias, kind: "int", collation: "default", exact: true };
    const source = { alias, atoms: [atom], rows: last, identity: [atom] };
    return { piece: `generate_series(1, ${last}) ${alias}`, sources: [source], rows: last, table: undefined };
  }

  #values(): JoinTree {
    const { random, names } = this.#generation;
    const alias = names.next("v");
    const kinds = [random.pick<Kind>(["int", "date", "num"]), random.pick<Kind>(["text", "state", "bool"])];
    const row = (): Piece =>
      sql`(${list(
        kinds.map((kind) => sample(random, kind).piece),
        ", ",
      )})`;
    const rows = Array.from({ length: random.int(1, 4) }, row);
    const columns = kinds.map((kind) => ({
      piece: "",
      kind,
      collation: "default" as const,
      exact: kind !== "num",
    }));
    const piece = sql`(VALUES ${list(rows, ", ", "", 1)}) ${alias} (${kinds.map((_, index) => `c${index + 1}`).join(", ")})`;
    return this.#named(alias, piece, columns, rows.length);
  }

  #named(alias: string, piece: Piece, columns: readonly Expression[], rows: number): JoinTree {
    const atoms = columns.map((column, index) => ({
      ...column,
      name: `c${index + 1}`,
      piece: `${alias}.c${index + 1}`,
    }));
    return { piece, sources: [{ alias, atoms, rows, identity: atoms }], rows, table: undefined };
  }

  #join(left: JoinTree, scope: Scope): JoinTree {
    const { random } = this.#generation;
    const leftAtoms = left.sources.flatMap((source) => source.atoms);
    const lateral = random.chance(0.5) ? leftAtoms : [];
    let right = this.#source(scope, lateral);
    if (right.table && random.chance(0.12)) right = this.#group(right, this.#table(), scope);
    const isLateral = typeof right.piece !== "string" && startsWithLateral(right.piece);
    const sources = [...left.sources, ...right.sources];
    const cross = left.rows * right.rows;
    const joinable = { left, right, sources };

    if (isLateral && right.rows * left.rows <= ROWS_MAX * 4) {
      const kind = random.pick([" CROSS JOIN ", " LEFT JOIN "]);
      const tail = kind === " LEFT JOIN " ? " ON true" : "";
      return this.#made(joinable, sequence([left.piece, kind, right.piece, tail], [left.piece]), cross);
    }
    if (cross <= 4000 && random.chance(0.2)) {
      return this.#made(
        joinable,
        sequence([left.piece, " CROSS JOIN ", right.piece], [left.piece, right.piece]),
        cross,
      );
    }
    const natural = this.#natural(left, right);
    const kind = random.pick([
      " JOIN ",
      " JOIN ",
      " LEFT JOIN ",
      " LEFT JOIN ",
      " RIGHT JOIN ",
      " FULL JOIN ",
    ]);
    // A lateral right side cannot be preserved.
    const type = isLateral ? " LEFT JOIN " : kind;
    const rows = Math.max(left.rows, right.rows) * 3;
    if (natural && random.chance(0.5)) {
      return this.#made(
        joinable,
        sequence([left.piece, ` NATURAL${type}`, right.piece], [left.piece, right.piece]),
        rows,
      );
    }
    const using = natural && random.chance(0.5) ? ` USING (${natural.join(", ")})` : undefined;
    const on = using ?? sql` ON ${this.#condition(left, right, scope, type === " FULL JOIN ", cross)}`;
    return this.#made(
      joinable,
      sequence([left.piece, type, right.piece, on], [left.piece, right.piece]),
      rows,
    );
  }

  /** A join in parentheses on the right side of another. */
  #group(left: JoinTree, right: JoinTree, scope: Scope): JoinTree {
    const { random } = this.#generation;
    const type = random.pick([" JOIN ", " LEFT JOIN "]);
    const on = this.#condition(left, right, scope, false, left.rows * right.rows);
    const piece = sequence(["(", left.piece, type, right.piece, " ON ", on, ")"], [left.piece, right.piece]);
    return {
      piece,
      sources: [...left.sources, ...right.sources],
      rows: Math.max(left.rows, right.rows) * 2,
      table: undefined,
    };
  }

  #made({ sources }: { readonly sources: readonly Source[] }, piece: Piece, rows: number): JoinTree {
    return { piece, sources, rows: Math.max(1, rows), table: undefined };
  }

  /** Names of the common columns of two tables, when all of them are worth joining by. */
  #natural(left: JoinTree, right: JoinTree): string[] | undefined {
    if (!left.table || !right.table || left.table === right.table) return undefined;
    const theirs = new Map(right.table.columns.map((column) => [column.name, column.kind]));
    const common = left.table.columns.filter((column) => theirs.get(column.name) === column.kind);
    const names = common.map((column) => column.name);
    const meaningful = names.every((name) =>
      ["member_id", "lang", "code", "branch", "id", "loan_id"].includes(name),
    );
    const clash = left.table.columns.some(
      (column) => theirs.has(column.name) && !names.includes(column.name),
    );
    return names.length > 0 && meaningful && !clash ? names : undefined;
  }

  #condition(left: JoinTree, right: JoinTree, scope: Scope, full: boolean, cross: number): Piece {
    const { random } = this.#generation;
    const leftAtoms = left.sources.flatMap((source) => source.atoms);
    const rightAtoms = right.sources.flatMap((source) => source.atoms);
    const conjuncts: Piece[] = [];
    const pair = this.#related(leftAtoms, rightAtoms) ?? this.#sameKind(leftAtoms, rightAtoms);
    if (pair) {
      conjuncts.push(this.#expressions.compare(pair[0], "=", pair[1]));
      // Small columns join by too many rows; one more equality mends that.
      const second = random.chance(0.6) ? this.#related(leftAtoms, rightAtoms) : undefined;
      if (second && second[0].name !== pair[0].name)
        conjuncts.push(this.#expressions.compare(second[0], "=", second[1]));
    }
    const other: Scope = { ...scope, atoms: [...leftAtoms, ...rightAtoms], depth: 0 };
    if (!pair && full) return "false";
    if (!pair && cross > ROWS_MAX)
      return sql`${random.pick(rightAtoms).piece} IS NULL AND ${random.pick(leftAtoms).piece} IS NULL`;
    if (!pair || random.chance(0.3)) conjuncts.push(this.#expressions.condition(other, 1));
    return list(conjuncts, " AND ", "", 1);
  }

  #related(left: readonly Atom[], right: readonly Atom[]): [Atom, Atom] | undefined {
    const pairs: [Atom, Atom][] = [];
    for (const a of left) {
      const group = RELATED.find((names) => names.includes(a.name));
      for (const b of right) {
        if (a.kind === b.kind && (group?.includes(b.name) ?? false)) pairs.push([a, b]);
      }
    }
    return pairs.length > 0 ? this.#generation.random.pick(pairs) : undefined;
  }

  #sameKind(left: readonly Atom[], right: readonly Atom[]): [Atom, Atom] | undefined {
    const pairs = left.flatMap((a) =>
      right
        .filter((b) => a.kind === b.kind && (a.kind === "int" || a.kind === "date" || a.kind === "text"))
        .map((b): [Atom, Atom] => [a, b]),
    );
    return pairs.length > 0 ? this.#generation.random.pick(pairs) : undefined;
  }
}

function startsWithLateral(piece: Exclude<Piece, string>): boolean {
  return piece.kind === "sequence" && piece.parts.some((part) => part === "LATERAL ");
}

/** Orders the rows of a FROM clause totally: rows that tie are equal in every column. */
export function totalOrder(sources: readonly Source[]): Piece[] {
  return sources.flatMap((source) => source.identity.map(tieBreaker));
}

export const typeName = (kind: Kind): string => KINDS[kind].type;
