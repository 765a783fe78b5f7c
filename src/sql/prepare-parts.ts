/** Where the parts of PREPARE name [(type, …)] AS statement stand in its text. */
import { nextToken } from "./tokens.ts";

export interface PrepareParts {
  /** Byte offset of the statement behind AS. */
  readonly bodyStart: number;
  /** What stands between the parentheses of the type list. */
  readonly typeList: string | undefined;
}

/** `text` is a PREPARE statement by the parser's word. */
export function prepareParts(text: Buffer): PrepareParts {
  const prepare = nextToken(text, 0)!;
  const name = nextToken(text, prepare.end)!;
  let token = nextToken(text, name.end)!;
  let typeList: string | undefined;
  if (text[token.start] === 0x28) {
    const from = token.end;
    let depth = 1;
    while (depth > 0) {
      token = nextToken(text, token.end)!;
      if (text[token.start] === 0x28) depth++;
      else if (text[token.start] === 0x29) depth--;
    }
    typeList = text.subarray(from, token.start).toString();
    token = nextToken(text, token.end)!;
  }
  return { bodyStart: token.end, typeList };
}
