/** Keys as LMDB takes them: at most 1978 bytes, and the shorter, the flatter its trees. A long key is its first bytes and its hash. */
import { createHash } from "node:crypto";

/** Longer keys are hashed. Prefixes by which keys are removed cannot be longer. */
export const PLAIN_KEY_BYTES_MAX = 900;

/** In front of a value under a hashed key, the number of the key's bytes and the key. */
const LENGTH_BYTES = 4;

export interface SharedKey {
  /** What LMDB knows it by: hashed keys are longer than all others, so the two never meet. */
  readonly name: Buffer;
  /** All of a key that is hashed. */
  readonly whole: Buffer | undefined;
}

export function sharedKey(key: string): SharedKey {
  const bytes = Buffer.from(key);
  if (bytes.length <= PLAIN_KEY_BYTES_MAX) return { name: bytes, whole: undefined };
  const hash = createHash("sha256").update(bytes).digest();
  return { name: Buffer.concat([bytes.subarray(0, PLAIN_KEY_BYTES_MAX), hash]), whole: bytes };
}

/** What is put for a value: with a hashed key in front of it. */
export function storedValue({ whole }: SharedKey, value: Uint8Array): Uint8Array {
  if (whole === undefined) return value;
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32LE(whole.length);
  return Buffer.concat([length, whole, value]);
}

/** The value in what was put; undefined when it was put for another key with this hash. */
export function valueIn({ whole }: SharedKey, stored: Buffer): Buffer | undefined {
  if (whole === undefined) return stored;
  const end = LENGTH_BYTES + stored.readUInt32LE(0);
  return stored.subarray(LENGTH_BYTES, end).equals(whole) ? stored.subarray(end) : undefined;
}
