/**
 * To which node a record goes, by its key fields. Integer keys are read where they stand, without an object per row; other
 * types whose spelling is certain go through the catalog room's hasher; the rest has to be asked of a server.
 */
import {
  hashBytes,
  hashInt64,
  hashUint32,
  combine,
  remainderOf,
  type Hash64,
} from "../../catalog/hash/lookup3.ts";
import { keyColumns, nodeOfShard, shardOfKey } from "../../catalog/placement.ts";
import type { KeyDatum } from "../../catalog/shard-filter.ts";
import type {
  HashDistribution,
  ListDistribution,
  RangeDistribution,
  Relation,
} from "../../catalog/snapshot.ts";
import { typeOids } from "../../catalog/type-oids.ts";
import { FieldKind, type Splitter } from "./splitter.ts";

export type Sharded = HashDistribution | RangeDistribution | ListDistribution;

/** A server has to say where the record goes. */
export const ASK = -1;
/** Larger integers than this are left to the hasher. */
const DIGITS_MAX = 15;
const TWO_32 = 4294967296;

interface IntegerType {
  readonly size: number;
  readonly min: number;
  readonly max: number;
}

const INTEGERS: ReadonlyMap<number, IntegerType> = new Map([
  [typeOids.int2, { size: 2, min: -0x8000, max: 0x7fff }],
  [typeOids.int4, { size: 4, min: -0x80000000, max: 0x7fffffff }],
  [typeOids.int8, { size: 8, min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }],
]);

export class ShardRouter {
  private readonly relation: Relation;
  /** Position in the list of nodes, by shard. */
  private readonly nodes: readonly number[];
  /** Where key columns stand among the splitter's registers; -1: not in the data, so NULL. */
  private readonly registers: readonly number[];
  private readonly binary: boolean;
  /** Bytes that are not ASCII are in another encoding than the server's: they cannot be hashed as they are. */
  private readonly asciiOnly: boolean;
  private readonly integer: IntegerType | undefined;
  /** A single key whose bytes are hashed as they stand. */
  private readonly text: boolean;
  private readonly hash: Hash64 = { high: 0, low: 0 };
  private readonly row: Hash64 = { high: 0, low: 0 };

  constructor(
    relation: Relation,
    nodes: readonly string[],
    registers: readonly number[],
    binary: boolean,
    asciiOnly: boolean,
  ) {
    const distribution = relation.distribution as Sharded;
    this.relation = relation;
    this.registers = registers;
    this.binary = binary;
    this.asciiOnly = asciiOnly;
    const shards =
      distribution.kind === "hash"
        ? distribution.placements.length
        : Math.max(...distribution.slices.map((s) => s.ordinal)) + 1;
    const ordinals = new Set(
      distribution.kind === "hash"
        ? distribution.placements.keys()
        : distribution.slices.map((s) => s.ordinal as number),
    );
    this.nodes = Array.from({ length: shards }, (_, i) =>
      ordinals.has(i) ? nodes.indexOf(nodeOfShard(distribution, i)) : 0,
    );
    const columns = keyColumns(relation);
    this.text =
      distribution.kind === "hash" &&
      columns.length === 1 &&
      columns[0]!.typeOid === typeOids.text &&
      columns[0]!.deterministicCollation &&
      registers[0]! >= 0 &&
      !asciiOnly;
    if (distribution.kind === "hash" && columns.length === 1 && registers[0]! >= 0)
      this.integer = INTEGERS.get(columns[0]!.typeOid);
  }

  nodeOfShard(shard: number): number {
    return this.nodes[shard] ?? 0;
  }

  /** The position of the record's node, or ASK. */
  route(block: Buffer, start: number, splitter: Splitter): number {
    const { fields } = splitter;
    if (this.integer !== undefined && fields.kind[this.registers[0]!] === FieldKind.plain) {
      const register = this.registers[0]!;
      const node = this.routeInteger(
        block,
        start + fields.start[register]!,
        start + fields.end[register]!,
        this.integer,
      );
      if (node !== ASK) return node;
    }
    if (this.text && fields.kind[this.registers[0]!] === FieldKind.plain) {
      const register = this.registers[0]!;
      hashBytes(block, start + fields.start[register]!, start + fields.end[register]!, this.hash);
      return this.nodeOfHash();
    }
    return this.routeAny(block, start, splitter);
  }

  private routeInteger(block: Buffer, from: number, to: number, { size, min, max }: IntegerType): number {
    let value: number;
    if (this.binary) {
      if (to - from !== size) return ASK;
      if (size === 8) {
        hashInt64(block.readUInt32BE(from), block.readUInt32BE(from + 4), this.hash);
        return this.nodeOfHash();
      }
      value = block.readIntBE(from, size);
    } else {
      const negative = block[from] === 45;
      let at = negative ? from + 1 : from;
      if (at === to || to - at > DIGITS_MAX) return ASK;
      value = 0;
      for (; at < to; at++) {
        const digit = block[at]! - 48;
        if (digit < 0 || digit > 9) return ASK;
        value = value * 10 + digit;
      }
      if (negative) value = -value;
      if (value < min || value > max) return ASK;
    }
    if (value >= -0x80000000 && value <= 0x7fffffff) hashUint32(value, this.hash);
    else hashInt64(Math.floor(value / TWO_32) >>> 0, value >>> 0, this.hash);
    return this.nodeOfHash();
  }

  private nodeOfHash(): number {
    const { row, hash } = this;
    row.high = 0;
    row.low = 0;
    combine(row, hash);
    return this.nodes[remainderOf(row, this.nodes.length)]!;
  }

  /** Any key: from values that are cut out of the record. */
  private routeAny(block: Buffer, start: number, splitter: Splitter): number {
    const key: KeyDatum[] = [];
    for (const register of this.registers) {
      const kind = register < 0 ? FieldKind.null : splitter.fields.kind[register];
      // A server complains of the missing field, whichever it is.
      if (kind === FieldKind.missing) return 0;
      if (kind === FieldKind.null || kind === FieldKind.default) key.push(null);
      else {
        const bytes = splitter.value(block, start, register);
        if (this.asciiOnly && bytes.some((b) => b >= 0x80)) return ASK;
        key.push({ bytes, format: this.binary ? "binary" : "text" });
      }
    }
    const shard = shardOfKey(this.relation, key);
    if (shard === undefined) return ASK;
    // No slice takes the row: any node says so in PostgreSQL's words.
    return shard === "none" ? 0 : this.nodeOfShard(shard);
  }
}
