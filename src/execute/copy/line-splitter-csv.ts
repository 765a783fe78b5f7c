/**
 * Finds the records of COPY data in CSV format and their key fields. A quoted field may hold delimiters and line ends; a
 * record without a quote, which is told by one search per block, goes a short way. Source: CopyReadLineText and
 * CopyReadAttributesCSV in src/backend/commands/copyfromparse.c. `\.` is data, as since PostgreSQL 18.
 */
import type { CopyFormat } from "./copy-format.ts";
import { LineEnd, NEWLINE, RETURN, strayNewline, strayReturn } from "./line-ends.ts";
import { equals } from "./line-splitter-text.ts";
import { FieldKind, FieldRegisters, type RecordHandler, type Splitter } from "./splitter.ts";

export interface CsvKey {
  /** FORCE_NULL, FORCE_NOT_NULL for this key column. */
  readonly forceNull: boolean;
  readonly forceNotNull: boolean;
}

export class CsvSplitter implements Splitter {
  readonly fields: FieldRegisters;
  readonly ended = false;
  private readonly handler: RecordHandler;
  private readonly delimiter: number;
  private readonly quote: number;
  /** -1 when it is the quote itself: then a doubled quote just closes and opens. */
  private readonly escape: number;
  private readonly nullMarker: Buffer;
  private readonly defaultMarker: Buffer | undefined;
  private readonly keys: readonly CsvKey[];
  private readonly countsFields: boolean;
  private lineEnd: LineEnd = LineEnd.unknown;
  private nextQuote = -1;
  private nextOther = -1;
  // Where the record under way stands, when its end has not arrived.
  private scanned = 0;
  private inQuote = false;
  private afterEscape = false;
  private sawQuote = false;
  private lines = 1;
  private ordinal = 0;
  private wanted = 0;
  private fieldStart = 0;
  private contentEnd = 0;

  constructor(
    format: CopyFormat,
    ordinals: readonly number[],
    keys: readonly CsvKey[],
    countsFields: boolean,
    handler: RecordHandler,
  ) {
    this.fields = new FieldRegisters(ordinals);
    this.handler = handler;
    this.delimiter = format.delimiter;
    this.quote = format.quote;
    this.escape = format.escape === format.quote ? -1 : format.escape;
    this.nullMarker = format.nullMarker;
    this.defaultMarker = format.defaultMarker;
    this.keys = keys;
    this.countsFields = countsFields;
  }

  split(block: Buffer, from: number, to: number, last: boolean): number {
    const bytes = block.length === to ? block : block.subarray(0, to);
    this.nextQuote = -1;
    this.nextOther = -1;
    let start = from;
    while (start < to) {
      let end = this.scanned === 0 && this.lineEnd !== LineEnd.unknown ? this.plainRecord(bytes, start) : 0;
      if (end === 0) end = this.quotedRecord(bytes, start, last);
      if (end < 0) return start;
      this.handler.record(bytes, start, end, this.contentEnd, this.lines);
      this.begin();
      start = end;
    }
    return start;
  }

  private begin(): void {
    this.scanned = 0;
    this.inQuote = false;
    this.afterEscape = false;
    this.sawQuote = false;
    this.lines = 1;
    this.ordinal = 0;
    this.wanted = 0;
    this.fieldStart = 0;
  }

  /** A whole record without a quote; 0 when it has one, or when its end is not here: then the long way is right. */
  private plainRecord(bytes: Buffer, start: number): number {
    const newline = this.lineEnd === LineEnd.newline;
    const end = bytes.indexOf(newline ? NEWLINE : RETURN, start);
    if (end < 0) return 0;
    if (this.nextQuote < start) this.nextQuote = indexOrEnd(bytes, this.quote, start);
    if (this.nextQuote < end) return 0;
    if (this.nextOther < start) this.nextOther = indexOrEnd(bytes, newline ? RETURN : NEWLINE, start);
    if (this.nextOther < end) return 0;
    if (this.lineEnd === LineEnd.returnNewline && bytes[end + 1] !== NEWLINE) return 0;
    this.contentEnd = end;
    this.plainFields(bytes, start, end);
    return end + (this.lineEnd === LineEnd.returnNewline ? 2 : 1);
  }

  private plainFields(bytes: Buffer, start: number, end: number): void {
    const { ordinals } = this.fields;
    if (ordinals.length === 0 && !this.countsFields) return;
    for (let i = start; i < end; i++) {
      if (bytes[i] !== this.delimiter) continue;
      this.endField(bytes, start, i - start);
      if (this.wanted === ordinals.length && !this.countsFields) return;
    }
    this.endField(bytes, start, end - start);
    this.endFields();
  }

  /** Byte by byte; goes on where the last call stopped. -1 when the record's end has not arrived. */
  private quotedRecord(bytes: Buffer, start: number, last: boolean): number {
    const { quote, escape, delimiter } = this;
    for (let i = start + this.scanned; i < bytes.length; i++) {
      const b = bytes[i]!;
      if (this.inQuote) {
        if (b === escape) this.afterEscape = !this.afterEscape;
        if (b === quote && !this.afterEscape) this.inQuote = false;
        else if (b === (this.lineEnd === LineEnd.newline ? NEWLINE : RETURN)) this.lines++;
        if (b !== escape) this.afterEscape = false;
      } else if (b === quote) {
        this.inQuote = true;
        this.sawQuote = true;
      } else if (b === delimiter) {
        this.endField(bytes, start, i - start);
      } else if (b === NEWLINE || b === RETURN) {
        const end = this.endOfLine(bytes, i, last);
        if (end < 0) {
          this.scanned = i - start;
          return -1;
        }
        return this.endRecord(bytes, start, i, end);
      }
    }
    this.scanned = bytes.length - start;
    return last ? this.endRecord(bytes, start, bytes.length, bytes.length) : -1;
  }

  private endRecord(bytes: Buffer, start: number, contentEnd: number, end: number): number {
    this.contentEnd = contentEnd;
    this.endField(bytes, start, contentEnd - start);
    this.endFields();
    return end;
  }

  /** The offset behind the line end at `at`; -1 when it cannot be told yet. Throws when it is not like the first line's. */
  private endOfLine(bytes: Buffer, at: number, last: boolean): number {
    if (bytes[at] === NEWLINE) {
      if (this.lineEnd === LineEnd.return || this.lineEnd === LineEnd.returnNewline) throw strayNewline(true);
      this.lineEnd = LineEnd.newline;
      return at + 1;
    }
    if (this.lineEnd === LineEnd.newline) throw strayReturn(true);
    if (this.lineEnd === LineEnd.return) return at + 1;
    if (at + 1 === bytes.length && !last) return -1;
    if (bytes[at + 1] === NEWLINE) {
      this.lineEnd = LineEnd.returnNewline;
      return at + 2;
    }
    if (this.lineEnd === LineEnd.returnNewline) throw strayReturn(true);
    this.lineEnd = LineEnd.return;
    return at + 1;
  }

  /** `end`: offset of the field's end from the record's start. */
  private endField(bytes: Buffer, start: number, end: number): void {
    const { fields, wanted } = this;
    if (this.ordinal === fields.ordinals[wanted]) {
      fields.start[wanted] = this.fieldStart;
      fields.end[wanted] = end;
      fields.kind[wanted] = this.kindOf(bytes, start, wanted);
      this.wanted++;
    }
    this.ordinal++;
    this.fieldStart = end + 1;
    this.sawQuote = false;
  }

  private endFields(): void {
    const { fields } = this;
    fields.count = this.ordinal;
    for (let i = this.wanted; i < fields.ordinals.length; i++) fields.kind[i] = FieldKind.missing;
  }

  private kindOf(bytes: Buffer, start: number, wanted: number): number {
    const { fields, nullMarker } = this;
    const from = start + fields.start[wanted]!;
    const to = start + fields.end[wanted]!;
    const key = this.keys[wanted]!;
    if (this.sawQuote) {
      if (key.forceNull && this.unquoted(bytes, from, to).equals(nullMarker)) return FieldKind.null;
      return FieldKind.encoded;
    }
    if (equals(bytes, from, to, nullMarker)) return key.forceNotNull ? FieldKind.plain : FieldKind.null;
    if (this.defaultMarker !== undefined && equals(bytes, from, to, this.defaultMarker))
      return FieldKind.default;
    return FieldKind.plain;
  }

  value(block: Buffer, start: number, field: number): Buffer {
    const from = start + this.fields.start[field]!;
    const to = start + this.fields.end[field]!;
    return this.fields.kind[field] === FieldKind.encoded
      ? this.unquoted(block, from, to)
      : block.subarray(from, to);
  }

  private unquoted(bytes: Buffer, from: number, to: number): Buffer {
    const { quote } = this;
    const escape = this.escape < 0 ? quote : this.escape;
    const out = Buffer.allocUnsafe(to - from);
    let length = 0;
    let inQuote = false;
    for (let i = from; i < to; i++) {
      const b = bytes[i]!;
      if (inQuote && b === escape && i + 1 < to && (bytes[i + 1] === quote || bytes[i + 1] === escape)) {
        out[length++] = bytes[++i]!;
      } else if (b === quote) inQuote = !inQuote;
      else out[length++] = b;
    }
    return out.subarray(0, length);
  }
}

function indexOrEnd(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at < 0 ? bytes.length : at;
}
