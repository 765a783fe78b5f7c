/**
 * Records that cannot go on their way at once: a server has to say where their keys go, or the values of omitted columns
 * have to be evaluated and appended. They are put aside, some thousand at a time, and sent on together.
 */
import { FieldKind, type Splitter } from "./splitter.ts";
import type { CopyFormat } from "./copy-format.ts";
import type { AskedKey } from "./ask-shards.ts";

const RECORDS_MAX = 5_000;
const BYTES_MAX = 512 * 1024;

export interface DeferredRecord {
  readonly content: Buffer;
  readonly lineEnd: Buffer;
  readonly line: number;
  readonly lines: number;
  /** It has all of its own fields; otherwise nothing is appended, and the node complains of the right one. */
  readonly whole: boolean;
  /** Position of the node, when it is known. */
  node: number | undefined;
  /** The key's values where a server is to be asked. */
  readonly key: AskedKey | undefined;
}

export class DeferredRecords {
  records: DeferredRecord[] = [];
  private bytes = 0;

  get full(): boolean {
    return this.records.length >= RECORDS_MAX || this.bytes >= BYTES_MAX;
  }

  add(record: DeferredRecord): void {
    this.records.push(record);
    this.bytes += record.content.length;
  }

  take(): DeferredRecord[] {
    const { records } = this;
    this.records = [];
    this.bytes = 0;
    return records;
  }
}

/** The key's values as they stand in the record; undefined where a field is missing. */
export function keyValues(
  block: Buffer,
  start: number,
  splitter: Splitter,
  registers: readonly number[],
): AskedKey | undefined {
  const key: (Buffer | null)[] = [];
  for (const register of registers) {
    const kind = register < 0 ? FieldKind.null : splitter.fields.kind[register];
    if (kind === FieldKind.missing) return undefined;
    if (kind === FieldKind.null || kind === FieldKind.default) key.push(null);
    else key.push(Buffer.from(splitter.value(block, start, register)));
  }
  return key;
}

/** The record with more fields behind its own. */
export function withAppended(
  record: DeferredRecord,
  values: readonly (Buffer | null)[],
  format: CopyFormat,
): Buffer {
  const { content, lineEnd } = record;
  if (format.format === "binary") {
    const count = Buffer.allocUnsafe(2);
    count.writeInt16BE(content.readInt16BE(0) + values.length, 0);
    const parts = [count, content.subarray(2)];
    for (const value of values) {
      const length = Buffer.allocUnsafe(4);
      length.writeInt32BE(value?.length ?? -1, 0);
      parts.push(length);
      if (value !== null) parts.push(value);
    }
    return Buffer.concat(parts);
  }
  const parts = [content];
  const delimiter = Buffer.from([format.delimiter]);
  for (const value of values) {
    parts.push(delimiter);
    if (value === null) parts.push(format.nullMarker);
    else parts.push(format.format === "csv" ? quoted(value, format) : escaped(value, format));
  }
  // The last line of the data may be without a line end, but it is not the last line of its node for certain.
  parts.push(lineEnd);
  return Buffer.concat(parts);
}

function quoted(value: Buffer, { quote, escape }: CopyFormat): Buffer {
  const out: number[] = [quote];
  for (const byte of value) {
    if (byte === quote || byte === escape) out.push(escape);
    out.push(byte);
  }
  out.push(quote);
  return Buffer.from(out);
}

const BACKSLASH = 92;
const LETTERS: ReadonlyMap<number, string> = new Map([
  [8, "b"],
  [9, "t"],
  [10, "n"],
  [11, "v"],
  [12, "f"],
  [13, "r"],
]);

function escaped(value: Buffer, { delimiter }: CopyFormat): Buffer {
  const out: number[] = [];
  for (const byte of value) {
    const letter = LETTERS.get(byte);
    if (letter !== undefined) out.push(BACKSLASH, letter.charCodeAt(0));
    else if (byte === BACKSLASH || byte === delimiter) out.push(BACKSLASH, byte);
    else out.push(byte);
  }
  return Buffer.from(out);
}
