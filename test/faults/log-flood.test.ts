/** Clients that make the servers log as much as they can (O3). */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { Talk } from "../node/across-death.ts";
import { until } from "../node/node-cluster.ts";

const MB = 1024 * 1024;
const LOG_BYTES_MAX = 20 * MB;
/** More than old files are kept. */
const FLOODS = 5;
const FLOOD_BYTES = 30 * MB;
const FLOOD_MS_MAX = 60_000;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ dataNodes: 2 });
  await runSql(
    cluster.client(),
    "CREATE TABLE goods (id int PRIMARY KEY, n int) DISTRIBUTE BY HASH (id)",
    "INSERT INTO goods SELECT i, i FROM generate_series(1, 100) AS i",
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

/** Of every server, by the file's name; old ones are `dn1.log.1` and so on. */
function serverLogs(): { readonly name: string; readonly path: string; readonly bytes: number }[] {
  const directory = join(cluster.data, "logs");
  return readdirSync(directory)
    .filter((name) => !name.startsWith("coordinator"))
    .map((name) => ({ name, path: join(directory, name), bytes: statSync(join(directory, name)).size }));
}

const allBytes = (): number => serverLogs().reduce((sum, { bytes }) => sum + bytes, 0);

test("O3: statements that fail leave their error in a server's log, and not their text", async () => {
  const failing = 1_000;
  const filling = "x".repeat(1_000);
  const talk = await Talk.connect(cluster.client());
  const before = allBytes();
  for (let i = 0; i < failing; i++)
    expect(await talk.ask(`SELECT n / 0, '${filling}' FROM goods WHERE id = ${1 + (i % 100)}`)).toContain(
      "E 22012",
    );
  await talk.wire.close();
  const text = serverLogs()
    .map(({ path }) => readFileSync(path, "utf8"))
    .join("");
  expect(text).toContain("division by zero");
  expect(text).not.toContain("xxxxxx");
  expect((allBytes() - before) / failing).toBeLessThan(200);
});

test(
  "O3: a client that makes a server log without end: the log and its old files stay within their bound",
  async () => {
    const talk = await Talk.connect(cluster.client());
    await talk.ask("SET client_min_messages = error");
    const flood = `DO $$ BEGIN FOR i IN 1..${FLOOD_BYTES / 10_000} LOOP RAISE WARNING '%', repeat('y', 10000); END LOOP; END $$`;
    for (let i = 0; i < FLOODS; i++) {
      expect(await talk.ask(flood)).toEqual(["C DO", "Z I"]);
      // Also the old one, however much was written between two looks.
      await until("the log is emptied", () => serverLogs().every(({ bytes }) => bytes <= LOG_BYTES_MAX));
    }
    await talk.wire.close();
    const flooded = serverLogs().filter(({ path }) => readFileSync(path).includes("yyyyyy"));
    const old = flooded.filter(({ name }) => !name.endsWith(".log"));
    expect(old.map(({ name }) => name).join()).toMatch(/^(\w+)\.log\.1,\1\.log\.2,\1\.log\.3$/);
    // The last flood may lie in the log itself, in part.
    expect(flooded.length - old.length).toBeLessThanOrEqual(1);
  },
  FLOOD_MS_MAX,
);
