/**
 * PostgreSQL's lexical rules over UTF-8 bytes, as far as boundaries of tokens go: where a name ends, what stands before it,
 * which identifiers a function body mentions. libpg-query's scanner knows more, but answers for a whole text at once and
 * costs some microseconds a token; here one can begin at any token's offset.
 */

export type TokenKind = "word" | "quoted" | "string" | "number" | "parameter" | "operator" | "symbol";

export interface Token {
  readonly kind: TokenKind;
  /** Byte offsets [start, end). */
  readonly start: number;
  readonly end: number;
}

const Byte = {
  Tab: 9,
  Newline: 10,
  Return: 13,
  Space: 32,
  DoubleQuote: 34,
  Dollar: 36,
  Ampersand: 38,
  Quote: 39,
  Star: 42,
  Minus: 45,
  Dot: 46,
  Slash: 47,
  Backslash: 92,
} as const;

function isSpace(b: number): boolean {
  return b === Byte.Space || (b >= 9 && b <= 13);
}

function isDigit(b: number): boolean {
  return b >= 48 && b <= 57;
}

function isIdentifierStart(b: number): boolean {
  return (b >= 97 && b <= 122) || (b >= 65 && b <= 90) || b === 95 || b >= 128;
}

function isIdentifierPart(b: number): boolean {
  return isIdentifierStart(b) || isDigit(b) || b === Byte.Dollar;
}

const operatorBytes = new Set(Buffer.from("~!@#^&|`?+-*/%<>="));

/** Skips white space and comments (block comments nest). */
function skipSpace(text: Buffer, from: number): number {
  let i = from;
  for (;;) {
    const b = text[i];
    if (b === undefined) return i;
    if (isSpace(b)) i++;
    else if (b === Byte.Minus && text[i + 1] === Byte.Minus) {
      i += 2;
      while (i < text.length && text[i] !== Byte.Newline && text[i] !== Byte.Return) i++;
    } else if (b === Byte.Slash && text[i + 1] === Byte.Star) {
      let depth = 1;
      i += 2;
      while (i < text.length && depth > 0) {
        if (text[i] === Byte.Slash && text[i + 1] === Byte.Star) {
          depth++;
          i += 2;
        } else if (text[i] === Byte.Star && text[i + 1] === Byte.Slash) {
          depth--;
          i += 2;
        } else i++;
      }
    } else return i;
  }
}

/** What a quote inside may be: doubled; with E'…' also behind a backslash; in B'…' and X'…' there is none. */
type Inside = "doubled" | "escaped" | "bits";

/** End of a quoted run whose first quote is at `open`. */
function endOfQuoted(text: Buffer, open: number, inside: Inside): number {
  const quote = text[open];
  let i = open + 1;
  while (i < text.length) {
    if (text[i] === quote) {
      if (inside === "bits" || text[i + 1] !== quote) return i + 1;
      i += 2;
    } else if (inside === "escaped" && text[i] === Byte.Backslash) i += 2;
    else i++;
  }
  return text.length;
}

/** By the letter before the quote, or the quote itself. */
function insideOf(first: number): Inside {
  const letter = String.fromCharCode(first | 32);
  return letter === "e" ? "escaped" : letter === "b" || letter === "x" ? "bits" : "doubled";
}

/**
 * 'a' <newline> 'b' is one literal; only white space with a line break and -- comments may stand between (scan.l: quotecontinue).
 * `comments` gets those comments.
 */
function endOfString(
  text: Buffer,
  open: number,
  inside: Inside,
  comments?: { start: number; end: number }[],
): number {
  let end = endOfQuoted(text, open, inside);
  for (;;) {
    let i = end;
    let lineBreak = false;
    const between: { start: number; end: number }[] = [];
    for (;;) {
      const b = text[i];
      if (b !== undefined && isSpace(b)) {
        lineBreak ||= b === Byte.Newline || b === Byte.Return;
        i++;
      } else if (b === Byte.Minus && text[i + 1] === Byte.Minus) {
        const start = i;
        while (i < text.length && text[i] !== Byte.Newline && text[i] !== Byte.Return) i++;
        between.push({ start, end: i });
      } else break;
    }
    if (!lineBreak || text[i] !== Byte.Quote) return end;
    comments?.push(...between);
    end = endOfQuoted(text, i, inside);
  }
}

/**
 * The text with blanks in place of comments between the parts of one string literal; undefined if there is none. Our parser's
 * scanner, unlike PostgreSQL's, takes such parts for two literals.
 */
export function blankCommentsWithinStrings(text: Buffer): Buffer | undefined {
  const comments: { start: number; end: number }[] = [];
  for (const token of tokenize(text)) {
    if (token.kind !== "string") continue;
    const open = text.indexOf(Byte.Quote, token.start);
    // A dollar-quoted string has no parts.
    if (text[token.start] !== Byte.Dollar) endOfString(text, open, insideOf(text[token.start]!), comments);
  }
  if (comments.length === 0) return undefined;
  const blanked = Buffer.from(text);
  for (const { start, end } of comments) blanked.fill(Byte.Space, start, end);
  return blanked;
}

function endOfDollarQuoted(text: Buffer, open: number): number | undefined {
  let i = open + 1;
  const first = text[i];
  if (first === undefined) return undefined;
  if (isIdentifierStart(first)) {
    while (i < text.length && isIdentifierPart(text[i]!) && text[i] !== Byte.Dollar) i++;
  }
  if (text[i] !== Byte.Dollar) return undefined;
  const tag = text.subarray(open, i + 1);
  const close = text.indexOf(tag, i + 1);
  return close < 0 ? text.length : close + tag.length;
}

/** The token at or after `from` (which must not lie inside one), or undefined at the end. */
export function nextToken(text: Buffer, from: number): Token | undefined {
  const start = skipSpace(text, from);
  const b = text[start];
  if (b === undefined) return undefined;
  const next = text[start + 1];
  if (b === Byte.Quote) return { kind: "string", start, end: endOfString(text, start, "doubled") };
  if (b === Byte.DoubleQuote) return { kind: "quoted", start, end: endOfQuoted(text, start, "doubled") };
  if (isIdentifierStart(b)) {
    if (next === Byte.Quote && "eEbBxX".includes(String.fromCharCode(b))) {
      return { kind: "string", start, end: endOfString(text, start + 1, insideOf(b)) };
    }
    if ((b === 85 || b === 117) && next === Byte.Ampersand) {
      const quote = text[start + 2];
      if (quote === Byte.Quote)
        return { kind: "string", start, end: endOfString(text, start + 2, "doubled") };
      if (quote === Byte.DoubleQuote)
        return { kind: "quoted", start, end: endOfQuoted(text, start + 2, "doubled") };
    }
    let end = start + 1;
    while (end < text.length && isIdentifierPart(text[end]!)) end++;
    return { kind: "word", start, end };
  }
  if (b === Byte.Dollar) {
    if (next !== undefined && isDigit(next)) {
      let end = start + 2;
      while (end < text.length && isDigit(text[end]!)) end++;
      return { kind: "parameter", start, end };
    }
    const end = endOfDollarQuoted(text, start);
    return end === undefined ? { kind: "symbol", start, end: start + 1 } : { kind: "string", start, end };
  }
  if (isDigit(b) || (b === Byte.Dot && next !== undefined && isDigit(next))) {
    return { kind: "number", start, end: endOfNumber(text, start) };
  }
  if (operatorBytes.has(b)) {
    let end = start + 1;
    while (end < text.length && operatorBytes.has(text[end]!)) {
      const two = text[end]! * 256 + (text[end + 1] ?? 0);
      if (two === Byte.Minus * 257 || two === Byte.Slash * 256 + Byte.Star) break;
      end++;
    }
    return { kind: "operator", start, end };
  }
  return { kind: "symbol", start, end: start + 1 };
}

function endOfNumber(text: Buffer, start: number): number {
  let i = start;
  while (i < text.length) {
    const b = text[i]!;
    if (isDigit(b) || b === 95) i++;
    // 1..10 is a loop range of PL/pgSQL, not the number "1." and another.
    else if (b === Byte.Dot && text[i + 1] !== Byte.Dot) i++;
    else if ((b === 69 || b === 101) && /^[eE][+-]?[0-9]/.test(text.toString("latin1", i, i + 3))) i += 2;
    else if (
      /[xXoObBa-fA-F]/.test(String.fromCharCode(b)) &&
      text[start] === 48 &&
      /^0[xXoObB]/.test(text.toString("latin1", start, start + 2))
    )
      i++;
    else break;
  }
  return i;
}

/** All tokens of a text. */
export function tokenize(text: Buffer): Token[] {
  const tokens: Token[] = [];
  let token = nextToken(text, 0);
  while (token !== undefined) {
    tokens.push(token);
    token = nextToken(text, token.end);
  }
  return tokens;
}

/** The token's text as written. */
export function tokenText(text: Buffer, token: Token): string {
  return text.toString("utf8", token.start, token.end);
}

/** The name a word or quoted identifier stands for: folded to lower case, or unquoted. (U&"…" is given as written.) */
export function tokenName(text: Buffer, token: Token): string {
  const written = tokenText(text, token);
  if (token.kind === "word") return written.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
  if (token.kind === "quoted" && written.startsWith('"')) return written.slice(1, -1).replaceAll('""', '"');
  return written;
}

/** Is the token this keyword (given in lower case), unquoted? */
export function isWord(text: Buffer, token: Token | undefined, word: string): boolean {
  return (
    token?.kind === "word" &&
    token.end - token.start === word.length &&
    tokenText(text, token).toLowerCase() === word
  );
}

/** Is the token this punctuation mark or operator? */
export function isSymbol(text: Buffer, token: Token | undefined, symbol: string): boolean {
  return (
    token !== undefined &&
    (token.kind === "symbol" || token.kind === "operator") &&
    token.end - token.start === symbol.length &&
    tokenText(text, token) === symbol
  );
}
