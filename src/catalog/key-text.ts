/**
 * Reads the text forms of key values, only where their meaning is certain whatever the session's settings are. Everything
 * else is undefined: then a server is asked, or all shards are concerned (row Q12). Shared by hashing and pruning.
 */
import { charactersIn } from "../sql/characters.ts";

const DIGITS_MAX = 19;
const ZERO = 48;
const MINUS = 45;

/** A 64-bit integer in two halves, both unsigned (two's complement). */
export interface Int64 {
  high: number;
  low: number;
}

/** Reads -?[0-9]+ within the range of int8; no BigInt, since this is on the way of every row. */
export function readInt64Text(bytes: Buffer, out: Int64): boolean {
  const negative = bytes[0] === MINUS;
  let at = negative ? 1 : 0;
  if (at === bytes.length) return false;
  while (at < bytes.length - 1 && bytes[at] === ZERO) at++;
  if (bytes.length - at > DIGITS_MAX) return false;
  let high = 0;
  let low = 0;
  for (; at < bytes.length; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return false;
    low = low * 10 + digit;
    // Only numbers of ten digits and more reach the upper half.
    if (low >= 4294967296 || high !== 0) {
      const carry = Math.floor(low / 4294967296);
      low -= carry * 4294967296;
      high = high * 10 + carry;
    }
  }
  if (high >= 0x80000000 && !(negative && high === 0x80000000 && low === 0)) return false;
  if (negative) {
    low = -low >>> 0;
    high = (~high + (low === 0 ? 1 : 0)) >>> 0;
  }
  out.high = high;
  out.low = low;
  return true;
}

/** Reads -?[0-9]+ of at most ten digits after leading zeros; the caller checks the range of its type. */
export function readSmallInteger(bytes: Buffer): number | undefined {
  const negative = bytes[0] === MINUS;
  const start = negative ? 1 : 0;
  let value = 0;
  if (start === bytes.length) return undefined;
  for (let at = start; at < bytes.length; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
    if (value > 9_999_999_999) return undefined;
  }
  return negative ? -value : value;
}

export function readBoolText(bytes: Buffer): boolean | undefined {
  switch (bytes.toString("latin1")) {
    case "t":
    case "true":
      return true;
    case "f":
    case "false":
      return false;
    default:
      return undefined;
  }
}

const HYPHEN = 45;

function nibble(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** As uuid_in reads it, into the 16 bytes of `out`: 32 hexadecimal digits, a hyphen allowed after every fourth, braces around. */
export function readUuidText(bytes: Buffer, out: Buffer): boolean {
  let at = 0;
  let end = bytes.length;
  if (bytes[0] === 0x7b) {
    if (bytes[end - 1] !== 0x7d) return false;
    at = 1;
    end--;
  }
  for (let i = 0; i < 16; i++) {
    if (at + 2 > end) return false;
    const high = nibble(bytes[at]!);
    const low = nibble(bytes[at + 1]!);
    if (high < 0 || low < 0) return false;
    out[i] = (high << 4) | low;
    at += 2;
    if (i % 2 === 1 && i < 15 && at < end && bytes[at] === HYPHEN) at++;
  }
  return at === end;
}

const DAY_MS = 86_400_000;
const EPOCH_2000_MS = Date.UTC(2000, 0, 1);

/** Days since 2000-01-01 of yyyy-mm-dd: the one spelling that every DateStyle reads alike. */
export function readDateText(text: string): number | undefined {
  const match = /^([1-9]\d{3})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const ms = Date.UTC(year, month - 1, day);
  const date = new Date(ms);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return (ms - EPOCH_2000_MS) / DAY_MS;
}

/** Microseconds since midnight of hh:mm:ss[.ffffff]. */
export function readTimeText(text: string): number | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  return seconds * 1_000_000 + Number((match[4] ?? "").padEnd(6, "0"));
}

/** Microseconds since 2000-01-01 00:00 of yyyy-mm-dd, alone or followed by a time. */
export function readTimestampText(text: string): bigint | undefined {
  const days = readDateText(text.slice(0, 10));
  if (days === undefined) return undefined;
  const midnight = BigInt(days) * 86_400_000_000n;
  if (text.length === 10) return midnight;
  if (text[10] !== " " && text[10] !== "T") return undefined;
  const time = readTimeText(text.slice(11));
  return time === undefined ? undefined : midnight + BigInt(time);
}

/** Length without trailing blanks, which char(n) does not count. */
export function lengthWithoutTrailingBlanks(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 32) end--;
  return end;
}

/** True when the type's length n (a modifier of n + 4, or none) leaves bytes [0, end) as they are. */
export function fitsLength(bytes: Buffer, end: number, typeModifier: number): boolean {
  if (typeModifier < 4) return true;
  const lengthMax = typeModifier - 4;
  return end <= lengthMax || charactersIn(bytes, 0, end) <= lengthMax;
}

const MICROSECOND_STEPS = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1] as const;

/** The step in microseconds to which a time type of this precision rounds. */
export function roundingStep(typeModifier: number): number {
  return typeModifier < 0 ? 1 : (MICROSECOND_STEPS[typeModifier] ?? 1);
}
