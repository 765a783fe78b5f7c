/**
 * For each type that Pleiad hashes itself: from the value's text or binary form to the 64-bit hash of its extended hash
 * function (hashfunc.c, date.c, timestamp.c, uuid.c). False: the form's meaning is not certain, a server must be asked.
 */
import {
  fitsLength,
  lengthWithoutTrailingBlanks,
  readBoolText,
  readDateText,
  readInt64Text,
  readSmallInteger,
  readTimestampText,
  readTimeText,
  readUuidText,
  roundingStep,
} from "../key-text.ts";
import type { KeyBytes } from "../shard-filter.ts";
import { typeOids } from "../type-oids.ts";
import { hashBytes, hashInt64, hashUint32, SEED, type Hash64 } from "./lookup3.ts";

export type DatumHasher = (datum: KeyBytes, out: Hash64, typeModifier: number) => boolean;

const NAME_BYTES_MAX = 63;

function smallInteger(size: 2 | 4, min: number, max: number): DatumHasher {
  return ({ bytes, format }, out) => {
    let value: number | undefined;
    if (format === "text") value = readSmallInteger(bytes);
    else if (bytes.length === size) value = min === 0 ? bytes.readUIntBE(0, size) : bytes.readIntBE(0, size);
    if (value === undefined || value < min || value > max) return false;
    hashUint32(value, out);
    return true;
  };
}

const int8: DatumHasher = ({ bytes, format }, out) => {
  if (format === "text") {
    if (!readInt64Text(bytes, out)) return false;
  } else if (bytes.length === 8) {
    out.high = bytes.readUInt32BE(0);
    out.low = bytes.readUInt32BE(4);
  } else return false;
  hashInt64(out.high, out.low, out);
  return true;
};

const bool: DatumHasher = ({ bytes, format }, out) => {
  const value = format === "text" ? readBoolText(bytes) : bytes.length === 1 ? bytes[0] !== 0 : undefined;
  if (value === undefined) return false;
  hashUint32(value ? 1 : 0, out);
  return true;
};

/** "char": bytes from 128 on hash as the platform's char is signed, so they are left to a server. */
const char: DatumHasher = ({ bytes }, out) => {
  if (bytes.length !== 1 || bytes[0]! >= 0x80) return false;
  hashUint32(bytes[0]!, out);
  return true;
};

const text: DatumHasher = ({ bytes }, out) => {
  hashBytes(bytes, 0, bytes.length, out);
  return true;
};

const varchar: DatumHasher = ({ bytes }, out, typeModifier) => {
  if (!fitsLength(bytes, bytes.length, typeModifier)) return false;
  hashBytes(bytes, 0, bytes.length, out);
  return true;
};

const bpchar: DatumHasher = ({ bytes }, out, typeModifier) => {
  const end = lengthWithoutTrailingBlanks(bytes);
  if (!fitsLength(bytes, end, typeModifier)) return false;
  hashBytes(bytes, 0, end, out);
  return true;
};

/** Longer names are cut by PostgreSQL where a character ends. */
const name: DatumHasher = ({ bytes }, out) => {
  if (bytes.length > NAME_BYTES_MAX) return false;
  hashBytes(bytes, 0, bytes.length, out);
  return true;
};

const bytea: DatumHasher = ({ bytes, format }, out) => {
  if (format === "text" && bytes.includes(0x5c)) {
    const hex = /^\\x((?:[0-9a-f]{2})*)$/i.exec(bytes.toString("latin1"));
    if (hex === null) return false;
    const value = Buffer.from(hex[1]!, "hex");
    hashBytes(value, 0, value.length, out);
  } else hashBytes(bytes, 0, bytes.length, out);
  return true;
};

const uuidBytes = Buffer.alloc(16);

const uuid: DatumHasher = ({ bytes, format }, out) => {
  if (format === "text") {
    if (!readUuidText(bytes, uuidBytes)) return false;
    hashBytes(uuidBytes, 0, 16, out);
  } else if (bytes.length === 16) hashBytes(bytes, 0, 16, out);
  else return false;
  return true;
};

const date: DatumHasher = ({ bytes, format }, out) => {
  const days =
    format === "text"
      ? readDateText(bytes.toString("latin1"))
      : bytes.length === 4
        ? bytes.readInt32BE(0)
        : undefined;
  if (days === undefined) return false;
  hashUint32(days, out);
  return true;
};

/** time, timestamp and timestamptz: int8 microseconds, which the column's precision may round. */
function microseconds(read: (text: string) => number | bigint | undefined): DatumHasher {
  return ({ bytes, format }, out, typeModifier) => {
    let value: bigint;
    if (format === "text") {
      const parsed = read(bytes.toString("latin1"));
      if (parsed === undefined) return false;
      value = BigInt(parsed);
    } else if (bytes.length === 8) value = bytes.readBigInt64BE(0);
    else return false;
    const step = roundingStep(typeModifier);
    if (step > 1 && value % BigInt(step) !== 0n) return false;
    hashInt64(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)), out);
    return true;
  };
}

const doubleBytes = Buffer.alloc(8);

/** float4 hashes as the float8 of the same value; both zeros alike, all NaNs alike. Text only where reading it cannot round. */
function float(size: 4 | 8): DatumHasher {
  return ({ bytes, format }, out) => {
    let value: number;
    if (format === "text") {
      if (!/^-?\d{1,6}(?:\.\d{1,6})?$/.test(bytes.toString("latin1"))) return false;
      value = Number(bytes.toString("latin1"));
      // A decimal fraction is rounded once to float8, but to float4 by way of float8 it might be rounded twice.
      if (size === 4 && Math.fround(value) !== value) return false;
    } else if (bytes.length === size) value = size === 4 ? bytes.readFloatBE(0) : bytes.readDoubleBE(0);
    else return false;
    if (value === 0) {
      out.high = SEED.high;
      out.low = SEED.low;
      return true;
    }
    doubleBytes.writeDoubleLE(value);
    hashBytes(doubleBytes, 0, 8, out);
    return true;
  };
}

/** By type OID. numeric, enums (their OIDs differ between servers), arrays and user types are left to a server. */
export const datumHashers: ReadonlyMap<number, DatumHasher> = new Map([
  [typeOids.bool, bool],
  [typeOids.bytea, bytea],
  [typeOids.char, char],
  [typeOids.name, name],
  [typeOids.int8, int8],
  [typeOids.int2, smallInteger(2, -0x8000, 0x7fff)],
  [typeOids.int4, smallInteger(4, -0x80000000, 0x7fffffff)],
  [typeOids.text, text],
  [typeOids.oid, smallInteger(4, 0, 0xffffffff)],
  [typeOids.float4, float(4)],
  [typeOids.float8, float(8)],
  [typeOids.bpchar, bpchar],
  [typeOids.varchar, varchar],
  [typeOids.date, date],
  [typeOids.time, microseconds(readTimeText)],
  [typeOids.timestamp, microseconds(readTimestampText)],
  // The text form depends on the session's time zone.
  [typeOids.timestamptz, microseconds(() => undefined)],
  [typeOids.uuid, uuid],
]);
