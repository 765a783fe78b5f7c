/**
 * How the lines of text and CSV data end: PostgreSQL takes the first line's way for all of them and refuses the others, so
 * that a file damaged on its way is noticed. Source: CopyReadLineText in src/backend/commands/copyfromparse.c.
 */
import { pgError, type PgError } from "../../errors/pg-error.ts";

export const LineEnd = { unknown: 0, newline: 1, return: 2, returnNewline: 3 } as const;
export type LineEnd = (typeof LineEnd)[keyof typeof LineEnd];

export const NEWLINE = 10;
export const RETURN = 13;

export function strayReturn(csv: boolean): PgError {
  return csv
    ? pgError("22P04", "unquoted carriage return found in data", {
        hint: "Use quoted CSV field to represent carriage return.",
      })
    : pgError("22P04", "literal carriage return found in data", {
        hint: 'Use "\\r" to represent carriage return.',
      });
}

export function strayNewline(csv: boolean): PgError {
  return csv
    ? pgError("22P04", "unquoted newline found in data", {
        hint: "Use quoted CSV field to represent newline.",
      })
    : pgError("22P04", "literal newline found in data", { hint: 'Use "\\n" to represent newline.' });
}
