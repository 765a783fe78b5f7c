/**
 * The statement library: blocks of one file per topic.
 *
 *   -- @id joins.full_using | Q8: merged column of a FULL JOIN | expect 23505 | ordered
 *   SELECT …;
 *
 * After the id: notes (free text, the row of the failure catalogue first) and options: `expect S…` (SQLSTATEs of the errors
 * that plain PostgreSQL gives, in order), `ordered` (compare the order of rows although the statement is no SELECT),
 * `messages` (compare the texts of errors), `shape` (do not compare rows), `may-refuse` (0A000 is accepted),
 * `simple` (only by the simple protocol). Inside a block: `-- @session 2` goes on in another session; the statements
 * between `-- @string` and `-- @end` travel as one string.
 */
import { readFileSync, readdirSync } from "node:fs";
import { splitStatements } from "./split-statements.ts";

export interface Step {
  readonly session: number;
  readonly sql: string;
  readonly copyIn: string | undefined;
  /** Several statements in one string: only the simple protocol can. */
  readonly string: boolean;
}

export interface Block {
  readonly id: string;
  readonly topic: string;
  readonly note: string;
  readonly expect: readonly string[];
  readonly ordered: boolean;
  readonly messages: boolean;
  readonly shape: boolean;
  readonly mayRefuse: boolean;
  readonly simple: boolean;
  readonly steps: readonly Step[];
}

const OPTIONS = new Set(["ordered", "messages", "shape", "may-refuse", "simple"]);

/** All blocks of the *.sql files of a folder, but the schema. */
export function readLibrary(folder: URL): Block[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql") && name !== "schema.sql");
  return files.toSorted().flatMap((name) => parseLibrary(readFileSync(new URL(name, folder), "utf8")));
}

export function parseLibrary(text: string): Block[] {
  const [, ...parts] = text.split(/^-- @id /m);
  const blocks = parts.map(parseBlock);
  const seen = new Set<string>();
  for (const { id } of blocks) {
    if (seen.has(id)) throw new Error(`two blocks are called ${id}`);
    seen.add(id);
  }
  return blocks;
}

function parseBlock(part: string): Block {
  const end = part.indexOf("\n");
  const [id = "", ...fields] = part
    .slice(0, end)
    .split("|")
    .map((field) => field.trim());
  const expect = fields.find((field) => /^expect( [0-9A-Z]{5})+$/.test(field));
  const has = (option: string): boolean => fields.includes(option);
  return {
    id,
    topic: id.split(".")[0] ?? "",
    note: fields.filter((field) => field !== expect && !OPTIONS.has(field)).join("; "),
    expect: expect?.split(" ").slice(1) ?? [],
    ordered: has("ordered"),
    messages: has("messages"),
    shape: has("shape"),
    mayRefuse: has("may-refuse"),
    simple: has("simple"),
    steps: parseSteps(part.slice(end + 1)),
  };
}

function parseSteps(body: string): Step[] {
  const steps: Step[] = [];
  let session = 1;
  const pieces = body.split(/^-- @(session \d+|string|end)$/m);
  let string = false;
  for (const [index, piece] of pieces.entries()) {
    if (index % 2 === 1) {
      if (piece === "string") string = true;
      else if (piece === "end") string = false;
      else session = Number(piece.slice("session ".length));
      continue;
    }
    if (piece.trim() === "") continue;
    if (string) steps.push({ session, sql: piece.trim(), copyIn: undefined, string: true });
    else steps.push(...splitStatements(piece).map((statement) => ({ session, string: false, ...statement })));
  }
  return steps.filter((step) => !/^(--[^\n]*\s*)*$/.test(step.sql));
}
