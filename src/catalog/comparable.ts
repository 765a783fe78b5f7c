/**
 * Values of key columns that can be compared here as PostgreSQL would: only types whose order and equality follow from
 * the value alone. Everything else is undefined, and then all slices are concerned.
 */
import {
  fitsLength,
  lengthWithoutTrailingBlanks,
  readBoolText,
  readDateText,
  readInt64Text,
  readSmallInteger,
  readTimestampText,
  readUuidText,
  roundingStep,
  type Int64,
} from "./key-text.ts";
import type { KeyBytes } from "./shard-filter.ts";
import type { Column } from "./snapshot.ts";
import { typeOids } from "./type-oids.ts";

/** Compare with < and ===; strings hold one byte per code unit, so that their order is that of the bytes. */
export type Comparable = number | bigint | string;

const INTEGERS: ReadonlyMap<number, { readonly size: 2 | 4; readonly min: number; readonly max: number }> =
  new Map([
    [typeOids.int2, { size: 2, min: -0x8000, max: 0x7fff }],
    [typeOids.int4, { size: 4, min: -0x80000000, max: 0x7fffffff }],
  ]);

const halves: Int64 = { high: 0, low: 0 };
const uuidBytes = Buffer.alloc(16);

export function comparable(column: Column, { bytes, format }: KeyBytes): Comparable | undefined {
  const text = format === "text";
  const typeModifier = column.typeModifier ?? -1;
  switch (column.typeOid) {
    case typeOids.int2:
    case typeOids.int4: {
      const { size, min, max } = INTEGERS.get(column.typeOid)!;
      const value = text
        ? readSmallInteger(bytes)
        : bytes.length === size
          ? bytes.readIntBE(0, size)
          : undefined;
      return value !== undefined && value >= min && value <= max ? value : undefined;
    }
    case typeOids.int8:
      if (!text) return bytes.length === 8 ? small(bytes.readInt32BE(0), bytes.readUInt32BE(4)) : undefined;
      return readInt64Text(bytes, halves) ? small(halves.high | 0, halves.low) : undefined;
    case typeOids.bool: {
      const value = text ? readBoolText(bytes) : bytes.length === 1 ? bytes[0] !== 0 : undefined;
      return value === undefined ? undefined : Number(value);
    }
    case typeOids.date:
      return text
        ? readDateText(bytes.toString("latin1"))
        : bytes.length === 4
          ? bytes.readInt32BE(0)
          : undefined;
    case typeOids.timestamp: {
      const value = text
        ? readTimestampText(bytes.toString("latin1"))
        : bytes.length === 8
          ? bytes.readBigInt64BE(0)
          : undefined;
      return value !== undefined && value % BigInt(roundingStep(typeModifier)) === 0n ? value : undefined;
    }
    case typeOids.uuid:
      if (!text) return bytes.length === 16 ? bytes.toString("latin1") : undefined;
      return readUuidText(bytes, uuidBytes) ? uuidBytes.toString("latin1") : undefined;
    case typeOids.text:
    case typeOids.varchar:
      return column.deterministicCollation && fitsLength(bytes, bytes.length, typeModifier)
        ? bytes.toString("latin1")
        : undefined;
    case typeOids.bpchar: {
      const end = lengthWithoutTrailingBlanks(bytes);
      return column.deterministicCollation && fitsLength(bytes, end, typeModifier)
        ? bytes.toString("latin1", 0, end)
        : undefined;
    }
    default:
      return undefined;
  }
}

/** A number where it is exact, so that comparing two keys seldom needs a BigInt (JavaScript compares both kinds with each other). */
function small(high: number, low: number): Comparable {
  const value = high * 4294967296 + low;
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
}

/** Equality of strings under a deterministic collation is that of their bytes; their order is only under some. */
export function hasCertainOrder(column: Column): boolean {
  const { text, varchar, bpchar } = typeOids;
  const isString = column.typeOid === text || column.typeOid === varchar || column.typeOid === bpchar;
  return !isString || column.byteOrder === true;
}
