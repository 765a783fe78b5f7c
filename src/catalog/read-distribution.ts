/** From rows of pleiad.distributed_table and pleiad.shard to distributions. */
import { colocationId, nodeName, shardOrdinal } from "./ids.ts";
import type { RawShard, RawSnapshot, RawTable } from "./raw-snapshot.ts";
import { DEFAULT_SLICE, MAXVALUE, type Distribution, type ListSlice, type RangeSlice } from "./snapshot.ts";

/** By OID of the table. */
export function readDistributions(metadata: RawSnapshot): Map<number, Distribution> {
  const shards = new Map<number, RawShard[]>();
  for (const shard of metadata.shards ?? []) {
    const group = shards.get(shard.colocation);
    if (group === undefined) shards.set(shard.colocation, [shard]);
    else group.push(shard);
  }
  const result = new Map<number, Distribution>();
  for (const table of metadata.tables ?? []) {
    const own = table.colocation === null ? [] : (shards.get(table.colocation) ?? []);
    result.set(table.relation, toDistribution(table, own));
  }
  return result;
}

function toDistribution(table: RawTable, shards: readonly RawShard[]): Distribution {
  switch (table.kind) {
    case "replicated":
    case "random":
      return { kind: table.kind };
    case "single":
      return { kind: "single", node: nodeName(table.node!) };
    case "hash":
      return {
        kind: "hash",
        columns: table.columns,
        colocation: colocationId(table.colocation!),
        placements: shards.map((shard) => nodeName(shard.node)),
      };
    case "range":
      return {
        kind: "range",
        columns: table.columns,
        colocation: colocationId(table.colocation!),
        slices: shards.map((shard): RangeSlice => ({
          name: shard.slice!,
          ordinal: shardOrdinal(shard.ordinal),
          node: nodeName(shard.node),
          lessThan: (shard.bounds as (string | { max: true })[]).map((bound) =>
            typeof bound === "string" ? bound : MAXVALUE,
          ),
        })),
      };
    case "list":
      return {
        kind: "list",
        columns: table.columns,
        colocation: colocationId(table.colocation!),
        slices: shards.map((shard): ListSlice => ({
          name: shard.slice!,
          ordinal: shardOrdinal(shard.ordinal),
          node: nodeName(shard.node),
          values: Array.isArray(shard.bounds) ? (shard.bounds as (string | null)[]) : DEFAULT_SLICE,
        })),
      };
    default:
      throw new Error("unknown kind of distribution in pleiad.distributed_table");
  }
}
