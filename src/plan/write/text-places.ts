/** Where the parts of a writing statement stand in its text: the parse tree gives starts of expressions only. */
import type { InsertStmt } from "@pgsql/types";
import { isSymbol, isWord, nextToken, tokenize, type Token } from "../../sql/tokens.ts";
import { endOfRelationName } from "../table-names.ts";

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The parts of INSERT … VALUES and INSERT … DEFAULT VALUES. */
export interface ValuesPlaces {
  /** The column list with its parentheses, or the empty range where one may be put. */
  readonly columnList: Range;
  readonly hasColumnList: boolean;
  /** DEFAULT VALUES. */
  readonly defaultValues: Range | undefined;
  readonly rows: readonly RowPlace[];
}

export interface RowPlace extends Range {
  readonly cells: readonly Range[];
}

/** Undefined where the text is not plainly of this form: parentheses around VALUES, ORDER BY or LIMIT behind it. */
export function valuesPlaces(text: Buffer, statement: InsertStmt): ValuesPlaces | undefined {
  const relation = statement.relation!;
  const reader = new Reader(text, endOfRelationName(text, relation.location ?? 0, relation));
  if (relation.alias !== undefined) {
    if (!reader.word("as")) return undefined;
    reader.skip();
  }
  const listStart = reader.at;
  const list = reader.parenthesised();
  const hasColumnList = (statement.cols?.length ?? 0) > 0;
  if ((list !== undefined) !== hasColumnList) return undefined;
  const columnList = list ?? { start: listStart, end: listStart };
  if (reader.word("overriding")) {
    reader.skip();
    if (!reader.word("value")) return undefined;
  }
  const start = reader.peek()?.start ?? text.length;
  if (reader.word("default")) {
    if (!reader.word("values")) return undefined;
    return { columnList, hasColumnList, defaultValues: { start, end: reader.at }, rows: [] };
  }
  if (!reader.word("values")) return undefined;
  const rows: RowPlace[] = [];
  do {
    const row = reader.row();
    if (row === undefined) return undefined;
    rows.push(row);
  } while (reader.symbol(","));
  const after = reader.peek();
  const ends = after === undefined || isWord(text, after, "on") || isWord(text, after, "returning");
  return ends ? { columnList, hasColumnList, defaultValues: undefined, rows } : undefined;
}

/** Reads a text token by token. */
class Reader {
  private readonly text: Buffer;
  at: number;

  constructor(text: Buffer, at: number) {
    this.text = text;
    this.at = at;
  }

  peek(): Token | undefined {
    return nextToken(this.text, this.at);
  }

  skip(): void {
    this.at = this.peek()?.end ?? this.at;
  }

  word(word: string): boolean {
    const token = this.peek();
    if (!isWord(this.text, token, word)) return false;
    this.at = token!.end;
    return true;
  }

  symbol(symbol: string): boolean {
    const token = this.peek();
    if (!isSymbol(this.text, token, symbol)) return false;
    this.at = token!.end;
    return true;
  }

  parenthesised(): Range | undefined {
    const row = this.row();
    return row && { start: row.start, end: row.end };
  }

  /** (a, b, …) with the ranges between the commas. */
  row(): RowPlace | undefined {
    const open = this.peek();
    if (!isSymbol(this.text, open, "(")) return undefined;
    const cells: Range[] = [];
    let depth = 0;
    let cellStart = open!.end;
    let token = open;
    while (token !== undefined) {
      if (isOneOf(this.text, token, "([")) depth++;
      else if (isOneOf(this.text, token, ")]")) depth--;
      const ends = depth === 0 || (depth === 1 && isSymbol(this.text, token, ","));
      if (ends) {
        cells.push({ start: cellStart, end: token.start });
        cellStart = token.end;
      }
      if (depth === 0) {
        this.at = token.end;
        return { start: open!.start, end: token.end, cells };
      }
      token = nextToken(this.text, token.end);
    }
    return undefined;
  }
}

function isOneOf(text: Buffer, token: Token, symbols: string): boolean {
  return (
    token.kind === "symbol" &&
    token.end === token.start + 1 &&
    symbols.includes(String.fromCharCode(text[token.start]!))
  );
}

/** Where the clauses behind the source of an INSERT begin. `conflictAt` is the parser's word on ON CONFLICT. */
export function clausesStart(text: Buffer, conflictAt: number | undefined): number | undefined {
  if (conflictAt !== undefined) return conflictAt;
  let depth = 0;
  let found: number | undefined;
  let before: Token | undefined;
  for (const token of tokenize(text)) {
    if (isOneOf(text, token, "([")) depth++;
    else if (isOneOf(text, token, ")]")) depth--;
    // RETURNING is a reserved word, but SELECT 1 AS returning is allowed.
    else if (depth === 0 && isWord(text, token, "returning") && !isWord(text, before, "as"))
      found ??= token.start;
    before = token;
  }
  return found;
}
