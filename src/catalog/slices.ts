/** Slices of range and list tables with their bounds read once, and the search in them. */
import { comparable, hasCertainOrder, type Comparable } from "./comparable.ts";
import type { KeyBytes, KeyDatum } from "./shard-filter.ts";
import {
  DEFAULT_SLICE,
  MAXVALUE,
  type Column,
  type ListDistribution,
  type RangeDistribution,
} from "./snapshot.ts";

/** undefined: not certain. "none": no slice takes the key, PostgreSQL will refuse the row (23514). */
export type SliceAnswer = number | "none" | undefined;

export interface SliceSearch {
  slice(key: readonly KeyDatum[]): SliceAnswer;
  /** Ordinals of the slices that may hold a first key column between the bounds, both included; undefined = no bound. */
  between(lower: KeyBytes | undefined, upper: KeyBytes | undefined): ReadonlySet<number> | "all";
}

const UNCERTAIN: SliceSearch = { slice: () => undefined, between: () => "all" };

const ofText = (column: Column, text: string): Comparable | undefined =>
  comparable(column, { bytes: Buffer.from(text), format: "text" });

type Bound = readonly (Comparable | typeof MAXVALUE)[];

export function rangeSearch(distribution: RangeDistribution, columns: readonly Column[]): SliceSearch {
  const { slices } = distribution;
  const bounds: Bound[] = [];
  for (const { lessThan } of slices) {
    const bound = lessThan.map((text, i) => (text === MAXVALUE ? MAXVALUE : ofText(columns[i]!, text)));
    if (bound.includes(undefined) || !columns.every(hasCertainOrder)) return UNCERTAIN;
    bounds.push(bound as Bound);
  }
  /** Index of the first slice for whose bound `below` holds; bounds ascend, so halving finds it. */
  const first = (below: (bound: Bound) => boolean): number => {
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (below(bounds[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return {
    slice(key) {
      const values: Comparable[] = [];
      for (let i = 0; i < columns.length; i++) {
        const datum = key[i];
        // No range slice takes NULL.
        if (datum === null) return "none";
        const value = datum === undefined ? undefined : comparable(columns[i]!, datum);
        if (value === undefined) return undefined;
        values.push(value);
      }
      return slices[first((bound) => isBelow(values, bound))]?.ordinal ?? "none";
    },
    between(lower, upper) {
      const low = lower === undefined ? undefined : comparable(columns[0]!, lower);
      const high = upper === undefined ? undefined : comparable(columns[0]!, upper);
      if (low === undefined && high === undefined) return "all";
      // Of several columns, a bound that begins with the value still has rows of that value below it.
      const single = columns.length === 1;
      const begin =
        low === undefined
          ? 0
          : first(([limit]) => limit === MAXVALUE || low < limit! || (!single && low === limit));
      const end =
        high === undefined ? slices.length - 1 : first(([limit]) => limit === MAXVALUE || high < limit!);
      return new Set(slices.slice(begin, end + 1).map(({ ordinal }) => ordinal));
    },
  };
}

function isBelow(values: readonly Comparable[], bound: Bound): boolean {
  for (let i = 0; i < values.length; i++) {
    const limit = bound[i]!;
    // What follows MAXVALUE in a bound has no meaning.
    if (limit === MAXVALUE) return true;
    if (values[i]! < limit) return true;
    if (values[i]! > limit) return false;
  }
  return false;
}

export function listSearch(distribution: ListDistribution, column: Column): SliceSearch {
  const ordinals = new Map<Comparable | null, number>();
  let fallback: number | undefined;
  for (const slice of distribution.slices) {
    if (slice.values === DEFAULT_SLICE) fallback = slice.ordinal;
    else
      for (const text of slice.values) {
        const value = text === null ? null : ofText(column, text);
        if (value === undefined) return UNCERTAIN;
        ordinals.set(value, slice.ordinal);
      }
  }
  const elsewhere = fallback ?? "none";
  return {
    slice([datum]) {
      const value = datum === null ? null : datum === undefined ? undefined : comparable(column, datum);
      return value === undefined ? undefined : (ordinals.get(value) ?? elsewhere);
    },
    between(lower, upper) {
      const low = lower === undefined ? undefined : comparable(column, lower);
      const high = upper === undefined ? undefined : comparable(column, upper);
      if ((low === undefined && high === undefined) || !hasCertainOrder(column)) return "all";
      const shards = new Set<number>(fallback === undefined ? [] : [fallback]);
      for (const [value, ordinal] of ordinals) {
        if (value === null || (low !== undefined && value < low) || (high !== undefined && value > high))
          continue;
        shards.add(ordinal);
      }
      return shards;
    },
  };
}
