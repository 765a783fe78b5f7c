/**
 * `pleiad reload`: all processes are replaced while clients work. Whoever is idle, or runs statements that commit by themselves, notices
 * nothing (N1); blocks come to their end; what cannot begin leaves everything as it was.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { RandomSource } from "../oracle/random-source.ts";
import { readError } from "../oracle/capture.ts";
import { WireConnection } from "../wire/connection.ts";
import { bind, describe as describeFrame, execute, parse, query, sync } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { isAlive, NodeProcesses, preparedAnywhere, until, within } from "./node-cluster.ts";
import { ACCOUNTS, inserts, Journal, RandomClient, reads, transfers } from "./random-clients.ts";
import { changedProgram, reload } from "./run-reload.ts";

const SEED = Number(process.env["PLEIAD_TEST_SEED"] ?? Date.now() % 100_000);
const READERS = 4;
const START_AMOUNT = 1000;
const RELOAD_MS = 60_000;

let cluster: TestCluster;
let node: NodeProcesses;
let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "pleiad-reload-"));
  cluster = await startTestCluster({ dataNodes: 2, set: { session_workers: "2" } });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL) DISTRIBUTE BY HASH (id)",
    `INSERT INTO account SELECT i, ${START_AMOUNT} FROM generate_series(1, ${ACCOUNTS}) AS i`,
    "CREATE TABLE told (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)",
    "CREATE TABLE token (reader int, k int, who text, PRIMARY KEY (reader, k)) DISTRIBUTE BY HASH (k)",
    `INSERT INTO token SELECT r, k, r || ':' || k FROM generate_series(1, ${READERS}) AS r, generate_series(1, 50) AS k`,
    "CREATE TABLE own (id int PRIMARY KEY, n int) DISTRIBUTE BY HASH (id)",
    "INSERT INTO own SELECT i, 0 FROM generate_series(1, 9) AS i",
    "CREATE TABLE numbered (id serial PRIMARY KEY, v int) DISTRIBUTE BY HASH (id)",
  );
});

afterAll(async () => {
  await cluster?.destroy();
  rmSync(scratch, { recursive: true, force: true });
});

const connect = (settings: Record<string, string> = {}) => Talk.connect(cluster.client(), settings);
const once = async (sql: string) => {
  const talk = await connect();
  const value = await talk.value(sql);
  await talk.wire.close();
  return value;
};
const pids = () => node.all().map(({ pid }) => pid);

/** A reload that succeeds, and has replaced every process. */
async function reloadAll(timeoutSeconds = 30): Promise<void> {
  await node.whenComplete();
  const before = pids();
  expect(await within("the reload", reload(cluster.data, timeoutSeconds), RELOAD_MS)).toMatchObject({
    code: 0,
    said: { outcome: "reloaded" },
  });
  await node.whenComplete();
  expect(pids().filter((pid) => before.includes(pid))).toEqual([]);
  expect(before.filter(isAlive)).toEqual([]);
}

test("N1: idle sessions keep settings, prepared statements, last values and cancel key through two reloads", async () => {
  const talks = await Promise.all(
    Array.from({ length: 6 }, (_, i) => connect({ application_name: `started ${i}`, DateStyle: "German" })),
  );
  for (const [i, talk] of talks.entries()) {
    await talk.ask(`SET app.x = 'of ${i}'`);
    await talk.ask(`SET TimeZone = 'Asia/Tokyo'`);
    await talk.ask(
      `PREPARE named (int) AS SELECT who FROM token WHERE reader = ${(i % READERS) + 1} AND k = $1`,
    );
    await talk.ask(`INSERT INTO numbered (v) VALUES (${i})`);
    // Bound before, so that no death would find it.
    talk.send(parse("", "SELECT $1::int + 1"), bind("", "", ["1"]), execute(""), sync());
    expect(await talk.heard()).toEqual(["1", "2", "D 2", "C SELECT 1", "Z I"]);
    talk.send(
      parse("by_k", "SELECT k FROM token WHERE reader = 1 AND k = $1"),
      describeFrame("S", "by_k"),
      sync(),
    );
    expect(await talk.heard()).toEqual(["1", "t", "T", "Z I"]);
  }
  const version = cluster.state().processes.map(({ startedAt }) => startedAt);
  for (let round = 0; round < 2; round++) {
    await reloadAll();
    for (const [i, talk] of talks.entries()) {
      talk.send(bind("", "", [String(round)]), execute(""), sync());
      expect(await talk.heard()).toEqual(["2", `D ${round + 1}`, "C SELECT 1", "Z I"]);
      talk.send(bind("", "by_k", ["7"]), execute(""), sync());
      expect(await talk.heard()).toEqual(["2", "D 7", "C SELECT 1", "Z I"]);
      expect(await talk.value("SHOW app.x")).toBe(`of ${i}`);
      expect(await talk.value("SELECT '2024-01-01 00:00Z'::timestamptz::text")).toBe(
        "01.01.2024 09:00:00 JST",
      );
      expect(await talk.value("SHOW application_name")).toBe(`started ${i}`);
      expect((await talk.ask("EXECUTE named(3)"))[1]).toBe(`D ${(i % READERS) + 1}:3`);
      // A simple query does away with the unnamed statement.
      talk.send(parse("", "SELECT $1::int + 1"), bind("", "", ["1"]), execute(""), sync());
      expect(await talk.heard()).toEqual(["1", "2", "D 2", "C SELECT 1", "Z I"]);
    }
  }
  for (const [i, talk] of talks.entries()) {
    const id = await talk.value("SELECT lastval()");
    expect(await talk.value(`SELECT v FROM numbered WHERE id = ${id}`)).toBe(String(i));
    talk.send(query("SELECT pg_sleep(60)"));
    let lines: string[] | undefined;
    const answer = talk.heard().then((heard) => (lines = heard));
    while (lines === undefined) await talk.wire.cancel();
    await answer;
    expect(lines.filter((line) => line !== "T")).toEqual(["E 57014", "Z I"]);
    await talk.wire.close();
  }
  // `pleiad status` tells old from new.
  expect(version.filter((at) => cluster.state().processes.some(({ startedAt }) => startedAt === at))).toEqual(
    [],
  );
  await until("nobody is there", () => node.takenRecords === 0);
});

test(`N1, N2: under load no client hears of a reload, seed ${SEED}`, async () => {
  console.log(`seed ${SEED} (PLEIAD_TEST_SEED)`);
  const journal = new Journal();
  const open = (name: string) => new RandomClient(cluster.client(), journal, name);
  const random = (number: number) => new RandomSource(SEED + number);
  const work: Promise<void>[] = [];
  for (let i = 0; i < 3; i++) {
    work.push(transfers(open(`transfers ${i}`), random(100 + i)));
    work.push(inserts(open(`inserts ${i}`), journal, random(200 + i), i));
  }
  for (let reader = 1; reader <= READERS; reader++)
    work.push(reads(open(`reader ${reader}`), random(400 + reader), reader, `reader ${reader}`));
  // Some come and go.
  let arrivals = 0;
  for (let i = 0; i < 2; i++)
    work.push(
      (async () => {
        while (journal.running) {
          const talk = await connect();
          expect(await talk.value("SELECT count(*) FROM token")).toBe(String(READERS * 50));
          await talk.wire.close();
          arrivals++;
        }
      })(),
    );
  for (let round = 0; round < 2; round++) await reloadAll();
  journal.running = false;
  await Promise.all(work);
  const { fates, lostConnections, handOvers } = journal;
  console.log(JSON.stringify({ fates, lostConnections, handOvers, arrivals, rows: journal.rows.size }));
  expect(journal.wrong).toEqual([]);
  expect({ lostConnections, handOvers, unknown: fates.unknown }).toEqual({
    lostConnections: 0,
    handOvers: 0,
    unknown: 0,
  });
  expect(fates.done).toBeGreaterThan(50);
  expect(arrivals).toBeGreaterThan(5);
  const talk = await connect();
  expect(await talk.value(`SELECT sum(amount) - count(*) * ${START_AMOUNT} FROM account`)).toBe("0");
  const there = new Set((await talk.ask("SELECT id FROM told")).filter((line) => line.startsWith("D ")));
  for (const [rows, fate] of journal.rows)
    for (const id of rows.split(" ")) expect(there.has(`D ${id}`), `${id} ${fate}`).toBe(fate === "done");
  await talk.wire.close();
}, 120_000);

test("a block, and a statement, that are open when the reload begins come to their end and go then", async () => {
  await node.whenComplete();
  const [block, running] = [await connect(), await connect()];
  await block.ask("BEGIN");
  expect(await block.ask("UPDATE own SET n = n + 1 WHERE id = 1")).toEqual(["C UPDATE 1", "Z T"]);
  running.send(query("SELECT pg_sleep(3)"));
  const before = node.all();
  const old = node.ownerOf(block.wire);
  const reloaded = reload(cluster.data, 30);
  // All others are gone by then.
  await until(
    "the old workers stay behind",
    () => before.filter(({ pid, kind }) => kind !== "worker" && isAlive(pid)).length === 0,
    RELOAD_MS,
  );
  expect(await block.ask("UPDATE own SET n = n + 1 WHERE id = 2")).toEqual(["C UPDATE 1", "Z T"]);
  expect(node.ownerOf(block.wire).pid).toBe(old.pid);
  expect(await block.ask("COMMIT")).toEqual(["C COMMIT", "Z I"]);
  await until("the session has gone to another worker", () => node.ownerOf(block.wire).pid !== old.pid);
  expect(await running.heard()).toEqual(["T", "D ", "C SELECT 1", "Z I"]);
  expect(await within("the reload", reloaded, RELOAD_MS)).toMatchObject({ code: 0 });
  expect(await block.value("SELECT sum(n) FROM own")).toBe("2");
  expect(node.all().filter(({ pid }) => before.some((entry) => entry.pid === pid))).toEqual([]);
  for (const talk of [block, running]) await talk.wire.close();
});

test("what is not at an end at the time limit is ended with 57P01, and nothing of it is left", async () => {
  await node.whenComplete();
  const stays = await connect();
  const [block, table] = [await connect(), await connect()];
  await block.ask("BEGIN");
  await block.ask("UPDATE own SET n = 7 WHERE id = 3");
  await table.ask("CREATE TEMP TABLE passing (a int)");
  const encrypted = new pg.Client({ ...cluster.client(), ssl: { rejectUnauthorized: false } });
  const told = new Promise<Error & { code?: string }>((resolve) => encrypted.on("error", resolve));
  await encrypted.connect();
  await reloadAll(1);
  for (const talk of [block, table]) {
    const words = await talk.lastWords();
    expect(words.map(({ body }) => readError(body).sqlstate)).toEqual(["57P01"]);
  }
  expect((await within("the end of the encrypted session", told)).code).toBe("57P01");
  expect(await stays.value("SELECT n FROM own WHERE id = 3")).toBe("0");
  expect(await stays.ask("UPDATE own SET n = n WHERE id = 3")).toEqual(["C UPDATE 1", "Z I"]);
  expect(await preparedAnywhere(cluster)).toEqual([]);
  await stays.wire.close();
});

test("a program that cannot begin changes nothing, and the reload says why", async () => {
  await node.whenComplete();
  const talk = await connect();
  await talk.ask("SET app.x = 'mine'");
  const before = pids();
  const broken: [string, (text: string) => string, RegExp][] = [
    ["node/worker/worker.ts", (text) => `${text}\nthis is no program`, /new worker process could not begin/],
    [
      "node/listener/listener.ts",
      (text) => `throw new Error("not today");\n${text}`,
      /new listener process.*not today/,
    ],
    [
      "shared-memory/node-memory.ts",
      (text) => text.replace(/const LAYOUT = \d+/, "const LAYOUT = 999999"),
      /is not the shared memory of this version/,
    ],
  ];
  for (const [i, [file, change, reason]] of broken.entries()) {
    const outcome = await reload(cluster.data, 5, changedProgram(join(scratch, `broken-${i}`), file, change));
    expect(outcome, file).toMatchObject({
      code: 1,
      said: { error: expect.stringMatching(reason), hint: expect.stringContaining("Nothing was changed") },
    });
    expect(pids()).toEqual(before);
    expect(await talk.value("SHOW app.x")).toBe("mine");
    expect(await once("SELECT 1")).toBe("1");
  }
  await talk.wire.close();
});

test("another version of the program is taken over from where it is", async () => {
  await node.whenComplete();
  const talk = await connect();
  const command = changedProgram(join(scratch, "newer"), "../package.json", (text) =>
    text.replace(/"version": "[^"]*"/, '"version": "9.9.9"'),
  );
  expect(await reload(cluster.data, 5, command)).toMatchObject({ code: 0 });
  expect(new Set(cluster.state().processes.map(({ version }) => version))).toEqual(new Set(["9.9.9"]));
  expect(await talk.value("SELECT 1")).toBe("1");
  await talk.wire.close();
});

test("a second reload is refused while one is under way; where no cluster runs there is nothing to reload", async () => {
  await node.whenComplete();
  const block = await connect();
  await block.ask("BEGIN");
  const first = reload(cluster.data, 30);
  await until("the first is under way", () => node.all().some(({ state }) => state === "leaving"), RELOAD_MS);
  expect(await reload(cluster.data, 30)).toMatchObject({
    code: 1,
    said: { error: "a reload is under way already" },
  });
  await block.ask("COMMIT");
  expect(await first).toMatchObject({ code: 0 });
  expect(await reload(join(scratch, "nowhere"), 30)).toMatchObject({
    code: 1,
    said: { error: expect.stringContaining("no cluster runs"), hint: expect.stringContaining("pleiad up") },
  });
  await block.wire.close();
});

test("settings of now are in force, those that need a restart are named", async () => {
  await node.whenComplete();
  const talk = await connect();
  writeFileSync(join(cluster.data, "pleiad.yaml"), "shards: 3\nmax_client_connections: 7\n");
  expect(await reload(cluster.data, 5)).toEqual({
    code: 0,
    said: {
      outcome: "reloaded",
      warnings: [expect.stringMatching(/^max_client_connections .* next start$/)],
    },
  });
  await talk.ask("CREATE TABLE few (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)");
  expect(await talk.value("SELECT count(*) FROM pleiad.shards WHERE table_name = 'few'")).toBe("3");
  writeFileSync(join(cluster.data, "pleiad.yaml"), "shards: none\n");
  expect(await reload(cluster.data, 5)).toMatchObject({
    code: 2,
    said: { error: expect.stringContaining("shards") },
  });
  rmSync(join(cluster.data, "pleiad.yaml"));
  await reloadAll();
  await talk.wire.close();
});

test("N1: an old worker, a new one and the new listener are killed in the middle of reloads", async () => {
  const talks = await Promise.all(Array.from({ length: 8 }, () => connect()));
  const block = await connect();
  for (const [i, talk] of talks.entries()) await talk.ask(`SET app.x = '${i}'`);
  for (const victim of ["old worker", "new worker", "listener"] as const) {
    await node.whenComplete();
    const before = pids();
    await block.ask("BEGIN");
    const holder = node.ownerOf(block.wire).pid;
    const reloaded = reload(cluster.data, 30);
    const isNew = ({ pid, state }: { pid: number; state: string }) =>
      !before.includes(pid) && state === "ready";
    await until(
      "only the block's worker is old",
      () => before.filter(isAlive).length === 1 && isAlive(holder),
      RELOAD_MS,
    );
    await until("the new ones are ready", () => node.all().filter(isNew).length >= before.length, RELOAD_MS);
    const entry =
      victim === "old worker"
        ? node.all().find(({ pid }) => pid === holder)
        : node.of(victim === "listener" ? "listener" : "worker").find(isNew);
    await node.kill(entry!);
    expect(await once("SELECT 1")).toBe("1");
    const end = await block.ask("COMMIT");
    expect(end).toEqual([victim === "old worker" ? "E 40001" : "C COMMIT", "Z I"]);
    expect(await within("the reload", reloaded, RELOAD_MS)).toMatchObject({ code: 0 });
    for (const [i, talk] of talks.entries()) expect(await talk.value("SHOW app.x")).toBe(String(i));
  }
  await Promise.all([...talks, block].map((talk) => talk.wire.close()));
  await until("all is well", async () => {
    await node.whenComplete();
    return WireConnection.connect(cluster.client())
      .then((wire) => wire.close())
      .then(() => true);
  });
}, 120_000);
