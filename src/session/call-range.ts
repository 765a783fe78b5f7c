/** Where a call ends in a text: the parse tree gives its beginning only. */
import { isSymbol, nextToken } from "../sql/tokens.ts";

/** The parentheses behind a function's name: [start, firstEnd) is the first argument, `end` is behind the last parenthesis. */
export function callRange(
  text: Buffer,
  from: number,
): { start: number; firstEnd: number; end: number } | undefined {
  let token = nextToken(text, from);
  while (token !== undefined && !isSymbol(text, token, "(")) token = nextToken(text, token.end);
  if (token === undefined) return undefined;
  const start = token.end;
  let firstEnd: number | undefined;
  for (let depth = 1; depth > 0;) {
    token = nextToken(text, token.end);
    if (token === undefined) return undefined;
    if (isSymbol(text, token, "(") || isSymbol(text, token, "[")) depth++;
    else if (isSymbol(text, token, ")") || isSymbol(text, token, "]")) depth--;
    if (depth === 0 || (depth === 1 && isSymbol(text, token, ","))) firstEnd ??= token.start;
  }
  return { start, firstEnd: firstEnd!, end: token.end };
}
