/** The remainder of a hash partition key as PostgreSQL computes it (compute_partition_hash_value), from the values' wire forms. */
import type { KeyDatum } from "../shard-filter.ts";
import { datumHashers, type DatumHasher } from "./datum-hashers.ts";
import { combine, remainderOf, type Hash64 } from "./lookup3.ts";

export interface KeyColumn {
  readonly typeOid: number;
  readonly deterministicCollation: boolean;
  /** atttypmod; absent or -1: none. */
  readonly typeModifier?: number | undefined;
}

export interface KeyHasher {
  /**
   * The remainder for `modulus` (below 65536), values in the order of the key's columns. Undefined when a value's form
   * is not one whose meaning is certain: then a server is asked.
   */
  remainder(values: readonly KeyDatum[], modulus: number): number | undefined;
}

/** Undefined when some column's type can only be hashed by a server. */
export function keyHasher(columns: readonly KeyColumn[]): KeyHasher | undefined {
  const hashers: DatumHasher[] = [];
  for (const { typeOid, deterministicCollation } of columns) {
    const hasher = datumHashers.get(typeOid);
    if (hasher === undefined || !deterministicCollation) return undefined;
    hashers.push(hasher);
  }
  const modifiers = columns.map(({ typeModifier }) => typeModifier ?? -1);
  const row: Hash64 = { high: 0, low: 0 };
  const value: Hash64 = { high: 0, low: 0 };
  return {
    remainder(values, modulus) {
      row.high = 0;
      row.low = 0;
      for (let i = 0; i < hashers.length; i++) {
        const datum = values[i];
        // PostgreSQL leaves NULLs out of the combination.
        if (datum === null) continue;
        if (datum === undefined || !hashers[i]!(datum, value, modifiers[i]!)) return undefined;
        combine(row, value);
      }
      return remainderOf(row, modulus);
    },
  };
}
