/** A node's error of a COPY in the client's terms: the line that the client wrote, without the columns that Pleiad appended. */
import { PgError } from "../../errors/pg-error.ts";
import type { LineIndex } from "./line-index.ts";

/** "COPY orders, line 3", at the start of a line of the context; the line's number is the last such. */
const CONTEXT = /^(COPY .*?, line )(\d+)/m;

export interface LineError {
  readonly error: PgError;
  /** The client's line; undefined for an error of the whole. */
  readonly line: number | undefined;
}

export function inClientLines(error: PgError, lines: LineIndex): LineError {
  const match = CONTEXT.exec(error.fields.where ?? "");
  if (match === null) return { error, line: undefined };
  const line = lines.clientLine(Number(match[2]));
  const where = error.fields.where!.replace(CONTEXT, line === undefined ? "COPY" : `$1${line}`);
  return { error: new PgError({ ...error.fields, where }), line };
}

/** The error that a single server, which reads the lines in order, would have come to first. */
export function firstInOrder(errors: readonly LineError[]): PgError | undefined {
  let first: LineError | undefined;
  for (const candidate of errors) {
    // What was cancelled or lost has its cause elsewhere.
    if (first === undefined || rank(candidate) < rank(first)) first = candidate;
  }
  return first?.error;
}

function rank({ error, line }: LineError): number {
  if (line !== undefined) return line;
  return error.code === "57014" || error.code.startsWith("08") ? Number.MAX_VALUE : Number.MAX_SAFE_INTEGER;
}

/** MAX_COPY_DATA_DISPLAY of PostgreSQL. */
const SHOWN_BYTES_MAX = 100;

/** The context of an error that Pleiad itself found in the data, in PostgreSQL's words. */
export function whereOf(table: string, line: number, content?: Buffer): string {
  const where = `COPY ${table}, line ${line}`;
  if (content === undefined) return where;
  if (content.length <= SHOWN_BYTES_MAX) return `${where}: "${content.toString()}"`;
  let end = SHOWN_BYTES_MAX;
  while ((content[end]! & 0xc0) === 0x80) end--;
  return `${where}: "${content.toString("utf8", 0, end)}..."`;
}

/** The same for an error that does not know its place yet. */
export function atLine(error: PgError, table: string, line: number): LineError {
  const found = CONTEXT.exec(error.fields.where ?? "");
  if (found !== null) return { error, line: Number(found[2]) };
  return { error: new PgError({ ...error.fields, where: whereOf(table, line) }), line };
}
