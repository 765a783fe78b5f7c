/** Which shards and nodes a filter on the distribution columns leaves: always all that may hold a row, never one too few. */
import { keyHasher, type KeyHasher } from "./hash/key-hasher.ts";
import { readDateText } from "./key-text.ts";
import type { KeyDatum, KeyValue, ShardFilter } from "./shard-filter.ts";
import {
  DEFAULT_SLICE,
  MAXVALUE,
  type Column,
  type Distribution,
  type HashDistribution,
  type ListDistribution,
  type RangeDistribution,
  type Relation,
} from "./snapshot.ts";
import { typeOids } from "./type-oids.ts";

/** "all", or the ordinals of the shards that may hold rows. */
export type ShardSet = ReadonlySet<number> | "all";

const NONE: ReadonlySet<number> = new Set();
const hashers = new WeakMap<Relation, { hasher: KeyHasher | undefined }>();

export function keyColumns(relation: Relation): readonly Column[] {
  const { distribution } = relation;
  if (distribution === undefined || !("columns" in distribution)) return [];
  return distribution.columns.map((name) => relation.columns.find((column) => column.name === name)!);
}

/** The hasher for a table's distribution columns; undefined when their types are not understood. */
export function relationHasher(relation: Relation): KeyHasher | undefined {
  let known = hashers.get(relation);
  if (known === undefined) {
    const columns = keyColumns(relation).map((column) => ({
      typeOid: column.typeOid,
      deterministicCollation: column.deterministicCollation,
      typeModifier: column.typeModifier,
    }));
    hashers.set(relation, (known = { hasher: keyHasher(columns) }));
  }
  return known.hasher;
}

/** The shard of one key; undefined when it is not certain, "none" when no slice takes it. */
export function shardOfKey(relation: Relation, key: readonly KeyDatum[]): number | "none" | undefined {
  const distribution = relation.distribution!;
  switch (distribution.kind) {
    case "hash":
      return relationHasher(relation)?.remainder(key, distribution.placements.length);
    case "list":
      return listSlice(distribution, keyColumns(relation)[0]!, key[0]!);
    case "range":
      return distribution.columns.length === 1
        ? rangeSlice(distribution, keyColumns(relation)[0]!, key[0]!)
        : undefined;
    default:
      return undefined;
  }
}

/** `resolve` and `arrayElements` give this execution's values; undefined = not known. */
export function pruneShards(
  relation: Relation,
  filter: ShardFilter,
  resolve: (value: KeyValue) => KeyDatum | undefined,
  arrayElements: (parameter: number) => readonly KeyDatum[] | undefined,
): ShardSet {
  switch (filter.kind) {
    case "all":
      return "all";
    case "none":
      return NONE;
    case "points": {
      const shards = new Set<number>();
      for (const tuple of filter.tuples) {
        const key: KeyDatum[] = [];
        let empty = false;
        for (const value of tuple) {
          const datum = resolve(value);
          if (datum === undefined) return "all";
          // A comparison with NULL is true for no row.
          if (datum === null) empty = true;
          key.push(datum);
        }
        if (empty) continue;
        const shard = shardOfKey(relation, key);
        if (shard === undefined) return "all";
        if (shard !== "none") shards.add(shard);
      }
      return shards;
    }
    case "any-of-array": {
      const elements = arrayElements(filter.parameter);
      if (elements === undefined) return "all";
      const shards = new Set<number>();
      for (const element of elements) {
        if (element === null) continue;
        const shard = shardOfKey(relation, [element]);
        if (shard === undefined) return "all";
        if (shard !== "none") shards.add(shard);
      }
      return shards;
    }
    case "interval":
      return relation.distribution?.kind === "range"
        ? pruneInterval(relation, relation.distribution, filter, resolve)
        : "all";
    case "intersection": {
      let shards: ShardSet = "all";
      for (const part of filter.of) {
        const held = pruneShards(relation, part, resolve, arrayElements);
        if (held === "all") continue;
        shards = shards === "all" ? held : intersection(shards, held);
      }
      return shards;
    }
    case "union": {
      const shards = new Set<number>();
      for (const part of filter.of) {
        const held = pruneShards(relation, part, resolve, arrayElements);
        if (held === "all") return "all";
        for (const shard of held) shards.add(shard);
      }
      return shards;
    }
  }
}

function intersection(a: ReadonlySet<number>, b: ReadonlySet<number>): ReadonlySet<number> {
  return new Set([...a].filter((shard) => b.has(shard)));
}

/** The nodes that hold the shards, without repetition. */
export function nodesHolding(
  relation: Relation,
  shards: ShardSet,
  dataNodes: readonly string[],
): readonly string[] {
  const distribution = relation.distribution!;
  const nodes = new Set<string>();
  switch (distribution.kind) {
    case "hash":
      distribution.placements.forEach((node, ordinal) => {
        if (shards === "all" || shards.has(ordinal)) nodes.add(node);
      });
      return [...nodes];
    case "range":
    case "list":
      for (const slice of distribution.slices)
        if (shards === "all" || shards.has(slice.ordinal)) nodes.add(slice.node);
      return [...nodes];
    case "single":
      return [distribution.node];
    case "replicated":
    case "random":
      return dataNodes;
  }
}

export function nodeOfShard(
  distribution: HashDistribution | RangeDistribution | ListDistribution,
  ordinal: number,
): string {
  return distribution.kind === "hash"
    ? distribution.placements[ordinal]!
    : distribution.slices.find((slice) => slice.ordinal === ordinal)!.node;
}

/** A value of a type whose order and equality are certain, as a number, big integer or string of code units; undefined otherwise. */
function comparable(column: Column, datum: KeyDatum): bigint | string | undefined {
  if (datum === null) return undefined;
  const { bytes, format } = datum;
  switch (column.typeOid) {
    case typeOids.int2:
    case typeOids.int4:
    case typeOids.int8: {
      if (format === "text")
        return /^-?\d{1,18}$/.test(bytes.toString("latin1")) ? BigInt(bytes.toString("latin1")) : undefined;
      return bytes.length === 2
        ? BigInt(bytes.readInt16BE())
        : bytes.length === 4
          ? BigInt(bytes.readInt32BE())
          : bytes.length === 8
            ? bytes.readBigInt64BE()
            : undefined;
    }
    case typeOids.date: {
      if (format === "binary") return bytes.length === 4 ? BigInt(bytes.readInt32BE()) : undefined;
      const days = readDateText(bytes.toString("latin1"));
      return days === undefined ? undefined : BigInt(days);
    }
    case typeOids.text:
    case typeOids.varchar:
      return column.deterministicCollation && !column.typeName.includes("(")
        ? bytes.toString("latin1")
        : undefined;
    case typeOids.uuid:
      return format === "text" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(bytes.toString("latin1"))
        ? bytes.toString("latin1")
        : undefined;
    default:
      return undefined;
  }
}

function boundValue(column: Column, text: string): bigint | string | undefined {
  return comparable(column, { bytes: Buffer.from(text), format: "text" });
}

function listSlice(
  distribution: ListDistribution,
  column: Column,
  datum: KeyDatum,
): number | "none" | undefined {
  const value = datum === null ? null : comparable(column, datum);
  if (value === undefined) return undefined;
  let fallback: number | undefined;
  for (const slice of distribution.slices) {
    if (slice.values === DEFAULT_SLICE) {
      fallback = slice.ordinal;
      continue;
    }
    for (const text of slice.values) {
      if (text === null || value === null) {
        if (text === null && value === null) return slice.ordinal;
        continue;
      }
      const bound = boundValue(column, text);
      if (bound === undefined) return undefined;
      if (bound === value) return slice.ordinal;
    }
  }
  return fallback ?? "none";
}

/** Text has an order of its own in every collation: only equality is certain there. */
function ordered(column: Column): boolean {
  return column.typeOid !== typeOids.text && column.typeOid !== typeOids.varchar;
}

/** Index of the first slice whose upper bound is above the value; undefined when that is not certain. */
function sliceIndex(
  distribution: RangeDistribution,
  column: Column,
  value: bigint | string,
  inclusive: boolean,
): number | undefined {
  for (let i = 0; i < distribution.slices.length; i++) {
    const bound = distribution.slices[i]!.lessThan[0]!;
    if (bound === MAXVALUE) return i;
    const limit = boundValue(column, bound as string);
    if (limit === undefined) return undefined;
    if (inclusive ? value <= limit : value < limit) return i;
  }
  return distribution.slices.length;
}

function rangeSlice(
  distribution: RangeDistribution,
  column: Column,
  datum: KeyDatum,
): number | "none" | undefined {
  if (datum === null || !ordered(column)) return undefined;
  const value = comparable(column, datum);
  if (value === undefined) return undefined;
  const index = sliceIndex(distribution, column, value, false);
  if (index === undefined) return undefined;
  return distribution.slices[index]?.ordinal ?? "none";
}

function pruneInterval(
  relation: Relation,
  distribution: RangeDistribution,
  filter: Extract<ShardFilter, { kind: "interval" }>,
  resolve: (value: KeyValue) => KeyDatum | undefined,
): ShardSet {
  const column = keyColumns(relation)[0]!;
  if (!ordered(column)) return "all";
  let first = 0;
  let last = distribution.slices.length - 1;
  if (filter.lower !== undefined) {
    const datum = resolve(filter.lower);
    if (datum === null) return NONE;
    const value = datum === undefined ? undefined : comparable(column, datum);
    // With several columns a slice may begin within a value of the first: its own bound belongs to it.
    const index =
      value === undefined
        ? undefined
        : sliceIndex(distribution, column, value, distribution.columns.length > 1);
    if (index !== undefined) first = index;
  }
  if (filter.upper !== undefined) {
    const datum = resolve(filter.upper);
    if (datum === null) return NONE;
    const value = datum === undefined ? undefined : comparable(column, datum);
    const index = value === undefined ? undefined : upperIndex(distribution, column, value);
    if (index !== undefined) last = Math.min(last, index);
  }
  const shards = new Set<number>();
  for (let i = first; i <= last; i++) shards.add(distribution.slices[i]!.ordinal);
  return shards;
}

/** The last slice that may hold the value: with several columns the one after an equal bound, too. */
function upperIndex(
  distribution: RangeDistribution,
  column: Column,
  value: bigint | string,
): number | undefined {
  return sliceIndex(distribution, column, value, false);
}

export function isSharded(
  distribution: Distribution | undefined,
): distribution is HashDistribution | RangeDistribution | ListDistribution {
  return distribution?.kind === "hash" || distribution?.kind === "range" || distribution?.kind === "list";
}
