/** A whole random statement: WITH, set operations, a SELECT. */
import { RandomSource } from "../random-source.ts";
import type { Kind } from "./kinds.ts";
import { list, optional, sequence, sql, type Piece } from "./piece.ts";
import { Names, type CommonTable, type Generation, type Scope } from "./scope.ts";
import { SelectGenerator, type Select } from "./select.ts";

export interface RandomStatement {
  readonly piece: Piece;
  /** Executed with its literals as parameters of the extended protocol. */
  readonly withParameters: boolean;
}

/** The statement of a seed and a number: each can be made alone. */
export function randomStatement(seed: number, number: number): RandomStatement {
  const random = new RandomSource(`${seed}/${number}`);
  const generation: Generation = { random, names: new Names() };
  const selects = new SelectGenerator(generation);
  const depth = random.weighted([
    [3, 1],
    [5, 2],
    [1, 3],
  ]);
  const scope: Scope = { atoms: [], outer: [], ctes: [], depth };
  const withParameters = random.chance(0.3);
  const ctes: CommonTable[] = [];
  const definitions: Piece[] = [];
  let recursive = false;
  for (
    let count = random.weighted([
      [6, 0],
      [2, 1],
      [1, 2],
    ]);
    count > 0;
    count--
  ) {
    const made = commonTable(generation, selects, {
      ...scope,
      ctes: [...ctes],
      depth: depth - 1,
    });
    ctes.push(made.table);
    definitions.push(made.piece);
    recursive ||= made.recursive;
  }
  const whole: Scope = { ...scope, ctes };
  const body = random.chance(0.2)
    ? setOperation(generation, selects, whole)
    : selects.select(whole, { limit: true });
  const before = recursive ? "WITH RECURSIVE " : "WITH ";
  return {
    piece: sequence([list(definitions, ", ", before), definitions.length > 0 ? " " : "", body.piece]),
    withParameters,
  };
}

interface Definition {
  readonly table: CommonTable;
  readonly piece: Piece;
  readonly recursive: boolean;
}

function commonTable(generation: Generation, selects: SelectGenerator, scope: Scope): Definition {
  const { random, names } = generation;
  const name = names.next("cte");
  if (random.chance(0.2)) return recursiveTable(generation, name);
  const { piece, columns, rows } = random.chance(0.25)
    ? setOperation(generation, selects, scope, true)
    : selects.select(scope, { limit: true, named: true });
  const materialized = random.pick(["", "", "MATERIALIZED ", "NOT MATERIALIZED "]);
  const atoms = columns.map((column, index) => ({
    ...column,
    name: `c${index + 1}`,
    piece: `c${index + 1}`,
  }));
  const columnNames = atoms.map((atom) => atom.name).join(", ");
  return {
    table: { name, columns: atoms, rows },
    piece: sql`${name} (${columnNames}) AS ${materialized}(${piece})`,
    recursive: false,
  };
}

/** Counting, a tree of genres, or a walk over loans: all of them end. */
function recursiveTable(generation: Generation, name: string): Definition {
  const { random } = generation;
  const steps = random.int(3, 9);
  const [kinds, text]: [Kind[], string] = random.pick<[Kind[], string]>([
    [
      ["int", "int"],
      `SELECT 1, ${random.int(0, 9)} UNION ALL SELECT c1 + 1, (c2 * 7 + 3) % 40 FROM ${name} WHERE c1 < ${steps}`,
    ],
    [
      ["int", "int"],
      `SELECT id, 1 FROM genres WHERE parent IS NULL UNION ALL SELECT x.id, r.c2 + 1 FROM genres x JOIN ${name} r ON x.parent = r.c1`,
    ],
    [
      ["int", "int"],
      `SELECT member_id, 1 FROM members WHERE member_id < ${steps} UNION SELECT l.branch, r.c2 + 1 FROM loans l JOIN ${name} r ON l.member_id = r.c1 WHERE r.c2 < 3`,
    ],
    [
      ["text", "int"],
      `SELECT lang, 0 FROM languages UNION SELECT t.author, r.c2 + 1 FROM titles t JOIN ${name} r ON t.lang = r.c1 WHERE r.c2 < 2 AND t.price > 60`,
    ],
  ]);
  const columns = kinds.map((kind, index) => ({
    name: `c${index + 1}`,
    piece: `c${index + 1}`,
    kind,
    collation: "default" as const,
    exact: true,
  }));
  return {
    table: { name, columns, rows: 60 },
    piece: `${name} (c1, c2) AS (${text})`,
    recursive: true,
  };
}

/** `fixed`: the number of columns is known outside. */
function setOperation(generation: Generation, selects: SelectGenerator, scope: Scope, fixed = false): Select {
  const { random } = generation;
  const inner: Scope = { ...scope, depth: Math.min(scope.depth, 1) };
  const first = selects.select(inner, { uniform: true, named: true });
  const kinds = first.columns.map((column) => column.kind);
  const arm = (): Select => selects.select(inner, { kinds, uniform: true });
  let piece: Piece = first.piece;
  let rows = first.rows;
  for (
    let count = random.weighted([
      [5, 1],
      [2, 2],
    ]);
    count > 0;
    count--
  ) {
    const next = arm();
    const operator = random.pick([
      " UNION ALL ",
      " UNION ALL ",
      " UNION ",
      " UNION ",
      " INTERSECT ",
      " EXCEPT ",
      " EXCEPT ALL ",
      " INTERSECT ALL ",
    ]);
    piece = sequence(["(", piece, ")", operator, "(", next.piece, ")"], fixed ? [] : [piece, next.piece]);
    rows += next.rows;
  }
  const ordinals = random.shuffle(
    kinds.map((_, index) => `${index + 1}${random.pick(["", " DESC", " NULLS FIRST"])}`),
  );
  const limit = random.chance(0.3)
    ? optional(` ORDER BY ${ordinals.join(", ")}`, optional(` LIMIT ${random.int(1, 40)}`))
    : "";
  return { piece: sequence([piece, limit]), columns: first.columns, rows };
}
