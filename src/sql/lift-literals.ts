/**
 * The hot path of the simple protocol: statements that differ only in their literals share one plan. A light scanner takes
 * numbers and plain strings out of a query string, without parsing it; what remains is the key of the cache.
 * It gives up on everything that is not plainly what it looks like: the caller then plans the text as it is.
 */

/** Byte range of a literal in the query string; a string's range includes its quotes. */
export interface LiftedLiteral {
  readonly start: number;
  readonly end: number;
  /** An integer has so few digits that it is int4, whatever they are; a number is any other. */
  readonly kind: "integer" | "number" | "string";
}

export interface Skeleton {
  /** The text with each literal replaced by a NUL and i, n or s: texts with equal keys differ only in literals of the same kind. */
  readonly key: string;
  readonly literals: readonly LiftedLiteral[];
}

/** Numbers of up to so many digits are int4 whatever they are. */
const INT4_DIGITS_SAFE = 9;
/** More literals than this are not worth a prepared statement. */
const literalCountMax = 64;

// Classes of bytes: what may begin or continue what.
const Class = {
  Other: 0,
  Space: 1,
  Identifier: 2,
  Digit: 3,
  Quote: 4,
  DoubleQuote: 5,
  Minus: 6,
  Slash: 7,
  Semicolon: 8,
  Dot: 9,
  /** Not understood here: backslash, dollar, NUL. */
  Stop: 10,
} as const;

const classes = new Uint8Array(256);
for (let b = 0; b < 256; b++) {
  if (b === 32 || (b >= 9 && b <= 13)) classes[b] = Class.Space;
  else if (b >= 48 && b <= 57) classes[b] = Class.Digit;
  else if ((b >= 97 && b <= 122) || (b >= 65 && b <= 90) || b === 95 || b >= 128)
    classes[b] = Class.Identifier;
}
classes[39] = Class.Quote;
classes[34] = Class.DoubleQuote;
classes[45] = Class.Minus;
classes[47] = Class.Slash;
classes[59] = Class.Semicolon;
classes[46] = Class.Dot;
classes[92] = Class.Stop;
classes[36] = Class.Stop;
classes[0] = Class.Stop;

/**
 * The skeleton of a query string that holds one statement, or undefined where anything is unusual: E'…', U&'…', B'…', X'…',
 * N'…', dollar quotes, parameters, backslashes, nested or unclosed comments, literals continued on the next line, numbers with
 * letters in them, text behind a semicolon. To be asked only while standard_conforming_strings is on.
 */
export function liftLiterals(text: Buffer): Skeleton | undefined {
  const literals: LiftedLiteral[] = [];
  let key = "";
  let copied = 0;
  let i = 0;
  const n = text.length;
  while (i < n) {
    switch (classes[text[i]!]) {
      case Class.Identifier: {
        const start = i++;
        while (i < n && (classes[text[i]!] === Class.Identifier || classes[text[i]!] === Class.Digit)) i++;
        if (i < n) {
          const next = text[i];
          // A prefix letter at a quote (E'…'); U&'…' and U&"…".
          if (next === 39 && i - start === 1) return undefined;
          if (next === 38 && i - start === 1 && (text[start]! | 32) === 117) return undefined;
          if (next === 36) return undefined;
        }
        break;
      }
      case Class.Digit: {
        const start = i;
        i = endOfNumber(text, i);
        if (i < 0 || literals.length === literalCountMax) return undefined;
        const kind = i - start <= INT4_DIGITS_SAFE && !hasFraction(text, start, i) ? "integer" : "number";
        key += text.toString("latin1", copied, start) + (kind === "integer" ? "\0i" : "\0n");
        copied = i;
        literals.push({ start, end: i, kind });
        break;
      }
      case Class.Dot:
        // .5 and 1..2 are rare enough.
        if (i + 1 < n && (classes[text[i + 1]!] === Class.Digit || text[i + 1] === 46)) return undefined;
        i++;
        break;
      case Class.Quote: {
        const start = i;
        i = endOfString(text, i);
        if (i < 0 || literals.length === literalCountMax) return undefined;
        key += text.toString("latin1", copied, start) + "\0s";
        copied = i;
        literals.push({ start, end: i, kind: "string" });
        break;
      }
      case Class.DoubleQuote: {
        const close = text.indexOf(34, i + 1);
        if (close < 0 || text[close + 1] === 34) return undefined;
        i = close + 1;
        break;
      }
      case Class.Minus:
        if (text[i + 1] === 45) {
          while (i < n && text[i] !== 10 && text[i] !== 13) i++;
        } else i++;
        break;
      case Class.Slash:
        if (text[i + 1] === 42) {
          const close = text.indexOf("*/", i + 2, "latin1");
          const nested = text.indexOf("/*", i + 2, "latin1");
          if (close < 0 || (nested >= 0 && nested < close)) return undefined;
          i = close + 2;
        } else i++;
        break;
      case Class.Semicolon:
        i++;
        while (i < n && classes[text[i]!] === Class.Space) i++;
        if (i < n) return undefined;
        break;
      case Class.Stop:
        return undefined;
      default:
        i++;
    }
  }
  return { key: key + text.toString("latin1", copied, n), literals };
}

/** Digits with at most one fraction; -1 where the number goes on in any other way (1e5, 0x1F, 1_000, 12abc). */
function endOfNumber(text: Buffer, start: number): number {
  let i = start;
  while (i < text.length && classes[text[i]!] === Class.Digit) i++;
  if (text[i] === 46) {
    i++;
    const fraction = i;
    while (i < text.length && classes[text[i]!] === Class.Digit) i++;
    if (i === fraction) return -1;
  }
  const after = i < text.length ? classes[text[i]!] : Class.Space;
  return after === Class.Identifier || after === Class.Dot || after === Class.Quote || after === Class.Stop
    ? -1
    : i;
}

function hasFraction(text: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (text[i] === 46) return true;
  return false;
}

/** Behind the closing quote; -1 for an unclosed one, a backslash inside, or a literal that may go on behind a line break or a comment. */
function endOfString(text: Buffer, start: number): number {
  let i = start + 1;
  for (;;) {
    const b = text[i];
    if (b === undefined || b === 92 || b === 0) return -1;
    if (b === 39) {
      if (text[i + 1] !== 39) break;
      i++;
    }
    i++;
  }
  const end = i + 1;
  let j = end;
  let lineBreak = false;
  while (j < text.length && classes[text[j]!] === Class.Space) {
    lineBreak ||= text[j] === 10 || text[j] === 13;
    j++;
  }
  const comment = text[j] === 45 && text[j + 1] === 45;
  return comment || (lineBreak && text[j] === 39) ? -1 : end;
}

/** The value of a lifted literal: digits as written, a string without its quotes. */
export function literalBytes(text: Buffer, literal: LiftedLiteral): Buffer {
  if (literal.kind !== "string") return text.subarray(literal.start, literal.end);
  const inner = text.subarray(literal.start + 1, literal.end - 1);
  // Byte for byte: what is not UTF-8 is for the server to refuse.
  return inner.includes("''") ? Buffer.from(inner.toString("latin1").replaceAll("''", "'"), "latin1") : inner;
}
