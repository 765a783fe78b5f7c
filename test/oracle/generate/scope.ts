/** What an expression may refer to at some place of a statement. */
import type { RandomSource } from "../random-source.ts";
import { literal, sql, type Piece } from "./piece.ts";
import { KINDS, type Collation, type Kind } from "./kinds.ts";

export interface Expression {
  readonly piece: Piece;
  readonly kind: Kind;
  readonly collation: Collation;
  readonly exact: boolean;
}

/** A column of a source, or whatever else may be named. */
export interface Atom extends Expression {
  readonly name: string;
}

export interface Source {
  readonly alias: string;
  readonly atoms: readonly Atom[];
  /** Estimate: keeps cross joins small. */
  readonly rows: number;
  /** Expressions that tell its rows apart (rows that are equal in all of them are equal in all columns). */
  readonly identity: readonly Expression[];
}

export interface Scope {
  readonly atoms: readonly Atom[];
  /** Columns of the surrounding statement. */
  readonly outer: readonly Atom[];
  readonly ctes: readonly CommonTable[];
  /** How much deeper subqueries may nest. */
  readonly depth: number;
}

export interface CommonTable {
  readonly name: string;
  readonly columns: readonly Atom[];
  readonly rows: number;
}

/** Numbers aliases, so that no two of a statement are equal. */
export class Names {
  #count = 0;

  next(prefix: string): string {
    return `${prefix}${++this.#count}`;
  }
}

export interface Generation {
  readonly random: RandomSource;
  readonly names: Names;
}

/** The same value in a form in which equal values have equal texts, for GROUP BY, DISTINCT, set operations, ORDER BY. */
export function exactForm(expression: Expression): Expression {
  if (expression.exact) return expression;
  if (expression.kind === "label") {
    return { piece: sql`(${expression.piece} COLLATE "C")`, kind: "text", collation: "c", exact: true };
  }
  return { ...expression, piece: sql`round(${expression.piece}, 4)`, exact: true };
}

/** One type, scale and collation per kind: what set operations need of both arms. */
export function uniformForm(expression: Expression): Expression {
  const { kind, piece } = expression;
  if (kind === "text" || kind === "label" || kind === "char") {
    return { piece: sql`(${piece}::text COLLATE "C")`, kind: "text", collation: "c", exact: true };
  }
  if (kind === "num") return { ...expression, piece: sql`round(${piece}, 4)`, exact: true };
  if (kind === "int") return { ...expression, piece: sql`${piece}::bigint` };
  if (kind === "float") return { ...expression, piece: sql`${piece}::float8` };
  return expression;
}

/** For the end of an ORDER BY: makes it total. */
export function tieBreaker({ piece, exact }: Expression): Piece {
  return exact ? piece : sql`(${piece})::text COLLATE "C"`;
}

export function sample(random: RandomSource, kind: Kind): Expression {
  const { type, samples } = KINDS[kind];
  return { piece: literal(random.pick(samples), type), kind, collation: "default", exact: true };
}

export function nullOf(kind: Kind): Expression {
  return { piece: literal(null, KINDS[kind].type), kind, collation: "default", exact: true };
}
