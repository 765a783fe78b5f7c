/**
 * First step of a statement's way: a query string becomes statements with their trees, by PostgreSQL's own parser. A
 * DISTRIBUTE BY clause, which that parser does not know, is taken out beforehand.
 */
import { hasSqlDetails, loadModule, parseSync } from "libpg-query";
import type { Node } from "@pgsql/types";
import { pgError, type PgError } from "../errors/pg-error.ts";
import { charactersIn } from "./characters.ts";
import { extractDistributionClauses, mayHoldDistributionClause } from "./distribution-clause.ts";
import { blankCommentsWithinStrings } from "./tokens.ts";
import type { ParsedStatement } from "./statement.ts";
import { shiftLocations } from "./walk.ts";

/** Loads the parser's WebAssembly module; to be awaited once per process, before the first parse. */
export async function initializeParser(): Promise<void> {
  await loadModule();
}

interface RawStatement {
  readonly stmt?: Node;
  readonly stmt_location?: number;
  readonly stmt_len?: number;
}

/**
 * The statements of a query string; none for an empty one. Throws a PgError (42601, or 54001 for what overflows the
 * parser's stack) with the position in the query string; for texts without a DISTRIBUTE BY clause the caller may let the
 * real server word that error.
 */
export function parseStatements(queryString: string): ParsedStatement[] {
  if (queryString === "") return [];
  const original = Buffer.from(queryString, "utf8");
  let raw: readonly RawStatement[];
  try {
    raw = parseRaw(queryString);
  } catch (error) {
    const plain = blankCommentsWithinStrings(original);
    if (plain !== undefined) return parseStatements(plain.toString("utf8"));
    if (!mayHoldDistributionClause(queryString)) throw error;
    return parseWithDistribution(original, error);
  }
  return raw.flatMap((statement) => toStatement(original, statement, undefined));
}

function parseWithDistribution(original: Buffer, plainError: unknown): ParsedStatement[] {
  const extracted = extractDistributionClauses(original);
  if (extracted.clauses.length === 0) throw plainError;
  // Blanks of equal length stand where the clauses stood: all offsets and error positions are those of the original.
  const raw = parseRaw(extracted.text.toString("utf8"));
  return raw.flatMap((statement) => {
    const start = statement.stmt_location ?? 0;
    const end = statement.stmt_len === undefined ? original.length : start + statement.stmt_len;
    const clause = extracted.clauses.find((c) => c.start >= start && c.end <= end);
    return toStatement(extracted.text, statement, clause?.clause);
  });
}

function toStatement(
  text: Buffer,
  raw: RawStatement,
  distribution: ParsedStatement["distribution"],
): ParsedStatement[] {
  if (raw.stmt === undefined) return [];
  const offset = raw.stmt_location ?? 0;
  const end = raw.stmt_len === undefined || raw.stmt_len === 0 ? text.length : offset + raw.stmt_len;
  if (offset > 0) shiftLocations(raw.stmt, -offset);
  const charactersBefore = offset === 0 ? 0 : charactersIn(text, 0, offset);
  return [{ text: text.subarray(offset, end), offset, charactersBefore, tree: raw.stmt, distribution }];
}

function parseRaw(queryString: string): readonly RawStatement[] {
  try {
    return parseSync(queryString).stmts ?? [];
  } catch (error) {
    throw toPgError(error);
  }
}

function toPgError(error: unknown): unknown {
  if (hasSqlDetails(error)) {
    const { message, cursorPosition } = error.sqlDetails!;
    const code = message.startsWith("memory exhausted") ? "54001" : "42601";
    // cursorPosition counts characters from 0, PostgreSQL's position field from 1.
    return pgError(code, message, { position: (cursorPosition ?? 0) + 1 });
  }
  if (error instanceof RangeError || (error instanceof Error && error.name === "RuntimeError"))
    return tooDeep();
  return error;
}

function tooDeep(): PgError {
  return pgError("54001", "stack depth limit exceeded", {
    hint: "The statement is nested too deeply to be parsed.",
  });
}
