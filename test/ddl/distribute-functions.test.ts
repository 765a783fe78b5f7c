/** create_distributed_table, create_reference_table, undistribute_table: on tables with rows, by every protocol, with rights. */
import pg from "pg";
import { expect, test } from "vitest";
import { queryServer } from "../cluster/server-query.ts";
import { clusterClient } from "../cluster/cluster-client.ts";

const at = clusterClient([
  "CREATE ROLE mover LOGIN",
  "GRANT CREATE ON SCHEMA public TO mover",
  "CREATE TABLE ref (n int PRIMARY KEY, t text)",
  `CREATE TABLE big (k serial PRIMARY KEY, n int REFERENCES ref, v text COLLATE "C" DEFAULT 'x', g int GENERATED ALWAYS AS (k * 2) STORED, at date CHECK (at > '1999-01-01'))`,
  "INSERT INTO ref SELECT i, 'r' || i FROM generate_series(1, 10) i",
  "INSERT INTO big (n, v, at) SELECT 1 + i % 10, 'é\\n' || i, date '2024-01-01' + i FROM generate_series(1, 300) i",
  "CREATE INDEX big_lower ON big (lower(v)) WHERE k > 5",
  "GRANT SELECT (k), UPDATE ON big TO mover",
  "CREATE STATISTICS big_stat ON n, v FROM big",
]);

const SUM =
  "SELECT count(*)::int AS n, sum(k)::int AS k, sum(g)::int AS g, md5(string_agg(v, ',' ORDER BY k)) AS v, max(at) AS at FROM big";

async function value(sql: string): Promise<unknown> {
  return (await at.client.query({ text: sql, rowMode: "array" })).rows;
}

test("rows, keys, indexes, rights and statistics survive each way", async () => {
  const rows = await value(SUM);
  const shape = "SELECT indexdef FROM pg_indexes WHERE tablename = 'big' ORDER BY 1";
  const indexes = await value(shape);
  expect(await value("SELECT create_reference_table('ref')")).toEqual([[""]]);
  expect(await value(SUM)).toEqual(rows);
  expect(await value("SELECT create_distributed_table('big', 'k', shard_count => 6)")).toEqual([[""]]);
  expect(await value(SUM)).toEqual(rows);
  expect(await value(shape)).toEqual(indexes);
  expect(
    await value("SELECT kind, distribution_columns, shard_count FROM pleiad.tables WHERE table_name = 'big'"),
  ).toEqual([["hash", ["k"], 6]]);
  for (const node of ["dn1", "dn2"]) {
    const [row] = await queryServer(
      at.cluster.server(node),
      `SELECT (SELECT count(*)::int FROM big) AS rows, (SELECT count(*)::int FROM pg_inherits WHERE inhparent = 'big'::regclass) AS shards,
              (SELECT count(*)::int FROM pg_statistic_ext) AS statistics, has_column_privilege('mover', 'big', 'k', 'SELECT') AS k, has_column_privilege('mover', 'big', 'v', 'SELECT') AS v,
              (SELECT count(*)::int FROM pg_namespace WHERE nspname LIKE 'pleiad\\_moving%') AS left`,
    );
    expect(row).toMatchObject({ shards: 3, statistics: 1, k: true, v: false, left: 0 });
    expect(row!["rows"]).toBeGreaterThan(50);
  }
  await at.client.query("INSERT INTO big (n) VALUES (1)");
  expect(await value("SELECT max(k)::int FROM big")).toEqual([[301]]);
  await at.client.query("DELETE FROM big WHERE k = 301");
  await expect(at.client.query("INSERT INTO big (n) VALUES (11)")).rejects.toMatchObject({ code: "23503" });
  await at.client.query("SELECT undistribute_table('big')");
  expect(await value(SUM)).toEqual(rows);
  expect(await value(shape)).toEqual(indexes);
});

test("within a block, and rolled back", async () => {
  const rows = await value(SUM);
  await at.client.query("BEGIN");
  await at.client.query("SELECT create_distributed_table('big', 'k')");
  await at.client.query("UPDATE big SET v = v || '!' WHERE k = 3");
  expect(await value("SELECT count(*)::int FROM big WHERE v LIKE '%!'")).toEqual([[1]]);
  await at.client.query("ROLLBACK");
  expect(await value(SUM)).toEqual(rows);
  expect(await value("SELECT kind FROM pleiad.tables WHERE table_name = 'big'")).toEqual([["single"]]);
});

test("with parameters, described as PostgreSQL describes it", async () => {
  await at.client.query("CREATE TABLE para (a int, b text)");
  const result = await at.client.query("SELECT create_distributed_table($1, $2, shard_count => $3)", [
    "para",
    "a",
    4,
  ]);
  expect(result.fields.map((field) => [field.name, field.dataTypeID])).toEqual([
    ["create_distributed_table", 2278],
  ]);
  expect(await value("SELECT shard_count FROM pleiad.tables WHERE table_name = 'para'")).toEqual([[4]]);
  await at.client.query("CREATE TABLE beside (x int, y int)");
  await at.client.query("SELECT create_distributed_table('beside', 'x', colocate_with => 'para')");
  expect(
    await value(
      "SELECT count(DISTINCT colocation)::int FROM pleiad.tables WHERE table_name IN ('para', 'beside')",
    ),
  ).toEqual([[1]]);
});

test("what cannot be is said", async () => {
  const said = async (sql: string) => {
    const error = (await at.client.query(sql).catch((caught: unknown) => caught)) as pg.DatabaseError;
    return [error.code, error.message];
  };
  expect(await said("SELECT create_distributed_table('para', 'a')")).toEqual([
    "42P16",
    'table "para" is already distributed',
  ]);
  expect(await said("SELECT create_distributed_table('nowhere', 'a')")).toEqual([
    "42P01",
    'relation "nowhere" does not exist',
  ]);
  expect(await said("SELECT create_distributed_table('big', 'nope')")).toEqual([
    "42703",
    'column "nope" of relation "big" does not exist',
  ]);
  expect((await said("SELECT create_distributed_table('big', 'n')"))[0]).toBe("0A000");
  expect(await said("SELECT undistribute_table('big')")).toEqual(["42P16", 'table "big" is not distributed']);
  const mover = new pg.Client(at.cluster.client({ user: "mover" }));
  await mover.connect();
  await expect(mover.query("SELECT create_distributed_table('big', 'k')")).rejects.toMatchObject({
    code: "42501",
    message: "must be owner of table big",
  });
  await mover.query("CREATE TABLE own (k int, v text)");
  await mover.query("INSERT INTO own VALUES (1, 'a'), (2, 'b')");
  await mover.query("SELECT create_distributed_table('own', 'k')");
  expect((await mover.query("SELECT v FROM own WHERE k = 2")).rows).toEqual([{ v: "b" }]);
  await mover.end();
});
