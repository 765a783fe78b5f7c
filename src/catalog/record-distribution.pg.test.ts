/** Metadata and snapshot on a real server: what is recorded is what the planner sees. */
import { beforeEach, describe, expect, test } from "vitest";
import { installCatalog, recordNodes } from "./install-catalog.ts";
import { currentVersion, loadSnapshot } from "./load-snapshot.ts";
import {
  bumpVersion,
  forgetDropped,
  recordDistribution,
  type ColocateWith,
  type DistributionSpec,
} from "./record-distribution.ts";
import { relationKey, type Distribution } from "./snapshot.ts";
import { plainQuery } from "../../test/cluster/plain-query.ts";

const query = plainQuery(async (query) => {
  await installCatalog(query);
  await installCatalog(query);
  const data = ["dn1", "dn2", "dn10"].map((name) => ({ name, kind: "data" }));
  await recordNodes(query, [{ name: "catalog", kind: "catalog" }, { name: "cn1", kind: "compute" }, ...data]);
});

beforeEach(async () => {
  await query(
    "DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad', 'glad')",
  );
  await forgetDropped(query);
});

async function oidOf(table: string): Promise<number> {
  return Number((await query(`SELECT 'app.${table}'::regclass::oid`))[0]![0]);
}

async function create(
  table: string,
  columns: string,
  spec: DistributionSpec,
  colocateWith?: string,
): Promise<Distribution> {
  await query("BEGIN");
  try {
    await query(`CREATE TABLE app.${table} (${columns})`);
    const lieWith: ColocateWith =
      colocateWith === undefined || colocateWith === "none" ? colocateWith : await oidOf(colocateWith);
    await recordDistribution(query, await oidOf(table), spec, lieWith);
    await bumpVersion(query);
    await query("COMMIT");
  } catch (error) {
    await query("ROLLBACK");
    throw error;
  }
  const snapshot = await loadSnapshot(query, "postgres");
  return snapshot.relations.get(relationKey("app", table))!.distribution!;
}

const hash = (columns: string[], shards = 6): DistributionSpec => ({ kind: "hash", columns, shards });
const groupOf = (distribution: Distribution) =>
  "colocation" in distribution ? distribution.colocation : undefined;

describe("colocation", () => {
  test("equal key types and counts lie together, whatever lengths the types were given", async () => {
    const a = await create("a", "k varchar(10), v int", hash(["k"]));
    expect(a).toMatchObject({ kind: "hash", placements: ["dn1", "dn2", "dn10", "dn1", "dn2", "dn10"] });
    expect(await create("b", "x int, k varchar", hash(["k"]))).toEqual(a);
    for (const [columns, spec] of [
      ["k text", hash(["k"])],
      ["k varchar", hash(["k"], 7)],
      [`k varchar COLLATE "C"`, hash(["k"])],
      ["k varchar, l varchar", hash(["k", "l"])],
    ] as const)
      expect(groupOf(await create(`t${Math.random().toString(36).slice(2)}`, columns, spec))).not.toBe(
        groupOf(a),
      );
  });

  test("NONE makes a group that nobody joins unasked", async () => {
    const a = await create("a", "k int", hash(["k"]), "none");
    const b = await create("b", "k int", hash(["k"]));
    expect(groupOf(b)).not.toBe(groupOf(a));
    expect(groupOf(await create("c", "k int", hash(["k"]), "a"))).toBe(groupOf(a));
    await expect(create("d", "k int8", hash(["k"]), "a")).rejects.toMatchObject({ code: "42P16" });
    await expect(create("d", "k int", hash(["k"], 5), "a")).rejects.toMatchObject({ code: "42P16" });
    await expect(create("d", "k int", { kind: "single", node: undefined }, "a")).rejects.toMatchObject({
      code: "42P16",
    });
  });

  test("range and list tables lie together when their slices are the same", async () => {
    const range = (last: string): DistributionSpec => ({
      kind: "range",
      columns: ["k", "l"],
      slices: [
        { name: "low", bounds: ["10", "it's"] },
        { name: "high", bounds: [last, { max: true }] },
      ],
    });
    const a = await create("a", "k int, l text", range("20"));
    expect(a).toMatchObject({
      kind: "range",
      columns: ["k", "l"],
      slices: [
        { name: "low", node: "dn1" },
        { name: "high", node: "dn2" },
      ],
    });
    expect(await create("b", "k int, l text", range("20"))).toEqual(a);
    expect(groupOf(await create("c", "k int, l text", range("21")))).not.toBe(groupOf(a));
    const list: DistributionSpec = {
      kind: "list",
      columns: ["k"],
      slices: [
        { name: "a", bounds: ["x\\y", null] },
        { name: "rest", bounds: { default: true } },
      ],
    };
    expect(await create("d", "k text", list)).toMatchObject({
      slices: [{ values: ["x\\y", null] }, { name: "rest" }],
    });
  });
});

test("single tables lie beside those of their schema, schemas spread over the nodes, or they lie where they are told", async () => {
  const single = (node?: string): DistributionSpec => ({ kind: "single", node });
  expect(await create("a", "k int", single())).toEqual({ kind: "single", node: "dn1" });
  expect(await create("b", "k int", single())).toEqual({ kind: "single", node: "dn1" });
  expect(await create("e", "k int", single("dn10"))).toEqual({ kind: "single", node: "dn10" });
  expect(await create("c", "k int", single())).toEqual({ kind: "single", node: "dn1" });
  expect(await create("f", "k int", single(), "e")).toEqual({ kind: "single", node: "dn10" });
  await expect(create("g", "k int", single("dn7"))).rejects.toMatchObject({ code: "22023" });
  await expect(create("g", "k int", single("dn1"), "e")).rejects.toMatchObject({ code: "42P16" });
  await query("DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA other; CREATE TABLE other.a (k int)");
  const oid = Number((await query("SELECT 'other.a'::regclass::oid"))[0]![0]);
  await query("BEGIN");
  await recordDistribution(query, oid, single(), undefined);
  await query("COMMIT");
  const lies = await query(`SELECT node FROM pleiad.distributed_table WHERE relation = ${oid}`);
  expect(lies).toEqual([["dn2"]]);
  await query("DROP SCHEMA other CASCADE");
  await forgetDropped(query);
});

test("keys that cannot be are refused with a reason", async () => {
  const refused = async (columns: string, spec: DistributionSpec, code: string) =>
    await expect(create("t", columns, spec)).rejects.toMatchObject({ code });
  await refused("k int", hash(["x"]), "42703");
  await refused("k int", hash(["k", "k"]), "42701");
  await refused("k int", hash(["k"], 0), "22023");
  await refused("k int", hash(["k"], 100_000), "22023");
  await query("CREATE DOMAIN app.feeling AS app.mood; CREATE TYPE app.pair AS (a int, b app.feeling[])");
  for (const type of ["app.mood", "app.feeling", "app.mood[]", "app.pair", "regclass"])
    await refused(`k ${type}`, hash(["k"]), "0A000");
  expect(
    await create("t", "k app.mood", {
      kind: "list",
      columns: ["k"],
      slices: [{ name: "s", bounds: ["sad"] }],
    }),
  ).toMatchObject({
    kind: "list",
  });
});

test("metadata of dropped tables, and groups without a table, go", async () => {
  await create("a", "k int", hash(["k"]));
  await query("DROP TABLE app.a");
  await forgetDropped(query);
  expect(await query("SELECT count(*) FROM pleiad.distributed_table")).toEqual([["0"]]);
  expect(await query("SELECT count(*) FROM pleiad.shard")).toEqual([["0"]]);
});

test("views for people say where everything lies; others may read, not write", async () => {
  await create("a", "k int", hash(["k"], 2));
  await create("b", "k int", { kind: "replicated" });
  await query("DROP ROLE IF EXISTS reader; CREATE ROLE reader; SET ROLE reader");
  try {
    expect(
      await query(
        `SELECT table_name, kind, distribution_columns, shard_count, nodes FROM pleiad.tables ORDER BY 1`,
      ),
    ).toEqual([
      ["a", "hash", "{k}", "2", "{dn1,dn2}"],
      ["b", "replicated", "{}", null, "{dn1,dn2,dn10}"],
    ]);
    expect(
      await query(
        `SELECT ordinal, node, partition_name FROM pleiad.shards WHERE table_name = 'a' ORDER BY 1`,
      ),
    ).toEqual([
      ["0", "dn1", `"app#0".a`],
      ["1", "dn2", `"app#1".a`],
    ]);
    expect(await query("SELECT count(*) FROM pleiad.nodes")).toEqual([["5"]]);
    for (const table of ["node", "colocation", "distributed_table", "shard", "catalog_version"])
      await expect(query(`DELETE FROM pleiad.${table}`)).rejects.toMatchObject({ code: "42501" });
    await expect(query("SELECT * FROM pleiad.transaction_decision")).rejects.toMatchObject({ code: "42501" });
  } finally {
    await query("RESET ROLE");
  }
  const undocumented = await query(
    `SELECT c.relname, a.attname FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND c.relkind = 'r'
     WHERE c.relnamespace = 'pleiad'::regnamespace AND c.relkind IN ('r', 'v')
       AND (obj_description(c.oid) IS NULL OR (a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL))`,
  );
  expect(undocumented).toEqual([]);
});

test("every DDL makes a new version", async () => {
  const before = await currentVersion(query);
  await bumpVersion(query);
  expect(await currentVersion(query)).toBe(before + 1);
});
