/** Records that cannot go on their way at once: a server is asked about some thousand of them together. */
import type { AskedKey } from "./ask-shards.ts";
import { FieldKind, type Splitter } from "./splitter.ts";

const RECORDS_MAX = 5_000;
const BYTES_MAX = 512 * 1024;

export interface AsideRecord {
  readonly bytes: Buffer;
  readonly line: number;
  readonly lines: number;
  /** Position of the node, or ASK. */
  node: number;
  /** The key's values where a server is to be asked. */
  readonly key: AskedKey | undefined;
}

export class SetAside {
  records: AsideRecord[] = [];
  private bytes = 0;

  get full(): boolean {
    return this.records.length >= RECORDS_MAX || this.bytes >= BYTES_MAX;
  }

  add(record: AsideRecord): void {
    this.records.push(record);
    this.bytes += record.bytes.length;
  }

  take(): AsideRecord[] {
    const { records } = this;
    this.records = [];
    this.bytes = 0;
    return records;
  }
}

/** The key's values as they stand in the record; a register of -1: not in the data, so NULL. */
export function keyValues(
  block: Buffer,
  start: number,
  splitter: Splitter,
  registers: readonly number[],
): AskedKey {
  return registers.map((register) => {
    const kind = register < 0 ? FieldKind.null : splitter.fields.kind[register];
    if (kind !== FieldKind.plain && kind !== FieldKind.encoded) return null;
    return Buffer.from(splitter.value(block, start, register));
  });
}
