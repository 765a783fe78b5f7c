/** EXPLAIN shows where a statement runs, executes nothing without ANALYZE, and answers in valid documents. */
import { parse } from "yaml";
import { expect, test } from "vitest";
import { clusterClient } from "../cluster/cluster-client.ts";

const at = clusterClient([
  "CREATE TABLE keyed (k int PRIMARY KEY, v text) DISTRIBUTE BY HASH (k)",
  "CREATE TABLE other (k int PRIMARY KEY, n int) DISTRIBUTE BY HASH (k) COLOCATE WITH NONE",
  "INSERT INTO keyed SELECT i, 'v' || i FROM generate_series(1, 40) i",
]);

async function plan(sql: string, values?: readonly unknown[]): Promise<string> {
  const { rows } = await at.client.query<[string]>({
    text: sql,
    rowMode: "array",
    values: [...(values ?? [])],
  });
  return rows.map(([text]) => (typeof text === "string" ? text : JSON.stringify(text))).join("\n");
}

test("each level names its nodes and fragments", async () => {
  expect(await plan("EXPLAIN SELECT * FROM keyed WHERE k = 3")).toMatch(
    /^Distributed Plan: route\n  Nodes: dn\d\n  ->  Fragment on dn\d\n        SQL: SELECT \* FROM "public#\d+".keyed/,
  );
  expect(await plan("EXPLAIN SELECT * FROM keyed")).toMatch(
    /gather\n  Nodes: dn1, dn2\n[^]*on dn1[^]*on dn2/,
  );
  const general = await plan("EXPLAIN (COSTS OFF) SELECT v FROM keyed JOIN other ON n = keyed.k ORDER BY 1");
  expect(general).toMatch(
    /Distributed Plan: general[^]*Ship public.keyed[^]*Ship public.other[^]*Statement on a compute node/,
  );
  expect(general).not.toContain("cost=");
  expect(await plan("EXPLAIN SELECT 1")).toContain("Distributed Plan: catalog");
});

test("a parameter of the extended protocol chooses the node", async () => {
  expect(await plan("EXPLAIN SELECT * FROM keyed WHERE k = $1", [7])).toContain("Distributed Plan: route");
});

test("json, yaml and xml are documents", async () => {
  const json = await at.client.query<{
    "QUERY PLAN": { Plan: object; "Distributed Plan": { Level: string } }[];
  }>("EXPLAIN (FORMAT json, ANALYZE) SELECT * FROM keyed WHERE k = 3");
  expect(json.rows[0]!["QUERY PLAN"][0]!.Plan).toMatchObject({ "Actual Rows": 1 });
  expect(json.rows[0]!["QUERY PLAN"][0]!["Distributed Plan"].Level).toBe("route");
  const [document] = parse(await plan("EXPLAIN (FORMAT yaml) SELECT count(*) FROM keyed")) as readonly Record<
    string,
    unknown
  >[];
  expect(Object.keys(document!)).toEqual(["Distributed Plan"]);
  expect(await plan("EXPLAIN (FORMAT xml) SELECT count(*) FROM keyed")).toMatch(/^<explain [^]*<\/explain>$/);
});

test("ANALYZE executes and measures", async () => {
  expect(await plan("EXPLAIN ANALYZE SELECT count(DISTINCT v) FROM keyed")).toMatch(
    /Rows Moved: 40\n\s+Bytes Moved: \d+\n\s+Time: [\d.]+ ms/,
  );
});

test("EXPLAIN of a write writes nothing; ANALYZE does, within the transaction", async () => {
  const count = async (): Promise<unknown> =>
    (await at.client.query<{ n: number }>("SELECT count(*)::int AS n FROM keyed WHERE v = 'new'")).rows[0]!.n;
  await plan("EXPLAIN DELETE FROM keyed");
  await plan("EXPLAIN UPDATE keyed SET v = 'new'");
  await plan("EXPLAIN INSERT INTO keyed VALUES (100, 'new')");
  await plan("EXPLAIN INSERT INTO keyed SELECT k + 100, 'new' FROM keyed");
  expect(await count()).toBe(0);
  await at.client.query("BEGIN");
  expect(await plan("EXPLAIN ANALYZE UPDATE keyed SET v = 'new'")).toContain("Rows Written: 40");
  await plan("EXPLAIN ANALYZE INSERT INTO keyed SELECT k + 100, 'new' FROM keyed");
  await plan("EXPLAIN ANALYZE DELETE FROM keyed WHERE k = 3");
  expect(await count()).toBe(79);
  await at.client.query("ROLLBACK");
  expect(await count()).toBe(0);
});

test("EXECUTE, DECLARE, CREATE TABLE AS", async () => {
  await at.client.query("PREPARE p (int) AS SELECT v FROM keyed WHERE k = $1");
  expect(await plan("EXPLAIN EXECUTE p (7)")).toContain("Distributed Plan: route");
  expect(await plan("EXPLAIN (COSTS OFF) DECLARE c CURSOR FOR SELECT k FROM keyed")).toContain(
    "Distributed Plan: gather",
  );
  expect(await plan("EXPLAIN CREATE TABLE t AS SELECT k FROM keyed WITH NO DATA")).toContain(
    "Distributed Plan: gather",
  );
});

test("an error keeps its position", async () => {
  await expect(plan("EXPLAIN SELECT nope FROM keyed")).rejects.toMatchObject({
    code: "42703",
    position: "16",
  });
});
