/**
 * What the three splitters of COPY data (text, CSV, binary) have in common: they find where records end and where the
 * key fields stand, and hand out nothing but offsets, so that a row costs no object.
 */

/** What a key field holds. */
export const FieldKind = {
  /** SQL NULL. */
  null: 0,
  /** The value as it stands. */
  plain: 1,
  /** The value with escapes or quotes in it: Splitter.value() takes them out. */
  encoded: 2,
  /** The record has fewer fields: the server will say so. */
  missing: 3,
  /** The marker of the option DEFAULT. */
  default: 4,
} as const;

/** The wanted fields of the record last found: registers that the next record overwrites. */
export class FieldRegisters {
  /** Ordinals of the wanted fields within a record, ascending. */
  readonly ordinals: readonly number[];
  /** Offsets from the record's start. */
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly kind: Uint8Array;
  /** Number of all fields of the record, where the splitter was asked to count them. */
  count = 0;

  constructor(ordinals: readonly number[]) {
    this.ordinals = ordinals;
    this.start = new Int32Array(ordinals.length);
    this.end = new Int32Array(ordinals.length);
    this.kind = new Uint8Array(ordinals.length);
  }
}

export interface RecordHandler {
  /**
   * A whole record in block[start, end), line end included; block[start, contentEnd) is its content. `lines` is how many
   * lines of the client's data it spans. The splitter's registers tell its fields.
   */
  record(block: Buffer, start: number, end: number, contentEnd: number, lines: number): void;
}

export interface Splitter {
  readonly fields: FieldRegisters;
  /** The end-of-data marker was read: whatever follows is ignored. */
  readonly ended: boolean;
  /**
   * Hands out the whole records of block[from, to) and gives the offset of the first byte that belongs to none. That byte and
   * those behind it must be at the start of what is given to the next call. `last`: nothing follows.
   */
  split(block: Buffer, from: number, to: number, last: boolean): number;
  /** A wanted field's value (kind plain or encoded) without escapes and quotes. `start` is the record's. */
  value(block: Buffer, start: number, field: number): Buffer;
}
