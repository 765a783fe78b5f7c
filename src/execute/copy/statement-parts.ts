/** Where the parts of a COPY statement stand in its text, for the few changes that nodes need. */
import type { Node, RangeVar } from "@pgsql/types";
import type { Splice } from "../../sql/statement.ts";
import { isSymbol, nextToken, type Token } from "../../sql/tokens.ts";

export interface CopyStatement {
  readonly relation?: RangeVar;
  readonly query?: Node;
  readonly attlist?: readonly Node[];
  readonly is_from?: boolean;
  readonly is_program?: boolean;
  readonly filename?: string;
  readonly options?: readonly Node[];
  readonly whereClause?: Node;
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The table's name with its schema, and the column list behind it with its parentheses. */
export interface TableRange {
  readonly name: Range;
  readonly columns: Range | undefined;
}

export function tableRange(text: Buffer, relation: RangeVar): TableRange {
  const start = relation.location ?? 0;
  let last = nextToken(text, start)!;
  let next = nextToken(text, last.end);
  while (isSymbol(text, next, ".")) {
    last = nextToken(text, next!.end)!;
    next = nextToken(text, last.end);
  }
  const name = { start, end: last.end };
  if (!isSymbol(text, next, "(")) return { name, columns: undefined };
  return { name, columns: { start: next!.start, end: closing(text, next!).end } };
}

/** What stands between the parentheses of COPY (query). */
export function queryRange(text: Buffer): Range {
  let token = nextToken(text, 0)!;
  while (!isSymbol(text, token, "(")) token = nextToken(text, token.end)!;
  return { start: token.end, end: closing(text, token).start };
}

/** The parenthesis that closes the one given. */
function closing(text: Buffer, open: Token): Token {
  let token = open;
  for (let depth = 1; depth > 0;) {
    token = nextToken(text, token.end)!;
    if (isSymbol(text, token, "(")) depth++;
    else if (isSymbol(text, token, ")")) depth--;
  }
  return token;
}

/** Takes an option without a list as its value (FREEZE, HEADER) back: in a list of options it is set to false, in the old syntax it goes. */
export function switchedOff(text: Buffer, options: readonly Node[], name: string): Splice[] {
  const splices: Splice[] = [];
  for (const option of options) {
    const { defname, location } = (option as { DefElem: { defname: string; location?: number } }).DefElem;
    if (defname !== name || location === undefined) continue;
    const keyword = nextToken(text, location)!;
    const next = nextToken(text, keyword.end);
    if (isSymbol(text, next, ",") || isSymbol(text, next, ")"))
      splices.push({ start: keyword.end, end: keyword.end, text: " false" });
    else if (inParentheses(text, location))
      splices.push({ start: next!.start, end: next!.end, text: "false" });
    else splices.push({ start: keyword.start, end: keyword.end, text: " " });
  }
  return splices;
}

/** An option of a list stands behind its parenthesis or a comma, one of the old syntax behind a word or a value. */
function inParentheses(text: Buffer, location: number): boolean {
  let before: Token | undefined;
  for (
    let token = nextToken(text, 0);
    token !== undefined && token.start < location;
    token = nextToken(text, token.end)
  )
    before = token;
  return isSymbol(text, before, "(") || isSymbol(text, before, ",");
}
