/**
 * Commits over several nodes that a crash interrupts (T1, T2, T3, T7, T8): after it each transaction is there whole or not at all, every
 * acknowledged one is there, nothing stays prepared but what others have prepared.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { rmSync } from "node:fs";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { pleiad } from "../cluster/pleiad-command.ts";
import { queryServer } from "../cluster/server-query.ts";
import { temporaryDirectory } from "../cluster/temporary-directory.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { ConnectionLostError } from "../wire/connection.ts";
import { Client } from "./fault-servers.ts";

const NODES = ["dn1", "dn2"];
const SEED = Number(process.env["PLEIAD_TEST_SEED"] ?? Date.now() % 100_000);
const CLIENTS = 8;
const ACCOUNTS = 64;
const START_AMOUNT = 1000;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ dataNodes: 2 });
  await runSql(cluster.client(), "CREATE DATABASE second");
  for (const database of ["postgres", "second"])
    await runSql(
      cluster.client({ database }),
      "CREATE TABLE kept (id text PRIMARY KEY) DISTRIBUTE BY REPLICATION",
    );
  await runSql(
    cluster.client(),
    "CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL) DISTRIBUTE BY HASH (id)",
    "CREATE TABLE transfer (id text PRIMARY KEY, source int, target int, amount int) DISTRIBUTE BY HASH (id)",
    `INSERT INTO account SELECT i, ${START_AMOUNT} FROM generate_series(1, ${ACCOUNTS}) AS i`,
  );
});

afterEach(() => Client.vanishAll());

afterAll(async () => {
  await cluster?.destroy();
});

async function preparedOn(name: string): Promise<unknown[]> {
  const rows = await queryServer(cluster.server(name), "SELECT gid FROM pg_prepared_xacts ORDER BY gid");
  return rows.map(({ gid }) => gid);
}

test("T1, T3, T8: what was prepared before a crash is finished in every database; a stranger's is left alone", async () => {
  for (const database of ["postgres", "second"]) {
    for (const [kind, prefix] of [
      ["decided", "pleiad_2pc_test_"],
      ["undecided", "pleiad_2pc_test_"],
      ["refused", "pleiad_2pc_test_"],
      ["strange", "somebody_"],
    ] as const) {
      const gid = `${prefix}${kind}_${database}`;
      for (const node of NODES)
        await queryServer(
          cluster.server(node),
          `BEGIN; INSERT INTO kept VALUES ('${kind}'); PREPARE TRANSACTION '${gid}'`,
          database,
        );
      if (kind === "decided" || kind === "refused")
        await queryServer(
          cluster.server("catalog"),
          `INSERT INTO pleiad.transaction_decision (gid, database, nodes) VALUES ('${gid}', '${database}', '${kind === "decided" ? "{dn1,dn2}" : "{}"}')`,
        );
    }
  }
  const killed = cluster.state().coordinator.pid;
  cluster.kill("coordinator");
  while (isAlive(killed)) await sleep(20);
  await cluster.start();
  for (const node of NODES) {
    expect(await preparedOn(node)).toEqual(["somebody_strange_postgres", "somebody_strange_second"]);
    for (const database of ["postgres", "second"]) {
      expect(await queryServer(cluster.server(node), "SELECT id FROM kept", database)).toEqual([
        { id: "decided" },
      ]);
      await queryServer(cluster.server(node), `ROLLBACK PREPARED 'somebody_strange_${database}'`, database);
    }
  }
  expect(await queryServer(cluster.server("catalog"), "SELECT * FROM pleiad.transaction_decision")).toEqual(
    [],
  );
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Load {
  running: boolean;
  readonly acknowledged: string[];
}

/** Moves amounts until it is stopped; a lost connection, or an error, is for the next transfer to get over. */
async function transferLoop(name: string, random: () => number, load: Load): Promise<void> {
  let client: Client | undefined;
  for (let number = 0; load.running; number++) {
    // In one order, so that transfers do not deadlock.
    const [low, high] = [draw(random, ACCOUNTS), draw(random, ACCOUNTS)].toSorted((a, b) => a - b);
    const amount = draw(random, 20) - 10;
    const id = `${name}-${number}`;
    try {
      client ??= await Client.connect(cluster.client());
      let failed = false;
      for (const sql of [
        "BEGIN",
        `UPDATE account SET amount = amount - ${amount} WHERE id = ${low}`,
        `UPDATE account SET amount = amount + ${amount} WHERE id = ${high}`,
        `INSERT INTO transfer VALUES ('${id}', ${low}, ${high}, ${amount})`,
        "COMMIT",
      ]) {
        failed = (await client.ask(sql)).error !== undefined;
        if (failed) break;
      }
      if (failed) await client.ask("ROLLBACK");
      else load.acknowledged.push(id);
    } catch (error) {
      if (!(error instanceof ConnectionLostError) && !isRefused(error)) throw error;
      client = undefined;
      await sleep(50);
    }
  }
  await client?.close().catch(() => {});
}

function draw(random: () => number, max: number): number {
  return 1 + Math.floor(random() * max);
}

function isRefused(error: unknown): boolean {
  return /ECONNREFUSED|ECONNRESET|EPIPE/.test(String((error as NodeJS.ErrnoException).code));
}

async function checkBooks(load: Load, stage: string): Promise<void> {
  for (const node of [...NODES, "catalog"])
    await expect.poll(() => preparedOn(node), { timeout: 8000, message: `${stage}, ${node}` }).toEqual([]);
  const client = await Client.connect(cluster.client());
  expect(await client.value("SELECT sum(amount) FROM account"), stage).toBe(String(ACCOUNTS * START_AMOUNT));
  const { rows: wrong } = await client.ask(
    `SELECT a.id FROM account a LEFT JOIN (SELECT id, sum(amount) AS amount FROM (SELECT source AS id, -amount AS amount FROM transfer UNION ALL SELECT target, amount FROM transfer) AS m GROUP BY id) AS moved ON moved.id = a.id
     WHERE a.amount <> ${START_AMOUNT} + coalesce(moved.amount, 0)`,
  );
  expect(wrong, stage).toEqual([]);
  const { rows } = await client.ask("SELECT id FROM transfer");
  await client.close();
  const stored = new Set(rows.map(([id]) => id));
  expect(
    load.acknowledged.filter((id) => !stored.has(id)),
    stage,
  ).toEqual([]);
}

const VICTIMS = [
  ["coordinator", "coordinator"],
  ["coordinator", "coordinator"],
  ["coordinator", "coordinator"],
  ["everything", "all"],
  ["the catalog node", "catalog"],
  ["the catalog node", "catalog"],
  ["a data node", "dn1"],
] as const;

test(`T1, T8: kill -9 under transfers over two nodes, seed ${SEED}`, async () => {
  console.log(`seed ${SEED} (PLEIAD_TEST_SEED)`);
  const random = randomSource(SEED);
  const load: Load = { running: true, acknowledged: [] };
  for (const [round, [what, victim]] of VICTIMS.entries()) {
    load.running = true;
    const before = load.acknowledged.length;
    const work = Array.from({ length: CLIENTS }, (_, index) =>
      transferLoop(`${round}-${index}`, randomSource(SEED + round * 100 + index), load),
    );
    while (load.acknowledged.length < before + CLIENTS * 4) await sleep(10);
    await sleep(random() * 1000);
    if (victim === "all") await cluster.killAll();
    else {
      const { pid } = cluster.state().servers.find(({ name }) => name === victim) ?? {};
      const coordinator = cluster.state().coordinator.pid;
      cluster.kill(victim);
      if (victim === "coordinator") while (isAlive(coordinator)) await sleep(20);
      else await cluster.waitForRestart(victim, pid!);
    }
    if (victim === "all" || victim === "coordinator") {
      load.running = false;
      await Promise.all(work);
      await cluster.start();
    } else {
      await sleep(300);
      load.running = false;
      await Promise.all(work);
    }
    await checkBooks(load, `round ${round + 1}: ${what} killed`);
  }
}, 120_000);

test("T1: the catalog node is lost while a decision is written: the outcome is settled without a restart of the coordinator", async () => {
  const blocker = new pg.Client({ ...socketOf("catalog"), user: "postgres", database: "postgres" });
  blocker.on("error", () => {});
  await blocker.connect();
  await blocker.query("BEGIN; LOCK TABLE pleiad.transaction_decision IN ACCESS EXCLUSIVE MODE");
  const client = await Client.connect(cluster.client());
  await client.ask("BEGIN");
  await client.ask("INSERT INTO kept VALUES ('in doubt')");
  const committing = client.ask("COMMIT");
  for (const node of NODES) await expect.poll(() => preparedOn(node), { timeout: 8000 }).toHaveLength(1);
  const { pid } = cluster.state().servers.find(({ name }) => name === "catalog")!;
  cluster.kill("catalog");
  expect((await committing).error?.sqlstate).toBe("08007");
  await cluster.waitForRestart("catalog", pid!);
  for (const node of NODES) {
    await expect.poll(() => preparedOn(node), { timeout: 8000 }).toEqual([]);
    expect(await queryServer(cluster.server(node), "SELECT id FROM kept WHERE id = 'in doubt'")).toEqual([]);
  }
});

/** Holds a commit up at one step of it, by a lock of its own on a server; the lock goes with the server or with `end`. */
const STEPS: readonly (readonly [step: string, server: string, lock: string])[] = [
  ["one node has prepared, the other is at it", "dn2", "SELECT pg_advisory_lock(77)"],
  [
    "the decision is being written",
    "catalog",
    "BEGIN; LOCK TABLE pleiad.transaction_decision IN ACCESS EXCLUSIVE MODE",
  ],
];

test.each(STEPS)("T2: the coordinator dies while %s: all or nothing", async (step, server, lock) => {
  // PREPARE runs deferred triggers: that is where it can be held up.
  await queryServer(
    cluster.server("dn2"),
    `CREATE FUNCTION public.held() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NEW; END';
     CREATE CONSTRAINT TRIGGER held AFTER INSERT ON kept DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.held()`,
  );
  const blocker = new pg.Client({ ...socketOf(server), user: "postgres", database: "postgres" });
  blocker.on("error", () => {});
  try {
    await blocker.connect();
    await blocker.query(lock);
    const client = await Client.connect(cluster.client());
    await client.ask("BEGIN");
    await client.ask(`INSERT INTO kept VALUES ('${step}')`);
    const committing = client.ask("COMMIT").catch((error: unknown) => error);
    await expect.poll(() => preparedOn("dn1"), { timeout: 8000 }).toHaveLength(1);
    const waits = "SELECT 1 AS one FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'";
    await expect.poll(() => queryServer(cluster.server(server), waits), { timeout: 8000 }).toHaveLength(1);
    const killed = cluster.state().coordinator.pid;
    cluster.kill("coordinator");
    expect(await committing).toBeInstanceOf(ConnectionLostError);
    while (isAlive(killed)) await sleep(20);
    await cluster.start();
    await blocker.end().catch(() => {});
    // What was under way on a server may not come to its end behind the recovery's back.
    await sleep(1000);
    const found = [];
    for (const node of NODES) {
      expect(await preparedOn(node)).toEqual([]);
      found.push(await queryServer(cluster.server(node), `SELECT id FROM kept WHERE id = '${step}'`));
    }
    expect(found[0]).toEqual(found[1]);
    expect(
      await queryServer(cluster.server("catalog"), "SELECT gid FROM pleiad.transaction_decision"),
    ).toEqual([]);
  } finally {
    await blocker.end().catch(() => {});
    await queryServer(cluster.server("dn2"), "DROP FUNCTION public.held() CASCADE");
  }
});

function socketOf(name: string): { host: string; port: number } {
  const { host, port } = cluster.server(name);
  return { host, port };
}

test.each([
  ["a temporary table", "CREATE TEMP TABLE passing AS SELECT 1 AS a"],
  ["LISTEN and NOTIFY", "LISTEN news; NOTIFY news, 'one'"],
  ["a cursor WITH HOLD", "DECLARE held CURSOR WITH HOLD FOR SELECT id FROM account ORDER BY id"],
])("T7: %s, which PostgreSQL does not prepare, beside writes on several nodes", async (what, sql) => {
  const client = await Client.connect(cluster.client());
  await client.ask("BEGIN");
  expect((await client.ask(sql)).error).toBeUndefined();
  await client.ask(`INSERT INTO kept VALUES ('${what}')`);
  expect((await client.ask("COMMIT")).error).toBeUndefined();
  for (const node of NODES) {
    expect(await preparedOn(node)).toEqual([]);
    const found = await queryServer(cluster.server(node), `SELECT id FROM kept WHERE id = '${what}'`);
    expect(found, node).toHaveLength(1);
  }
  await client.close();
});

test("T7: where it cannot commit last, nothing is decided and nothing stays", async () => {
  const client = await Client.connect(cluster.client());
  for (const sql of ["BEGIN", "LISTEN news", "CREATE TABLE never (k int) DISTRIBUTE BY HASH (k)"])
    expect((await client.ask(sql)).error).toBeUndefined();
  const { error } = await client.ask("COMMIT");
  expect(error).toMatchObject({ sqlstate: "0A000", hint: "Use a transaction of its own for each." });
  expect((await client.ask("SELECT * FROM never")).error?.sqlstate).toBe("42P01");
  for (const node of [...NODES, "catalog"]) expect(await preparedOn(node)).toEqual([]);
  await client.close();
});

test("T7: a server that cannot prepare transactions is reported at the start", async () => {
  const directory = temporaryDirectory("unprepared");
  const data = join(directory, "data");
  try {
    const up = await pleiad(
      "up",
      "--json",
      "--data",
      data,
      "--port",
      "0",
      "--set",
      "server.fsync=false",
      "--set",
      "server.settings.max_prepared_transactions=0",
    );
    expect(up.code).toBe(1);
    expect((JSON.parse(up.stdout) as { error: string }).error).toContain("max_prepared_transactions is 0");
  } finally {
    await pleiad("destroy", "--yes", "--data", data);
    rmSync(directory, { recursive: true, force: true });
  }
});
