/**
 * Query strings that were written for standard_conforming_strings = off: a plain literal with a backslash in it becomes E'…', which
 * means the same under both settings. Nothing else changes.
 */
import { charactersIn } from "./characters.ts";

export interface EscapedText {
  readonly text: Buffer;
  /** Where an E was put: characters of the new text before it, ascending. */
  readonly inserted: readonly number[];
  /** Literals that PostgreSQL warns of, by what their first backslash escapes. */
  readonly warnings: readonly EscapeWarning[];
}

export interface EscapeWarning {
  readonly kind: "backslash" | "quote" | "other";
  /** Characters of the original text before the literal. */
  readonly position: number;
}

const QUOTE = 39;
const BACKSLASH = 92;
const NEWLINE = 10;

/** Undefined where that cannot be done: N'…'. */
export function escapeStrings(text: Buffer): EscapedText | undefined {
  const parts: Buffer[] = [];
  const inserted: number[] = [];
  const warnings: EscapeWarning[] = [];
  let copied = 0;
  let at = 0;
  for (;;) {
    const literal = nextPlainLiteral(text, at);
    if (literal === undefined) break;
    at = literal.end;
    const backslash = text.subarray(literal.start, literal.end).indexOf(BACKSLASH);
    if (backslash < 0) continue;
    if (literal.national) return undefined;
    const position = charactersIn(text, 0, literal.start);
    const escaped = text[literal.start + backslash + 1];
    const kind = escaped === BACKSLASH ? "backslash" : escaped === QUOTE ? "quote" : "other";
    warnings.push({ kind, position });
    // date'…' is not to become a name that ends with E.
    const written = isWordByte(text[literal.start - 1] ?? 0) ? " E" : "E";
    for (let i = 0; i < written.length; i++) inserted.push(position + inserted.length);
    parts.push(text.subarray(copied, literal.start), Buffer.from(written));
    copied = literal.start;
  }
  if (parts.length === 0) return { text, inserted, warnings };
  return { text: Buffer.concat([...parts, text.subarray(copied)]), inserted, warnings };
}

/** A 1-based character position in the new text, in the original one. */
export function originalPosition(inserted: readonly number[], position: number): number {
  return position - inserted.filter((at) => at < position - 1).length;
}

interface PlainLiteral {
  readonly start: number;
  readonly end: number;
  readonly national: boolean;
}

function nextPlainLiteral(text: Buffer, from: number): PlainLiteral | undefined {
  let i = from;
  while (i < text.length) {
    const rest = text.toString("latin1", i, i + 2);
    const b = text[i]!;
    if (b === QUOTE) return { start: i, end: endOfLiteral(text, i), national: false };
    if (rest === "--") i = indexOr(text, NEWLINE, i, text.length);
    else if (rest === "/*") i = endOfComment(text, i);
    else if (b === 34) i = indexOr(text, 34, i + 1, text.length) + 1;
    else if (b === 36) i = endOfDollarQuote(text, i);
    else if (isWordByte(b)) {
      let end = i + 1;
      while (end < text.length && (isWordByte(text[end]!) || text[end] === 36)) end++;
      const word = text.toString("latin1", i, end).toLowerCase();
      i = end;
      if (text[end] !== QUOTE) continue;
      if (word === "n") return { start: end, end: endOfLiteral(text, end), national: true };
      // E'…' has its escapes already; in bits and hexadecimal digits there is nothing to escape.
      if (word === "e" || word === "b" || word === "x") i = endOfLiteral(text, end);
    } else if (rest === "&'" && /[uU]/.test(text.toString("latin1", i - 1, i))) i = endOfLiteral(text, i + 1);
    else i++;
  }
  return undefined;
}

function isWordByte(b: number): boolean {
  return (b >= 97 && b <= 122) || (b >= 65 && b <= 90) || (b >= 48 && b <= 57) || b === 95 || b >= 128;
}

function indexOr(text: Buffer, byte: number, from: number, otherwise: number): number {
  const found = text.indexOf(byte, from);
  return found < 0 ? otherwise : found;
}

/** A literal goes on behind white space with a line break in it. */
function endOfLiteral(text: Buffer, open: number): number {
  let i = open + 1;
  while (i < text.length) {
    if (text[i] === BACKSLASH) i += 2;
    else if (text[i] !== QUOTE) i++;
    else if (text[i + 1] === QUOTE) i += 2;
    else {
      const more = /^[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:\s|--[^\n\r]*[\n\r])*'/.exec(
        text.toString("latin1", i + 1, i + 1024),
      );
      if (more === null) return i + 1;
      i += 1 + more[0].length;
    }
  }
  return text.length;
}

function endOfComment(text: Buffer, open: number): number {
  let depth = 1;
  let i = open + 2;
  for (; i < text.length && depth > 0; i++) {
    const two = text.toString("latin1", i, i + 2);
    if (two === "/*") depth++;
    else if (two === "*/") depth--;
    else continue;
    i++;
  }
  return i;
}

function endOfDollarQuote(text: Buffer, open: number): number {
  const tag = /^\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$/.exec(
    text.toString("latin1", open, open + 70),
  )?.[0];
  if (tag === undefined) return open + 1;
  const close = text.indexOf(tag, open + tag.length, "latin1");
  return close < 0 ? text.length : close + tag.length;
}
