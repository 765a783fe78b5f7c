/**
 * Finds the lines of COPY data in text format and their key fields. A backslash takes the meaning from the byte behind it,
 * also from a line's end; whether a byte is meant so is told by the number of backslashes right before it. Source:
 * CopyReadLineText and CopyReadAttributesText in src/backend/commands/copyfromparse.c.
 */
import type { CopyFormat } from "./copy-format.ts";
import { LineEnd, NEWLINE, RETURN, strayNewline, strayReturn } from "./line-ends.ts";
import { FieldKind, FieldRegisters, type RecordHandler, type Splitter } from "./splitter.ts";

const BACKSLASH = 92;
const DOT = 46;

export class TextSplitter implements Splitter {
  readonly fields: FieldRegisters;
  ended = false;
  private readonly handler: RecordHandler;
  private readonly delimiter: number;
  private readonly nullMarker: Buffer;
  private readonly defaultMarker: Buffer | undefined;
  private readonly countsFields: boolean;
  private lineEnd: LineEnd = LineEnd.unknown;
  /** Bytes of the record under way in which no end was found. */
  private scanned = 0;
  private firstScanned = 0;
  private contentEnd = 0;
  /** Where the next backslash and the next byte of the other line end stand in this block; -1: not looked for yet. */
  private nextBackslash = -1;
  private nextOther = -1;

  constructor(
    format: CopyFormat,
    ordinals: readonly number[],
    countsFields: boolean,
    handler: RecordHandler,
  ) {
    this.fields = new FieldRegisters(ordinals);
    this.handler = handler;
    this.delimiter = format.delimiter;
    this.nullMarker = format.nullMarker;
    this.defaultMarker = format.defaultMarker;
    this.countsFields = countsFields;
  }

  split(block: Buffer, from: number, to: number, last: boolean): number {
    const bytes = block.length === to ? block : block.subarray(0, to);
    this.nextBackslash = -1;
    this.nextOther = -1;
    let start = from;
    while (start < to) {
      const end =
        this.lineEnd === LineEnd.unknown
          ? this.findFirstEnd(bytes, start, last)
          : this.findEnd(bytes, start, last);
      if (end < 0) {
        this.scanned = to - start;
        return start;
      }
      this.scanned = 0;
      const { contentEnd } = this;
      if (
        contentEnd - start === 2 &&
        contentEnd < end &&
        bytes[start] === BACKSLASH &&
        bytes[start + 1] === DOT
      ) {
        this.ended = true;
        return to;
      }
      this.findFields(bytes, start, contentEnd);
      this.handler.record(bytes, start, end, contentEnd, 1);
      start = end;
    }
    return start;
  }

  /** The first line says how lines end. Gives the offset behind the line's end, -1 when that has not arrived. */
  private findFirstEnd(bytes: Buffer, start: number, last: boolean): number {
    let i = start + this.firstScanned;
    for (; i < bytes.length; i++) {
      const b = bytes[i]!;
      if (b === BACKSLASH) i++;
      else if (b === NEWLINE) {
        this.lineEnd = LineEnd.newline;
        this.contentEnd = i;
        return i + 1;
      } else if (b === RETURN) {
        if (i + 1 === bytes.length && !last) break;
        const pair = bytes[i + 1] === NEWLINE;
        this.lineEnd = pair ? LineEnd.returnNewline : LineEnd.return;
        this.contentEnd = i;
        return i + (pair ? 2 : 1);
      }
    }
    // Beyond the end when a backslash was the last byte: the byte behind it has no meaning.
    this.firstScanned = i - start;
    if (!last) return -1;
    this.contentEnd = bytes.length;
    return bytes.length;
  }

  private findEnd(bytes: Buffer, start: number, last: boolean): number {
    const mark = this.lineEnd === LineEnd.newline ? NEWLINE : RETURN;
    // The byte scanned last may be a \r whose \n had not arrived.
    const at = Math.max(start, start + this.scanned - 1);
    let end = bytes.indexOf(mark, at);
    while (end >= 0 && end > start && bytes[end - 1] === BACKSLASH && isEscaped(bytes, start, end))
      end = bytes.indexOf(mark, end + 1);
    const contentEnd = end < 0 ? bytes.length : end;
    this.refuseOther(bytes, start, at, contentEnd);
    if (end < 0) {
      if (!last) return -1;
      this.contentEnd = contentEnd;
      return contentEnd;
    }
    this.contentEnd = end;
    if (this.lineEnd !== LineEnd.returnNewline) return end + 1;
    if (end + 1 === bytes.length && !last) return -1;
    if (bytes[end + 1] !== NEWLINE) throw strayReturn(false);
    return end + 2;
  }

  /** A line end of another kind than the first line's, in bytes [from, to) of the record that begins at `start`. */
  private refuseOther(bytes: Buffer, start: number, from: number, to: number): void {
    const other = this.lineEnd === LineEnd.newline ? RETURN : NEWLINE;
    while (this.nextOther < to) {
      if (this.nextOther >= from && !isEscaped(bytes, start, this.nextOther))
        throw other === RETURN ? strayReturn(false) : strayNewline(false);
      const next = bytes.indexOf(other, Math.max(from, this.nextOther + 1));
      this.nextOther = next < 0 ? bytes.length : next;
      if (next < 0) return;
    }
  }

  private findFields(bytes: Buffer, start: number, end: number): void {
    const { fields, delimiter } = this;
    const { ordinals } = fields;
    if (ordinals.length === 0 && !this.countsFields) return;
    if (this.nextBackslash < start) {
      const next = bytes.indexOf(BACKSLASH, start);
      this.nextBackslash = next < 0 ? bytes.length : next;
    }
    const escapes = this.nextBackslash < end;
    let wanted = 0;
    let ordinal = 0;
    let fieldStart = start;
    for (let i = start; i <= end; i++) {
      if (i < end) {
        const b = bytes[i]!;
        if (b !== delimiter) {
          if (escapes && b === BACKSLASH) i++;
          if (i < end) continue;
        }
      }
      // A backslash at the very end has nothing behind it.
      const fieldEnd = Math.min(i, end);
      if (ordinal === ordinals[wanted]) {
        this.set(bytes, wanted, start, fieldStart, fieldEnd, escapes);
        if (++wanted === ordinals.length && !this.countsFields) return;
      }
      ordinal++;
      fieldStart = i + 1;
    }
    fields.count = ordinal;
    for (; wanted < ordinals.length; wanted++) fields.kind[wanted] = FieldKind.missing;
  }

  private set(
    bytes: Buffer,
    wanted: number,
    start: number,
    from: number,
    to: number,
    escapes: boolean,
  ): void {
    const { fields } = this;
    fields.start[wanted] = from - start;
    fields.end[wanted] = to - start;
    if (equals(bytes, from, to, this.nullMarker)) fields.kind[wanted] = FieldKind.null;
    else if (this.defaultMarker !== undefined && equals(bytes, from, to, this.defaultMarker))
      fields.kind[wanted] = FieldKind.default;
    else
      fields.kind[wanted] = escapes && holdsBackslash(bytes, from, to) ? FieldKind.encoded : FieldKind.plain;
  }

  value(block: Buffer, start: number, field: number): Buffer {
    const from = start + this.fields.start[field]!;
    const to = start + this.fields.end[field]!;
    return this.fields.kind[field] === FieldKind.encoded
      ? withoutEscapes(block, from, to)
      : block.subarray(from, to);
  }
}

/** An odd number of backslashes stands right before `at`. */
function isEscaped(bytes: Buffer, start: number, at: number): boolean {
  let i = at;
  while (i > start && bytes[i - 1] === BACKSLASH) i--;
  return ((at - i) & 1) === 1;
}

export function equals(bytes: Buffer, from: number, to: number, marker: Buffer): boolean {
  if (to - from !== marker.length) return false;
  for (let i = 0; i < marker.length; i++) if (bytes[from + i] !== marker[i]) return false;
  return true;
}

function holdsBackslash(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] === BACKSLASH) return true;
  return false;
}

/** \b \f \n \r \t \v */
const LETTERS: ReadonlyMap<number, number> = new Map([
  [98, 8],
  [102, 12],
  [110, 10],
  [114, 13],
  [116, 9],
  [118, 11],
]);

const isOctal = (b: number | undefined): boolean => b !== undefined && b >= 48 && b <= 55;

function hexDigit(b: number | undefined): number {
  if (b === undefined) return -1;
  if (b >= 48 && b <= 57) return b - 48;
  const lower = b | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function withoutEscapes(bytes: Buffer, from: number, to: number): Buffer {
  const out = Buffer.allocUnsafe(to - from);
  let length = 0;
  for (let i = from; i < to;) {
    const b = bytes[i++]!;
    if (b !== BACKSLASH || i >= to) {
      out[length++] = b;
      continue;
    }
    const next = bytes[i++]!;
    if (isOctal(next)) {
      let value = next - 48;
      for (let digits = 1; digits < 3 && i < to && isOctal(bytes[i]); digits++)
        value = value * 8 + bytes[i++]! - 48;
      out[length++] = value & 255;
    } else if (next === 120 && i < to && hexDigit(bytes[i]) >= 0) {
      let value = hexDigit(bytes[i++]);
      if (i < to && hexDigit(bytes[i]) >= 0) value = value * 16 + hexDigit(bytes[i++]);
      out[length++] = value;
    } else {
      out[length++] = LETTERS.get(next) ?? next;
    }
  }
  return out.subarray(0, length);
}
