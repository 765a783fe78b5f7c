/** Different identities are different types: the compiler keeps a shard from being a node. */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Name of an instance as users write it: dn1, dn2 (data nodes), cn1 (compute node), catalog (catalog node). */
export type NodeName = Branded<string, "NodeName">;
/** Ordinal of a shard within its table, from 0; equal ordinals of a colocation group lie on one node. For hash it is the remainder. */
export type ShardOrdinal = Branded<number, "ShardOrdinal">;
/** Number of a colocation group: tables of one group have equal key types and equal shard placements. */
export type ColocationId = Branded<number, "ColocationId">;

export const nodeName = (name: string): NodeName => name as NodeName;
export const shardOrdinal = (ordinal: number): ShardOrdinal => ordinal as ShardOrdinal;
export const colocationId = (id: number): ColocationId => id as ColocationId;
