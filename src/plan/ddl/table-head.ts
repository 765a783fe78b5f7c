/** The head of ALTER TABLE [IF EXISTS] [ONLY] name [*]: a sharded table's own name, without what partitions do not understand. */
import type { RangeVar } from "@pgsql/types";
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import { isSymbol, isWord, nextToken, type Token } from "../../sql/tokens.ts";

export interface TableHead {
  /** Byte range of the name as written. */
  readonly nameStart: number;
  readonly nameEnd: number;
  /** Behind the name and its asterisk. */
  readonly end: number;
  /** Takes ONLY, IF EXISTS and the asterisk out; a materialised view is a table where its rows lie. */
  readonly plain: readonly Splice[];
}

/** End of a possibly qualified name that begins at `start`. */
export function endOfName(text: Buffer, start: number): number {
  let last: Token = nextToken(text, start)!;
  for (;;) {
    const dot = nextToken(text, last.end);
    if (!isSymbol(text, dot, ".")) return last.end;
    last = nextToken(text, dot!.end)!;
  }
}

export function tableHead(statement: ParsedStatement, relation: RangeVar): TableHead {
  const { text } = statement;
  const nameStart = relation.location ?? 0;
  const nameEnd = endOfName(text, nameStart);
  const after = nextToken(text, nameEnd);
  const end = isSymbol(text, after, "*") ? after!.end : nameEnd;
  const plain: Splice[] = [];
  // ALTER and TABLE (or INDEX …) stay; IF EXISTS, ONLY and a parenthesis of ONLY (name) lie between them and the name.
  let kind = nextToken(text, nextToken(text, 0)!.end)!;
  for (let token = kind; token.start < nameStart; token = nextToken(text, token.end)!)
    if (
      !isWord(text, token, "if") &&
      !isWord(text, token, "exists") &&
      !isWord(text, token, "only") &&
      token.kind === "word"
    )
      kind = token;
  const first = nextToken(text, nextToken(text, 0)!.end)!;
  if (isWord(text, first, "materialized")) plain.push({ start: first.start, end: kind.end, text: "TABLE" });
  if (kind.end < nameStart) plain.push({ start: kind.end, end: nameStart, text: " " });
  if (end > nameEnd) plain.push({ start: nameEnd, end, text: "" });
  return { nameStart, nameEnd, end, plain };
}
