/** DROP on a server that may lack the object: IF EXISTS is put where the client left it out. */
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import { isWord, nextToken, type Token } from "../../sql/tokens.ts";

/** Kinds of objects whose names have more than one word. */
const LONG_KINDS: readonly (readonly string[])[] = [
  ["text", "search", "configuration"],
  ["text", "search", "dictionary"],
  ["text", "search", "parser"],
  ["text", "search", "template"],
  ["operator", "class"],
  ["operator", "family"],
  ["access", "method"],
  ["procedural", "language"],
  ["trusted", "procedural", "language"],
];

/** The splice that makes DROP … say IF EXISTS; none where it does already. */
export function ifExists(statement: ParsedStatement): readonly Splice[] {
  const { text } = statement;
  const tokens: Token[] = [];
  let token = nextToken(text, 0);
  while (token !== undefined && tokens.length < 6) {
    tokens.push(token);
    token = nextToken(text, token.end);
  }
  const long = LONG_KINDS.find((words) => words.every((word, i) => isWord(text, tokens[i + 1], word)));
  const last = long?.length ?? 1;
  if (isWord(text, tokens[last + 1], "if") && isWord(text, tokens[last + 2], "exists")) return [];
  const at = tokens[last]!.end;
  return [{ start: at, end: at, text: " IF EXISTS" }];
}
