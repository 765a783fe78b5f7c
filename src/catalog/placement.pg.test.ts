/** Where PostgreSQL puts a row, there placement.ts and the expression for servers must look for it. */
import { expect, test } from "vitest";
import { colocationId, nodeName, shardOrdinal } from "./ids.ts";
import { installCatalog } from "./install-catalog.ts";
import { loadSnapshot } from "./load-snapshot.ts";
import { partitionByClause, partitionsOnNode } from "./partition-ddl.ts";
import { shardOfKey, type ShardedDistribution } from "./placement.ts";
import { shardExpression } from "./shard-expression.ts";
import type { KeyDatum } from "./shard-filter.ts";
import { DEFAULT_SLICE, MAXVALUE, relationKey, type ListSlice, type Relation } from "./snapshot.ts";
import { plainQuery } from "../../test/cluster/plain-query.ts";

const query = plainQuery(async (query) => {
  await installCatalog(query);
  await query(
    "CREATE SCHEMA app; SELECT setseed(0.7); CREATE COLLATION german (provider = icu, locale = 'de')",
  );
});

const dn1 = nodeName("dn1");
const colocation = colocationId(1);

function range(columns: string[], bounds: (string | typeof MAXVALUE)[][]): ShardedDistribution {
  const slices = bounds.map((lessThan, i) => ({
    name: `s${i}`,
    ordinal: shardOrdinal(i),
    node: dn1,
    lessThan,
  }));
  return { kind: "range", columns, colocation, slices };
}

function list(column: string, lists: ((string | null)[] | typeof DEFAULT_SLICE)[]): ShardedDistribution {
  const slices = lists.map((values, i): ListSlice => ({
    name: `s${i}`,
    ordinal: shardOrdinal(i),
    node: dn1,
    values,
  }));
  return { kind: "list", columns: [column], colocation, slices };
}

function hash(columns: string[], modulus: number): ShardedDistribution {
  return { kind: "hash", columns, colocation, placements: Array.from({ length: modulus }, () => dn1) };
}

let tables = 0;

/** Creates the table with all its shards on this server, fills it, and compares each row's shard. Gives the number of certain answers. */
async function compare(columns: string, distribution: ShardedDistribution, rows: string): Promise<number> {
  const name = `t${tables++}`;
  await query(`CREATE TABLE app.${name} (${columns}) ${partitionByClause(distribution)}`);
  for (const statement of partitionsOnNode("app", name, distribution, dn1)) await query(statement);
  await query(`INSERT INTO app.${name} ${rows}`);
  const snapshot = await loadSnapshot(query, "postgres");
  const table: Relation = { ...snapshot.relations.get(relationKey("app", name))!, distribution };
  const keys = distribution.columns.map((column) => `${column}::text`);
  const found = await query(
    `SELECT substring(tableoid::regclass::text from '#([0-9]+)'), ${shardExpression(table, distribution.columns)}, ${keys.join(", ")} FROM app.${name}`,
  );
  expect(found.length).toBeGreaterThan(0);
  let certain = 0;
  for (const [shard, asked, ...texts] of found) {
    expect(asked, `${columns} ${texts.join(", ")}`).toBe(shard);
    const key = texts.map((text): KeyDatum =>
      text === null ? null : { bytes: Buffer.from(text), format: "text" },
    );
    const answer = shardOfKey(table, key);
    if (answer === undefined) continue;
    certain++;
    expect(String(answer), `${columns} ${texts.join(", ")}`).toBe(shard);
  }
  return certain;
}

const series = (expressions: string) => `SELECT ${expressions} FROM generate_series(1, 300) i`;

test("range: integers, dates, uuids, timestamps, several columns", async () => {
  const certain = [
    await compare("k int", range(["k"], [["-50"], ["0"], ["100"], [MAXVALUE]]), series("i - 150")),
    await compare(
      "k int8",
      range(["k"], [["-4294967296"], ["9007199254740993"], [MAXVALUE]]),
      series("(random() - 0.5)::numeric * 4e16 + i % 2 * 9007199254740992"),
    ),
    await compare(
      "k date",
      range(["k"], [["1999-12-31"], ["2024-02-29"], [MAXVALUE]]),
      series("'1990-01-01'::date + i * 60"),
    ),
    await compare(
      "k timestamp",
      range(["k"], [["1999-12-31 23:59:59.5"], ["2024-02-29 00:00:00"], [MAXVALUE]]),
      series("'1990-01-01'::timestamp + i * 60 * interval '1.00001 day'"),
    ),
    await compare(
      "k uuid",
      range(
        ["k"],
        [["40000000-0000-0000-0000-000000000000"], ["c0000000-0000-0000-0000-000000000000"], [MAXVALUE]],
      ),
      series("gen_random_uuid()"),
    ),
    await compare(
      'a int, b text COLLATE "C"',
      range(
        ["a", "b"],
        [
          ["3", "m"],
          ["3", "zz"],
          ["5", MAXVALUE],
          ["7", "é"],
          [MAXVALUE, MAXVALUE],
        ],
      ),
      series("i % 10, chr(97 + i % 26) || CASE WHEN i % 3 = 0 THEN 'é' ELSE 'z' END"),
    ),
  ];
  expect(certain).toEqual(certain.map(() => 300));
});

test("list: values, NULL, default, and bytes that look alike", async () => {
  expect(
    await compare(
      "k text",
      list("k", [["a", "b "], [null, "it's \\"], DEFAULT_SLICE]),
      series("(ARRAY['a', 'b ', 'b', NULL, 'it''s \\', 'A'])[1 + i % 6]"),
    ),
  ).toBe(300);
  expect(
    await compare(
      "k char(5)",
      list("k", [["a"], ["b  "], DEFAULT_SLICE]),
      series("(ARRAY['a', 'a ', 'b', 'c'])[1 + i % 4]"),
    ),
  ).toBe(300);
  expect(
    await compare("k bool", list("k", [["t"], ["f", null]]), series("(ARRAY[true, false, NULL])[1 + i % 3]")),
  ).toBe(300);
});

test("what only PostgreSQL can compare is asked of it, never guessed", async () => {
  expect(
    await compare("k text COLLATE german", range(["k"], [["m"], [MAXVALUE]]), series("chr(60 + i % 60)")),
  ).toBe(0);
  expect(await compare("k numeric", range(["k"], [["1.50"], [MAXVALUE]]), series("i / 100.0"))).toBe(0);
  expect(await compare("k numeric", hash(["k"], 5), series("round(i / 100.0, i % 3)"))).toBe(0);
  expect(
    await compare(
      "k timestamptz, b jsonb",
      hash(["k", "b"], 5),
      series("now() + i * interval '1 hour', to_jsonb(i)"),
    ),
  ).toBe(0);
});

test("hash with the partitions of the real DDL", async () => {
  expect(
    await compare(
      "a int8, b text",
      hash(["a", "b"], 7),
      series("i * 1e15::int8, CASE WHEN i % 5 > 0 THEN repeat('x', i) END"),
    ),
  ).toBe(300);
});

test("a schema's name leaves room for the shard's number", () => {
  expect(() => partitionsOnNode("s".repeat(62), "t", hash(["k"], 2), dn1)).toThrow("too long");
});
