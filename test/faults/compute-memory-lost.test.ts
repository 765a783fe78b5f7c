/**
 * The memory that compute nodes live in is lost (a restart of the machine, a directory that somebody removed): they are made anew and know
 * all that the catalog node knows, before the first client is served.
 */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { Client } from "./fault-servers.ts";

let cluster: TestCluster;

const DEFINITIONS = [
  "CREATE SCHEMA app",
  "CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy')",
  "CREATE DOMAIN app.positive AS int CHECK (VALUE > 0)",
  "CREATE FUNCTION app.twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2'",
  "CREATE FUNCTION app.gone(m app.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
  "DROP FUNCTION app.gone",
  "CREATE AGGREGATE app.total (int) (sfunc = int4pl, stype = int, initcond = '0')",
  "ALTER TYPE app.mood ADD VALUE 'glad'",
  "GRANT USAGE ON SCHEMA app TO writer",
  "GRANT CREATE ON SCHEMA app TO writer",
  "CREATE TABLE app.a (id int PRIMARY KEY, mood app.mood, n app.positive) DISTRIBUTE BY HASH (id)",
  "CREATE TABLE app.b (id int PRIMARY KEY, a int) DISTRIBUTE BY HASH (id)",
  "INSERT INTO app.a SELECT i, 'glad', i FROM generate_series(1, 100) AS i",
  "INSERT INTO app.b SELECT i, 101 - i FROM generate_series(1, 100) AS i",
  "GRANT SELECT ON app.a, app.b TO writer",
  // A role that another name has replaced, and what it made.
  "SET ROLE writer",
  "CREATE FUNCTION app.mine(n int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT n + 1'",
  "REVOKE EXECUTE ON FUNCTION app.mine FROM PUBLIC",
  "RESET ROLE",
  "REVOKE CREATE ON SCHEMA app FROM writer",
];
/** A join by other columns than the keys: rows of both tables go to a compute node. */
const GENERAL =
  "SELECT app.total(app.twice(a.n)), max(a.mood) FROM app.a JOIN app.b ON a.n = b.a WHERE a.mood > 'sad'::app.mood";
const ROLES =
  "SELECT rolname, rolsuper, rolcanlogin, rolcreatedb, rolpassword IS NULL AS open FROM pg_authid WHERE oid >= 16384 AND rolname <> 'pleiad' ORDER BY 1";

beforeAll(async () => {
  cluster = await startTestCluster();
  await runSql(
    cluster.client(),
    "CREATE ROLE writer LOGIN PASSWORD 'a secret'",
    "CREATE ROLE readers",
    "GRANT readers TO writer WITH ADMIN OPTION",
    "CREATE ROLE member IN ROLE readers",
    "ALTER ROLE writer SET work_mem = '5MB'",
    `CREATE DATABASE "Second"`,
    `ALTER DATABASE "Second" SET search_path = app, public`,
    ...DEFINITIONS,
  );
  await runSql(cluster.client({ database: "Second" }), ...DEFINITIONS);
  await runSql(cluster.client(), "ALTER ROLE writer RENAME TO author");
});

afterAll(async () => {
  await cluster?.destroy();
});

async function checkAll(): Promise<void> {
  for (const database of ["postgres", "Second"]) {
    const client = await Client.connect(cluster.client({ database }));
    expect(await client.ask(GENERAL)).toEqual({ rows: [["10100", "glad"]], error: undefined });
    expect(await client.ask("SET ROLE author")).toMatchObject({ error: undefined });
    expect(await client.ask(`SELECT app.mine(1), (${GENERAL.replace(", max(a.mood)", "")})`)).toEqual({
      rows: [["2", "10100"]],
      error: undefined,
    });
    await client.close();
    const owner = await queryServer(
      cluster.server("cn1"),
      "SELECT proowner::regrole::text AS owner, proacl::text AS acl FROM pg_proc WHERE proname = 'mine'",
      database,
    );
    expect(owner).toEqual([{ owner: "author", acl: "{author=X/author}" }]);
  }
}

test("all servers start again without the compute node's files", async () => {
  await checkAll();
  const { pgdata } = cluster.state().servers.find(({ name }) => name === "cn1")!;
  const before = {
    members: await queryServer(cluster.server("cn1"), MEMBERS),
    roles: await queryServer(cluster.server("cn1"), ROLES),
  };
  expect(before.members).toHaveLength(2);
  await cluster.stop();
  rmSync(pgdata, { recursive: true });
  await cluster.start();
  await checkAll();
  expect(await queryServer(cluster.server("cn1"), MEMBERS)).toEqual(before.members);
  const without = before.roles.map((role) => ({ ...role, open: true }));
  expect(await queryServer(cluster.server("cn1"), ROLES)).toEqual(without);
  const failed = cluster
    .log()
    .split("\n")
    .filter((line) => line.includes("could not be"));
  expect(failed.filter((line) => !line.includes('role \\"writer\\" does not exist'))).toEqual([]);
});

const MEMBERS =
  "SELECT roleid::regrole::text, member::regrole::text, grantor::regrole::text, admin_option FROM pg_auth_members WHERE roleid >= 16384 ORDER BY 1, 2";

test("the compute node is killed and its files are damaged: it is made anew while clients are served", async () => {
  const { pgdata, pid } = cluster.state().servers.find(({ name }) => name === "cn1")!;
  rmSync(`${pgdata}/global/pg_control`);
  cluster.kill("cn1");
  await cluster.waitForRestart("cn1", pid!);
  await checkAll();
  // And it takes part in new definitions.
  await runSql(cluster.client(), "CREATE TYPE app.later AS ENUM ('x')");
});

test("a crash while it is made anew: from the beginning", async () => {
  const { pgdata } = cluster.state().servers.find(({ name }) => name === "cn1")!;
  await cluster.killAll();
  rmSync(`${pgdata}/pleiad-instance.json`);
  await cluster.start();
  await checkAll();
});
