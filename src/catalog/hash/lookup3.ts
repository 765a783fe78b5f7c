/**
 * PostgreSQL's hash_bytes_extended and hash_bytes_uint32_extended (common/hashfn.c: Bob Jenkins' lookup3) under the one
 * seed that hash partitioning uses, and its hash_combine64. All in 32-bit arithmetic: a 64-bit number is a high and a
 * low half, because BigInt costs ten times as much on the way of every row.
 */

/** HASH_PARTITION_SEED, 0x7A5B22367996DCFD. */
const SEED_HIGH = 0x7a5b2236;
const SEED_LOW = 0x7996dcfd;
/** What a type answers for values that it does not hash (float zero). */
export const SEED: Readonly<Hash64> = { high: SEED_HIGH, low: SEED_LOW };

/** hash_combine64's constant, 0x49a0f4dd15e5a8e3. */
const COMBINE_HIGH = 0x49a0f4dd;
const COMBINE_LOW = 0x15e5a8e3;

const TWO_32 = 4294967296;

/** A register for 64-bit results, reused from value to value; both halves unsigned. */
export interface Hash64 {
  high: number;
  low: number;
}

/** The state after the seed was mixed in; it depends on nothing but the length of what is hashed. */
function seeded(length: number): { a: number; b: number; c: number } {
  let a = (0x9e3779b9 + length + 3923095) | 0;
  let b = a;
  let c = a;
  a = (a + SEED_HIGH) | 0;
  b = (b + SEED_LOW) | 0;
  a = (a - c) ^ ((c << 4) | (c >>> 28));
  c = (c + b) | 0;
  b = (b - a) ^ ((a << 6) | (a >>> 26));
  a = (a + c) | 0;
  c = (c - b) ^ ((b << 8) | (b >>> 24));
  b = (b + a) | 0;
  a = (a - c) ^ ((c << 16) | (c >>> 16));
  c = (c + b) | 0;
  b = (b - a) ^ ((a << 19) | (a >>> 13));
  a = (a + c) | 0;
  c = (c - b) ^ ((b << 4) | (b >>> 28));
  b = (b + a) | 0;
  return { a, b, c };
}

/** Lengths up to this are common keys (integers, uuids, names): their start is computed once. */
const STARTS = Array.from({ length: 64 }, (_, length) => seeded(length));
const INTEGER_START = seeded(4);

/** The last mixing; leaves the result in `out`. */
function finish(a: number, b: number, c: number, out: Hash64): void {
  c = (c ^ b) - ((b << 14) | (b >>> 18));
  a = (a ^ c) - ((c << 11) | (c >>> 21));
  b = (b ^ a) - ((a << 25) | (a >>> 7));
  c = (c ^ b) - ((b << 16) | (b >>> 16));
  a = (a ^ c) - ((c << 4) | (c >>> 28));
  b = (b ^ a) - ((a << 14) | (a >>> 18));
  c = (c ^ b) - ((b << 24) | (b >>> 8));
  out.high = b >>> 0;
  out.low = c >>> 0;
}

/** hash_uint32_extended: integers, dates, booleans; `value` is taken modulo 2^32. */
export function hashUint32(value: number, out: Hash64): void {
  finish((INTEGER_START.a + value) | 0, INTEGER_START.b, INTEGER_START.c, out);
}

/** hashint8extended: equal to that of int4 for numbers that fit in 32 bits. The halves may be signed or unsigned. */
export function hashInt64(high: number, low: number, out: Hash64): void {
  hashUint32((low ^ (high >= 0 && high < 0x80000000 ? high : ~high)) | 0, out);
}

/** hash_any_extended of bytes [start, end). */
export function hashBytes(bytes: Buffer, start: number, end: number, out: Hash64): void {
  let left = end - start;
  const begin = STARTS[left] ?? seeded(left);
  let a = begin.a;
  let b = begin.b;
  let c = begin.c;
  let at = start;
  while (left >= 12) {
    a = (a + word(bytes, at)) | 0;
    b = (b + word(bytes, at + 4)) | 0;
    c = (c + word(bytes, at + 8)) | 0;
    a = (a - c) ^ ((c << 4) | (c >>> 28));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 6) | (a >>> 26));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 8) | (b >>> 24));
    b = (b + a) | 0;
    a = (a - c) ^ ((c << 16) | (c >>> 16));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 19) | (a >>> 13));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 4) | (b >>> 28));
    b = (b + a) | 0;
    at += 12;
    left -= 12;
  }
  // The lowest byte of c is reserved for the length, which went into the start: the tail's ninth byte goes to the second lowest.
  if (left > 8) c = (c + (rest(bytes, at + 8, end) << 8)) | 0;
  if (left > 4) b = (b + (left >= 8 ? word(bytes, at + 4) : rest(bytes, at + 4, end))) | 0;
  if (left > 0) a = (a + (left >= 4 ? word(bytes, at) : rest(bytes, at, end))) | 0;
  finish(a, b, c, out);
}

function word(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Up to three bytes, the first one lowest. */
function rest(bytes: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = end - 1; i >= at; i--) value = (value << 8) | bytes[i]!;
  return value;
}

/** hash_combine64: row = row ^ (value + K + (row << 54) + (row >> 7)). */
export function combine(row: Hash64, value: Hash64): void {
  const low = value.low + COMBINE_LOW + (((row.low >>> 7) | (row.high << 25)) >>> 0);
  const carry = Math.floor(low / TWO_32);
  const high = value.high + COMBINE_HIGH + (row.low << 22) + (row.high >>> 7) + carry;
  row.low = (row.low ^ low) >>> 0;
  row.high = (row.high ^ high) >>> 0;
}

/** The 64-bit number modulo `modulus`, which must be below 65536 so that every product stays exact. */
export function remainderOf(hash: Hash64, modulus: number): number {
  return ((hash.high % modulus) * (TWO_32 % modulus) + (hash.low % modulus)) % modulus;
}
