import { describe, expect, test } from "vitest";
import { colocationId, nodeName, shardOrdinal } from "./ids.ts";
import { nodesHolding, nodesOf, pruneShards, shardOfKey, type ShardSet } from "./placement.ts";
import type { KeyDatum, KeyValue, ShardFilter } from "./shard-filter.ts";
import {
  DEFAULT_SLICE,
  MAXVALUE,
  type Column,
  type Distribution,
  type ListSlice,
  type Relation,
} from "./snapshot.ts";
import { typeOids } from "./type-oids.ts";

const dn1 = nodeName("dn1");
const dn2 = nodeName("dn2");
const dataNodes = [dn1, dn2];

function column(name: string, typeOid: number, more: Partial<Column> = {}): Column {
  return {
    name,
    number: 1,
    typeOid,
    typeName: "",
    userType: false,
    collation: undefined,
    deterministicCollation: true,
    notNull: false,
    defaultExpression: undefined,
    generated: "",
    identity: "",
    sequence: undefined,
    ...more,
  };
}

function table(columns: readonly Column[], distribution: Distribution): Relation {
  return {
    oid: 20000,
    schema: "app",
    name: "t",
    kind: "table",
    owner: "alice",
    columns,
    indexes: [],
    distribution,
    populated: true,
    rowSecurity: false,
    hasTriggers: false,
    viewDefinition: undefined,
    securityInvoker: false,
    persistence: "permanent",
    parents: [],
  };
}

const names = (columns: readonly Column[]) => columns.map(({ name }) => name);

function hashTable(...columns: Column[]): Relation {
  const placements = Array.from({ length: 16 }, (_, i) => dataNodes[i % 2]!);
  return table(columns, { kind: "hash", columns: names(columns), colocation: colocationId(1), placements });
}

function rangeTable(
  columns: readonly Column[],
  bounds: readonly (readonly (string | typeof MAXVALUE)[])[],
): Relation {
  const slices = bounds.map((lessThan, i) => ({
    name: `s${i}`,
    ordinal: shardOrdinal(i),
    node: dataNodes[i % 2]!,
    lessThan,
  }));
  return table(columns, { kind: "range", columns: names(columns), colocation: colocationId(1), slices });
}

function listTable(
  key: Column,
  lists: readonly (readonly (string | null)[] | typeof DEFAULT_SLICE)[],
): Relation {
  const slices = lists.map((values, i): ListSlice => ({
    name: `s${i}`,
    ordinal: shardOrdinal(i),
    node: dataNodes[i % 2]!,
    values,
  }));
  return table([key], { kind: "list", columns: [key.name], colocation: colocationId(1), slices });
}

const text = (value: string): KeyDatum => ({ bytes: Buffer.from(value), format: "text" });
const literal = (value: string | null): KeyValue => ({ from: "literal", text: value });
const points = (...tuples: (string | null)[][]): ShardFilter => ({
  kind: "points",
  tuples: tuples.map((tuple) => tuple.map(literal)),
});
const between = (lower: string | undefined, upper: string | undefined): ShardFilter => ({
  kind: "interval",
  lower: lower === undefined ? undefined : literal(lower),
  upper: upper === undefined ? undefined : literal(upper),
});

function prune(
  relation: Relation,
  filter: ShardFilter,
  parameters: readonly KeyDatum[] = [],
): number[] | "all" {
  const shards: ShardSet = pruneShards(
    relation,
    filter,
    (value) =>
      value.from === "parameter"
        ? parameters[value.number - 1]
        : value.text === null
          ? null
          : text(value.text),
    () => parameters,
  );
  return shards === "all" ? "all" : [...shards].sort((a, b) => a - b);
}

const id = column("id", typeOids.int8);

describe("hash", () => {
  const orders = hashTable(id);

  test("a point concerns one shard, a NULL none, a text that is no plain integer all", () => {
    const shard = shardOfKey(orders, [text("7")]);
    expect(prune(orders, points(["7"]))).toEqual([shard]);
    expect(prune(orders, points(["7"], [null]))).toEqual([shard]);
    expect(prune(orders, points([null]))).toEqual([]);
    expect(prune(orders, points(["7"], ["7.0"]))).toBe("all");
    expect(prune(orders, { kind: "points", tuples: [[{ from: "parameter", number: 2 }]] })).toBe("all");
  });

  test("a row with a NULL key lies in the shard of remainder 0", () => {
    expect(shardOfKey(orders, [null])).toBe(0);
  });

  test("elements of an array, intersections and unions", () => {
    const [a, b] = [shardOfKey(orders, [text("1")]) as number, shardOfKey(orders, [text("2")]) as number];
    expect(a).not.toBe(b);
    const both = [a, b].sort((x, y) => x - y);
    expect(prune(orders, { kind: "any-of-array", parameter: 1 }, [text("1"), null, text("2")])).toEqual(both);
    expect(prune(orders, { kind: "union", of: [points(["1"]), points(["2"])] })).toEqual(both);
    expect(prune(orders, { kind: "union", of: [points(["1"]), { kind: "all" }] })).toBe("all");
    expect(
      prune(orders, { kind: "intersection", of: [points(["1"], ["2"]), { kind: "all" }, points(["2"])] }),
    ).toEqual([b]);
    expect(prune(orders, { kind: "none" })).toEqual([]);
    expect(prune(orders, between("1", "1"))).toBe("all");
  });

  test("types that only a server can hash concern all shards", () => {
    const numeric = 1700;
    expect(prune(hashTable(column("n", numeric)), points(["1"]))).toBe("all");
    expect(
      prune(hashTable(column("t", typeOids.text, { deterministicCollation: false })), points(["a"])),
    ).toBe("all");
    expect(prune(hashTable(column("e", 16500)), points(["red"]))).toBe("all");
  });

  test("Q12: a text that the column's length would cut is not hashed", () => {
    const code = hashTable(column("code", typeOids.varchar, { typeModifier: 9 }));
    expect(prune(code, points(["abcde"]))).toHaveLength(1);
    expect(prune(code, points(["äöüßé"]))).toHaveLength(1);
    expect(prune(code, points(["abcde "]))).toBe("all");
    const padded = hashTable(column("code", typeOids.bpchar, { typeModifier: 9 }));
    expect(prune(padded, points(["ab"]))).toEqual(prune(padded, points(["ab    "])));
  });
});

describe("range", () => {
  const years = rangeTable([column("day", typeOids.date)], [["2023-01-01"], ["2024-01-01"], [MAXVALUE]]);

  test("upper bounds are exclusive", () => {
    expect(prune(years, points(["2022-12-31"]))).toEqual([0]);
    expect(prune(years, points(["2023-01-01"]))).toEqual([1]);
    expect(prune(years, points(["9000-01-01"]))).toEqual([2]);
    expect(prune(years, points(["today"]))).toBe("all");
  });

  test("intervals, open and closed", () => {
    expect(prune(years, between("2023-05-01", "2023-06-01"))).toEqual([1]);
    expect(prune(years, between("2022-05-01", "2023-01-01"))).toEqual([0, 1]);
    expect(prune(years, between("2024-01-01", undefined))).toEqual([2]);
    expect(prune(years, between(undefined, "2023-12-31"))).toEqual([0, 1]);
    expect(prune(years, between("2024-01-01", "2023-01-01"))).toEqual([]);
    expect(prune(years, between("tomorrow", "2022-01-01"))).toEqual([0]);
    expect(prune(years, between("tomorrow", undefined))).toBe("all");
    expect(prune(years, { kind: "interval", lower: literal(null), upper: undefined })).toEqual([]);
  });

  test("a key above the last bound lies nowhere", () => {
    const small = rangeTable([id], [["10"], ["20"]]);
    expect(shardOfKey(small, [text("20")])).toBe("none");
    expect(shardOfKey(small, [null])).toBe("none");
    expect(prune(small, points(["20"]))).toEqual([]);
    expect(prune(small, between("20", undefined))).toEqual([]);
  });

  test("several columns: a bound that begins with a value has rows of it on both sides", () => {
    const pairs = rangeTable(
      [id, column("b", typeOids.int4)],
      [
        ["5", "10"],
        ["5", "20"],
        ["9", MAXVALUE],
        [MAXVALUE, MAXVALUE],
      ],
    );
    expect(prune(pairs, points(["5", "9"]))).toEqual([0]);
    expect(prune(pairs, points(["5", "10"]))).toEqual([1]);
    expect(prune(pairs, points(["5", "20"]))).toEqual([2]);
    expect(prune(pairs, points(["9", "2000000000"]))).toEqual([2]);
    expect(prune(pairs, between("5", "5"))).toEqual([0, 1, 2]);
    expect(prune(pairs, between("6", "9"))).toEqual([2, 3]);
  });

  test("text is compared only where its collation orders by bytes", () => {
    const bounds = [["m"], [MAXVALUE]] as const;
    expect(prune(rangeTable([column("t", typeOids.text)], bounds), points(["a"]))).toBe("all");
    const bytewise = rangeTable([column("t", typeOids.text, { byteOrder: true })], bounds);
    expect(prune(bytewise, points(["a"]))).toEqual([0]);
    expect(prune(bytewise, points(["é"]))).toEqual([1]);
  });
});

describe("list", () => {
  const region = listTable(column("region", typeOids.text), [["eu", "uk"], ["us", null], DEFAULT_SLICE]);

  test("values, NULL and the slice of all others", () => {
    expect(prune(region, points(["uk"]))).toEqual([0]);
    expect(prune(region, points(["asia"], ["eu"]))).toEqual([0, 2]);
    expect(shardOfKey(region, [null])).toBe(1);
    expect(prune(region, points([null]))).toEqual([]);
    expect(shardOfKey(listTable(id, [["1"]]), [text("2")])).toBe("none");
  });

  test("spellings of one value are one value", () => {
    const numbers = listTable(id, [["1"], ["-9223372036854775808", "9007199254740993"], DEFAULT_SLICE]);
    expect(prune(numbers, points(["001"]))).toEqual([0]);
    expect(prune(numbers, points(["9007199254740993"]))).toEqual([1]);
    expect(prune(numbers, points(["9007199254740992"]))).toEqual([2]);
    expect(prune(numbers, points([" 1"]))).toBe("all");
    expect(prune(numbers, between("0", "5"))).toEqual([0, 2]);
  });
});

test("nodes", () => {
  const orders = hashTable(id);
  expect(nodesHolding(orders, new Set([0, 2, 4]), dataNodes)).toEqual([dn1]);
  expect(nodesHolding(orders, new Set(), dataNodes)).toEqual([]);
  expect(nodesHolding(orders, "all", dataNodes)).toEqual([dn1, dn2]);
  expect(nodesOf({ kind: "replicated" }, dataNodes)).toEqual(dataNodes);
  expect(nodesOf({ kind: "single", node: dn2 }, dataNodes)).toEqual([dn2]);
});
