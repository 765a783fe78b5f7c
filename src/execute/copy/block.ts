/** The client's bytes as one contiguous block, until they are split: its messages may cut lines anywhere. */
const BLOCK_BYTES = 256 * 1024;

export class Block {
  bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  used = 0;

  /** True when there is enough to be split before more is given. */
  append(data: Buffer, start: number, end: number): boolean {
    const needed = this.used + end - start;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.used);
      this.bytes = grown;
    }
    this.used += data.copy(this.bytes, this.used, start, end);
    return this.used >= BLOCK_BYTES / 2;
  }

  /** The first `count` bytes are done with. */
  drop(count: number): void {
    this.bytes.copyWithin(0, count, this.used);
    this.used -= count;
    // A block that a long record made large is not kept.
    if (this.bytes.length <= 4 * BLOCK_BYTES || this.used >= BLOCK_BYTES) return;
    const fresh = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.bytes.copy(fresh, 0, 0, this.used);
    this.bytes = fresh;
  }
}

/** Where the client's data go in. */
export interface Intake {
  /** Takes data; true when they must be split before more is given. */
  push(data: Buffer, start: number, end: number): boolean;
  /** Splits what was taken and sends it on; waits while a node is slow. */
  split(last: boolean): Promise<void>;
  /** The end-of-data marker was read. */
  readonly ended: boolean;
  /** The client's line that is read next. */
  readonly line: number;
}
