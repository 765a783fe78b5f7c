/**
 * Finds the tuples of COPY data in binary format and their key fields: everything has its length before it. The header
 * counts as no record: it goes to every node by RecordHandler.header(). What is malformed is handed out as a record, so
 * that a server words the error. Source: https://www.postgresql.org/docs/18/sql-copy.html (Binary Format).
 */
import { pgError } from "../../errors/pg-error.ts";
import { FieldKind, FieldRegisters, type RecordHandler, type Splitter } from "./splitter.ts";

/** Signature, flags, length of the extension. */
const FIXED_HEADER_BYTES = 19;
const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1");

export interface TupleHandler extends RecordHandler {
  /** The whole header in block[start, end). */
  header(block: Buffer, start: number, end: number): void;
}

export class BinarySplitter implements Splitter {
  readonly fields: FieldRegisters;
  ended = false;
  private readonly handler: TupleHandler;
  private readonly countsFields: boolean;
  private headerRead = false;
  /** A length made no sense: all that follows is one record, for a server to complain of. */
  private broken = false;

  constructor(ordinals: readonly number[], countsFields: boolean, handler: TupleHandler) {
    this.fields = new FieldRegisters(ordinals);
    this.handler = handler;
    this.countsFields = countsFields;
  }

  split(block: Buffer, from: number, to: number, last: boolean): number {
    let start = from;
    if (!this.headerRead) {
      const end = this.headerEnd(block, from, to, last);
      if (end < 0) return from;
      this.handler.header(block, from, end);
      this.headerRead = true;
      start = end;
    }
    while (start < to) {
      if (this.ended) throw pgError("22P04", "received copy data after EOF marker");
      if (!this.broken && start + 2 <= to && block.readInt16BE(start) === -1) {
        this.ended = true;
        start += 2;
        continue;
      }
      const end = this.broken ? to : this.tupleEnd(block, start, to);
      if (end < 0) {
        if (!last) return start;
        this.missing();
        this.handler.record(block, start, to, to, 1);
        return to;
      }
      if (this.broken) this.missing();
      this.handler.record(block, start, end, end, 1);
      start = end;
    }
    return start;
  }

  private headerEnd(block: Buffer, from: number, to: number, last: boolean): number {
    const known = Math.min(to - from, SIGNATURE.length);
    if (block.compare(SIGNATURE, 0, known, from, from + known) !== 0) {
      this.broken = true;
      return to;
    }
    if (to - from < FIXED_HEADER_BYTES) return last ? to : -1;
    const extension = block.readInt32BE(from + FIXED_HEADER_BYTES - 4);
    if (extension < 0) {
      this.broken = true;
      return to;
    }
    const end = from + FIXED_HEADER_BYTES + extension;
    return end <= to ? end : last ? to : -1;
  }

  /** -1 when the tuple has not arrived as a whole. */
  private tupleEnd(block: Buffer, start: number, to: number): number {
    if (start + 2 > to) return -1;
    const { fields } = this;
    const { ordinals } = fields;
    const count = block.readInt16BE(start);
    let at = start + 2;
    let wanted = 0;
    for (let ordinal = 0; ordinal < count; ordinal++) {
      if (at + 4 > to) return -1;
      const length = block.readInt32BE(at);
      at += 4;
      if (length < -1) {
        this.broken = true;
        return to;
      }
      const end = at + Math.max(length, 0);
      if (end > to) return -1;
      if (ordinal === ordinals[wanted]) {
        fields.start[wanted] = at - start;
        fields.end[wanted] = end - start;
        fields.kind[wanted] = length < 0 ? FieldKind.null : FieldKind.plain;
        wanted++;
      }
      at = end;
    }
    if (this.countsFields) fields.count = count;
    for (; wanted < ordinals.length; wanted++) fields.kind[wanted] = FieldKind.missing;
    return at;
  }

  private missing(): void {
    this.fields.kind.fill(FieldKind.missing);
  }

  value(block: Buffer, start: number, field: number): Buffer {
    return block.subarray(start + this.fields.start[field]!, start + this.fields.end[field]!);
  }
}
