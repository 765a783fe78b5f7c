/** Which shards and nodes a filter on the distribution columns leaves: always all that may hold a row, never one too few. */
import { keyHasher, type KeyHasher } from "./hash/key-hasher.ts";
import type { KeyDatum, KeyValue, ShardFilter } from "./shard-filter.ts";
import { listSearch, rangeSearch, type SliceAnswer, type SliceSearch } from "./slices.ts";
import type { NodeName } from "./ids.ts";
import type {
  Column,
  Distribution,
  HashDistribution,
  ListDistribution,
  RangeDistribution,
  Relation,
} from "./snapshot.ts";

/** "all", or the ordinals of the shards that may hold rows. */
export type ShardSet = ReadonlySet<number> | "all";

export type ShardedDistribution = HashDistribution | RangeDistribution | ListDistribution;

const NONE: ReadonlySet<number> = new Set();

/** What is worked out once per relation; relations are immutable, so it lives as long as their snapshot. */
interface KeyPlace {
  readonly columns: readonly Column[];
  readonly hasher: KeyHasher | undefined;
  readonly slices: SliceSearch | undefined;
}

const places = new WeakMap<Relation, KeyPlace>();

function placeOf(relation: Relation): KeyPlace {
  let place = places.get(relation);
  if (place === undefined) places.set(relation, (place = workOut(relation)));
  return place;
}

function workOut(relation: Relation): KeyPlace {
  const { distribution } = relation;
  if (!isSharded(distribution)) return { columns: [], hasher: undefined, slices: undefined };
  const columns = distribution.columns.map((name) => {
    const column = relation.columns.find((candidate) => candidate.name === name);
    if (column === undefined)
      throw new Error(`distribution column ${name} of ${relation.name} is not in the snapshot`);
    return column;
  });
  switch (distribution.kind) {
    case "hash":
      return { columns, hasher: keyHasher(columns), slices: undefined };
    case "range":
      return { columns, hasher: undefined, slices: rangeSearch(distribution, columns) };
    case "list":
      return { columns, hasher: undefined, slices: listSearch(distribution, columns[0]!) };
  }
}

export function isSharded(distribution: Distribution | undefined): distribution is ShardedDistribution {
  return distribution?.kind === "hash" || distribution?.kind === "range" || distribution?.kind === "list";
}

/** The distribution columns in order; none for tables that have no shards. */
export function keyColumns(relation: Relation): readonly Column[] {
  return placeOf(relation).columns;
}

/** The shard of a row with this key; undefined when it is not certain, "none" when no slice takes it. */
export function shardOfKey(relation: Relation, key: readonly KeyDatum[]): SliceAnswer {
  const { hasher, slices } = placeOf(relation);
  if (relation.distribution?.kind === "hash")
    return hasher?.remainder(key, relation.distribution.placements.length);
  return slices?.slice(key);
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
    case "points":
      return shardsOfKeys(
        relation,
        filter.tuples.map((tuple) => tuple.map(resolve)),
      );
    case "any-of-array": {
      const elements = arrayElements(filter.parameter);
      return elements === undefined
        ? "all"
        : shardsOfKeys(
            relation,
            elements.map((element) => [element]),
          );
    }
    case "interval": {
      const lower = filter.lower === undefined ? undefined : resolve(filter.lower);
      const upper = filter.upper === undefined ? undefined : resolve(filter.upper);
      if (lower === null || upper === null) return NONE;
      return placeOf(relation).slices?.between(lower, upper) ?? "all";
    }
    case "intersection": {
      let shards: ShardSet = "all" as ShardSet;
      for (const part of filter.of) {
        const held = pruneShards(relation, part, resolve, arrayElements);
        if (held === "all") continue;
        shards = shards === "all" ? held : new Set([...shards].filter((shard) => held.has(shard)));
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

function shardsOfKeys(relation: Relation, keys: readonly (readonly (KeyDatum | undefined)[])[]): ShardSet {
  const shards = new Set<number>();
  for (const key of keys) {
    // A comparison with NULL is true for no row.
    if (key.includes(null)) continue;
    if (key.includes(undefined)) return "all";
    const shard = shardOfKey(relation, key as readonly KeyDatum[]);
    if (shard === undefined) return "all";
    if (shard !== "none") shards.add(shard);
  }
  return shards;
}

/** All nodes that hold rows of a table of this distribution, in the order of `dataNodes`. */
export function nodesOf(distribution: Distribution, dataNodes: readonly NodeName[]): readonly NodeName[] {
  switch (distribution.kind) {
    case "single":
      return [distribution.node];
    case "replicated":
    case "random":
      return dataNodes;
    case "hash":
      return inOrder(distribution.placements, dataNodes);
    case "range":
    case "list":
      return inOrder(
        distribution.slices.map(({ node }) => node),
        dataNodes,
      );
  }
}

/** Without repetition; nodes that the list does not know (one that is being removed) come last, never get lost. */
function inOrder(nodes: readonly NodeName[], dataNodes: readonly NodeName[]): readonly NodeName[] {
  const used = new Set(nodes);
  return [...dataNodes.filter((node) => used.delete(node)), ...used];
}

/** The nodes that hold the shards, without repetition. */
export function nodesHolding(
  relation: Relation,
  shards: ShardSet,
  dataNodes: readonly NodeName[],
): readonly NodeName[] {
  const { distribution } = relation;
  if (distribution === undefined) return [];
  if (shards === "all" || !isSharded(distribution)) return nodesOf(distribution, dataNodes);
  const nodes = new Set<NodeName>();
  for (const shard of shards) nodes.add(nodeOfShard(distribution, shard));
  return [...nodes];
}

export function nodeOfShard(distribution: ShardedDistribution, ordinal: number): NodeName {
  const node =
    distribution.kind === "hash"
      ? distribution.placements[ordinal]
      : distribution.slices.find((slice) => slice.ordinal === ordinal)?.node;
  if (node === undefined) throw new Error(`shard ${ordinal} has no placement`);
  return node;
}
