/**
 * A text in a record of shared memory: one process writes it, others read it, perhaps while it is being written, perhaps after the
 * writer was killed in the middle. A number beside it is odd while it changes, and another one afterwards.
 */

const INT_BYTES = 4;
const HEAD_INTS = 2;
/** A text that changes all the time is given up after so many looks. */
const LOOKS_MAX = 20;

export const sharedTextInts = (bytesMax: number): number => HEAD_INTS + bytesMax / INT_BYTES;

export class SharedText {
  private readonly ints: Int32Array;
  private readonly at: number;
  private readonly bytes: Buffer;

  /** `at`: of `sharedTextInts(bytesMax)` integers. */
  constructor(ints: Int32Array, at: number, bytesMax: number) {
    this.ints = ints;
    this.at = at;
    this.bytes = Buffer.from(ints.buffer, ints.byteOffset + (at + HEAD_INTS) * INT_BYTES, bytesMax);
  }

  /** Cut off where there is no more room. */
  write(text: Buffer): void {
    const { ints, at } = this;
    const changes = ints[at]!;
    Atomics.store(ints, at, changes + 1);
    ints[at + 1] = text.copy(this.bytes);
    Atomics.store(ints, at, (changes + 2) | 0);
  }

  /** Another process writes from now on; what is whole stays. */
  takeOver(): void {
    const { ints, at } = this;
    if (ints[at]! % 2 === 0) return;
    ints[at + 1] = 0;
    Atomics.store(ints, at, (ints[at]! + 1) | 0);
  }

  clear(): void {
    this.takeOver();
    this.ints[this.at + 1] = 0;
  }

  /** Undefined: there is none, or it cannot be read. */
  read(): string | undefined {
    const { ints, at, bytes } = this;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const changes = Atomics.load(ints, at);
      if (changes % 2 !== 0) continue;
      const length = ints[at + 1]!;
      const text = Buffer.from(bytes.subarray(0, length));
      if (Atomics.load(ints, at) !== changes) continue;
      if (length === 0) return undefined;
      return (length < bytes.length ? text : wholeCharacters(text)).toString();
    }
    return undefined;
  }
}

/** Without a UTF-8 character of which the end was cut off. */
function wholeCharacters(text: Buffer): Buffer {
  let start = text.length - 1;
  while (start > 0 && (text[start]! & 0xc0) === 0x80) start--;
  const lead = text[start]!;
  const bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return start + bytes > text.length ? text.subarray(0, start) : text;
}
