/**
 * X2: a password is nowhere but in what PostgreSQL keeps of it. Looked through is everything that the cluster has on disk and in shared memory
 * (logs with every statement, WAL, tables, metadata), what the servers say that runs or ran, and the command lines of all processes.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { bind, execute, parse, sync } from "../wire/frames.ts";
import { Client, summarise } from "./fault-servers.ts";

const SECRET = "Sw0rdfish-of-the-test";

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({
    set: {
      "server.settings.log_statement": "all",
      "server.settings.log_min_duration_statement": "0",
      "server.settings.shared_preload_libraries": "pg_stat_statements",
      "server.settings.pg_stat_statements.track_utility": "on",
      authentication: JSON.stringify([{ user: "postgres", method: "trust" }, { method: "scram-sha-256" }]),
    },
  });
});

afterAll(() => cluster?.destroy());

const STATEMENTS: readonly string[] = [
  `CREATE ROLE keeper LOGIN PASSWORD '${SECRET}'`,
  `CREATE USER other ENCRYPTED PASSWORD '${SECRET}'`,
  `ALTER ROLE keeper PASSWORD E'${SECRET}'`,
  `ALTER USER keeper WITH PASSWORD $$${SECRET}$$ VALID UNTIL 'infinity'`,
  `ALTER ROLE keeper PASSWORD U&'${SECRET}'`,
  `SELECT 1; ALTER ROLE keeper /* a comment */ PASSWORD '${SECRET}'; SELECT 2`,
  // None of these can be done.
  `ALTER ROLE nobody_there PASSWORD '${SECRET}'`,
  `CREATE ROLE keeper PASSWORD '${SECRET}'`,
  `CREATE ROLE third PASSWORD '${SECRET}' IN ROLE nobody_there`,
  `ALTER ROLE keeper PASSWORD '${SECRET}' NONSENSE`,
  `ALTER ROLE keeper PASSWRD '${SECRET}' PASSWORD '${SECRET}'`,
  `ALTER ROLE keeper PASSWORD '${SECRET}' VALID UNTIL 'not a time'`,
];

test("X2: a password is in no log, no table, no list of statements or processes, and no error", async () => {
  const client = await Client.connect(cluster.client());
  await client.ask("CREATE EXTENSION pg_stat_statements");
  for (const sql of STATEMENTS) {
    const { error } = await client.ask(sql);
    expect(JSON.stringify(error ?? ""), sql).not.toContain(SECRET);
    client.wire.send(parse("", sql), bind("", ""), execute(""), sync());
    const again = summarise(await client.wire.until("Z"));
    expect(JSON.stringify(again.error ?? ""), sql).not.toContain(SECRET);
  }
  const keeper = new pg.Client(cluster.client({ user: "keeper", password: SECRET }));
  await keeper.connect();
  await keeper.end();
  const wrong = new pg.Client(cluster.client({ user: "keeper", password: `${SECRET}-wrong` }));
  await expect(wrong.connect()).rejects.toMatchObject({ code: "28P01" });

  const { rows } = await client.ask(
    "SELECT query FROM pg_stat_activity UNION ALL SELECT statement FROM pg_prepared_statements",
  );
  expect(JSON.stringify(rows)).not.toContain(SECRET);
  const { servers } = cluster.state();
  for (const { name } of servers) {
    const seen = await queryServer(
      cluster.server(name),
      `SELECT query FROM pg_stat_activity${name === "catalog" ? " UNION ALL SELECT query FROM pg_stat_statements" : ""}`,
    );
    // The list is not empty, and has the statements as the servers got them.
    expect(seen.length, name).toBeGreaterThan(0);
    expect(JSON.stringify(seen), name).not.toContain(SECRET);
    await queryServer(cluster.server(name), "CHECKPOINT");
  }
  for (const pid of [...cluster.coordinatorPids(), ...servers.map(({ pid }) => pid!)])
    if (existsSync(`/proc/${pid}/cmdline`))
      expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).not.toContain(SECRET);
  await client.close();

  const places = [cluster.data, ...servers.map(({ pgdata }) => dirname(pgdata))].filter((place) =>
    existsSync(place),
  );
  expect(filesWith("CREATE ROLE keeper", places)).not.toEqual([]);
  expect(filesWith(SECRET, places)).toEqual([]);
});

function filesWith(text: string, places: readonly string[]): string[] {
  const { stdout } = spawnSync("grep", ["-rlaF", "--", text, ...places], { encoding: "utf8" });
  return [...new Set(stdout.split("\n").filter((line) => line !== ""))];
}
