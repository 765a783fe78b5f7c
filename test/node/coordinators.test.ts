/**
 * Two coordinators over the same servers: what one defines the other's very next statement knows, and what one leaves behind when it is
 * killed, or stopped for so long that it is taken for dead, harms nobody (rows N8, N9, D2, T1, T2 of the failure modes).
 */
import { rmSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { clusterPaths } from "../../src/operations/cluster-paths.ts";
import { NodeMemory } from "../../src/shared-memory/node-memory.ts";
import { pleiad } from "../cluster/pleiad-command.ts";
import { queryServer } from "../cluster/server-query.ts";
import { temporaryDirectory } from "../cluster/temporary-directory.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { Client } from "../faults/fault-servers.ts";
import { holdLock, isAlive, preparedAnywhere, until, within } from "./node-cluster.ts";

const ACCOUNTS = 40;
const AMOUNT = 100;
/** A coordinator that is silent is taken out after twelve seconds; the machine may be slow. */
const TAKEN_OUT_MS = 25_000;

/** Runs the servers. */
let first: TestCluster;
let second: TestCluster;

beforeAll(async () => {
  first = await startTestCluster({ set: { "pool.per_node": "60" } });
  second = await startTestCluster({ set: { "pool.per_node": "60", join: first.data } });
  await runSql(
    first.client(),
    "CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL) DISTRIBUTE BY HASH (id)",
    `INSERT INTO account SELECT g, ${AMOUNT} FROM generate_series(1, ${ACCOUNTS}) g`,
  );
});

afterEach(() => Client.vanishAll());

afterAll(async () => {
  await second?.destroy();
  await first?.destroy();
});

const connect = async (): Promise<[Client, Client]> => [
  await Client.connect(first.client()),
  await Client.connect(second.client()),
];

const epochs = async (): Promise<number[]> =>
  (await queryServer(first.server("catalog"), "SELECT epoch FROM pleiad.coordinator ORDER BY epoch")).map(
    ({ epoch }) => Number(epoch),
  );

test("N8: what one coordinator's client defines, the very next statement of the other's sees", async () => {
  const clients = await connect();
  for (let i = 0; i < 40; i++) {
    const [definer, reader] = i % 2 === 0 ? clients : clients.toReversed();
    expect((await definer!.ask(`CREATE TABLE made (a int, b${i} int)`)).error).toBeUndefined();
    expect((await reader!.ask(`INSERT INTO made (a, b${i}) VALUES (${i}, 1)`)).error).toBeUndefined();
    expect((await definer!.ask(`ALTER TABLE made ADD COLUMN c int DEFAULT ${i}`)).error).toBeUndefined();
    expect((await reader!.ask("SELECT * FROM made")).rows).toEqual([[`${i}`, "1", `${i}`]]);
    expect((await reader!.ask("DROP TABLE made")).error).toBeUndefined();
    expect((await definer!.ask("SELECT * FROM made")).error?.sqlstate).toBe("42P01");
  }
});

test("pleiad.coordinators names both, and says which one is asked", async () => {
  for (const [at, client] of [
    [first, (await connect())[0]],
    [second, (await connect())[1]],
  ] as const) {
    const { rows } = await client.ask("SELECT address, self FROM pleiad.coordinators ORDER BY epoch");
    expect(rows).toEqual(
      [first, second].map(({ host, port }) => [`${host}:${port}`, at.port === port ? "t" : "f"]),
    );
  }
});

test("commands: the joined one has its own status, and refuses what cannot be", async () => {
  const status = await pleiad("status", "--json", "--data", second.data);
  expect(JSON.parse(status.stdout)).toMatchObject({
    state: "up",
    coordinator: { port: second.port, accepting: true },
    servers: [],
  });
  const nowhere = temporaryDirectory("join");
  const join = (cluster: string, data: string) =>
    pleiad("up", "--join", cluster, "--data", data, "--port", "0");
  const wrong = [
    [await join(nowhere, `${nowhere}/data`), "no cluster with servers runs in", "pleiad up --data"],
    [await join(second.data, `${nowhere}/data`), "no cluster with servers runs in", "pleiad up --data"],
    [await join(first.data, first.data), "is in use by process", "--data"],
    [await join(first.data, second.data), "is in use by process", "--data"],
  ] as const;
  for (const [{ code, stderr }, message, hint] of wrong) {
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  }
  rmSync(nowhere, { recursive: true, force: true });
});

test("D2: definitions of both at once, in the same database", async () => {
  const work = async (at: TestCluster, name: string) => {
    const client = await Client.connect(at.client());
    for (let i = 0; i < 8; i++) {
      expect((await client.ask(`CREATE TABLE ${name} (a int) DISTRIBUTE BY HASH (a)`)).error).toBeUndefined();
      expect((await client.ask(`INSERT INTO ${name} SELECT generate_series(1, 10)`)).error).toBeUndefined();
      expect(await client.value(`SELECT count(*) FROM ${name}`)).toBe("10");
      expect((await client.ask(`DROP TABLE ${name}`)).error).toBeUndefined();
    }
  };
  await Promise.all([
    work(first, "mine"),
    work(second, "yours"),
    work(first, "ours"),
    work(second, "theirs"),
  ]);
});

test("DROP DATABASE succeeds though the other coordinator has idle connections to it", async () => {
  const [one, other] = await connect();
  expect((await one.ask("CREATE DATABASE passing")).error).toBeUndefined();
  const guest = await Client.connect(second.client({ database: "passing" }));
  expect((await guest.ask("CREATE TABLE t (a int) DISTRIBUTE BY HASH (a)")).error).toBeUndefined();
  expect((await guest.ask("SELECT count(*) FROM t")).rows).toEqual([["0"]]);
  await guest.close();
  expect((await one.ask("DROP DATABASE passing")).error).toBeUndefined();
  expect((await other.ask("CREATE DATABASE passing")).error).toBeUndefined();
  const again = await Client.connect(second.client({ database: "passing" }));
  expect((await again.ask("SELECT * FROM t")).error?.sqlstate).toBe("42P01");
  await again.close();
  expect((await other.ask("DROP DATABASE passing")).error).toBeUndefined();
});

test("the transaction process of either is killed: definitions go on, and are seen", async () => {
  const clients = await connect();
  for (const [i, at] of [first, second, second, first].entries()) {
    const [definer, reader] = i % 2 === 0 ? clients : clients.toReversed();
    const { pid } = at.state().processes.find(({ kind }) => kind === "transactions")!;
    process.kill(pid, "SIGKILL");
    expect((await within("CREATE", definer!.ask("CREATE TABLE made (a int)"))).error).toBeUndefined();
    expect((await within("SELECT", reader!.ask("SELECT * FROM made"))).error).toBeUndefined();
    expect((await within("DROP", reader!.ask("DROP TABLE made"))).error).toBeUndefined();
    await until("it runs again", () =>
      at.state().processes.some((p) => p.kind === "transactions" && p.pid !== pid),
    );
  }
});

test("either is reloaded: definitions go on, both stay registered as they were", async () => {
  const clients = await connect();
  const before = await epochs();
  for (const [i, at] of [first, second].entries()) {
    const [definer, reader] = i === 0 ? clients : clients.toReversed();
    const { code, stderr } = await pleiad("reload", "--data", at.data);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("could not")]);
    expect((await within("CREATE", definer!.ask("CREATE TABLE made (a int)"))).error).toBeUndefined();
    expect((await within("SELECT", reader!.ask("SELECT * FROM made"))).error).toBeUndefined();
    expect((await within("DROP", reader!.ask("DROP TABLE made"))).error).toBeUndefined();
  }
  expect(await epochs()).toEqual(before);
});

interface Load {
  running: boolean;
  done: number;
}

/** Moves amounts between accounts on any nodes, until it is stopped or its coordinator has gone. */
async function transfer(at: TestCluster, load: Load, seed: number): Promise<void> {
  const client = await Client.connect(at.client());
  try {
    for (let i = seed; load.running; i += 7) {
      const [low, high] = [1 + (i % ACCOUNTS), 1 + ((i * 3 + 1) % ACCOUNTS)].toSorted((a, b) => a - b);
      if (low === high) continue;
      let failed = false;
      for (const sql of [
        "BEGIN",
        `UPDATE account SET amount = amount - 1 WHERE id = ${low}`,
        `UPDATE account SET amount = amount + 1 WHERE id = ${high}`,
        "COMMIT",
      ])
        failed = failed || (await client.ask(sql)).error !== undefined;
      if (failed) await client.ask("ROLLBACK");
      else load.done++;
    }
  } catch {
    // Its coordinator was killed.
  }
}

async function checkSum(): Promise<void> {
  const client = await Client.connect(first.client());
  expect(await client.value("SELECT sum(amount) FROM account")).toBe(String(ACCOUNTS * AMOUNT));
}

/** The supervisor and all its children. */
function signalAll(at: TestCluster, signal: NodeJS.Signals): number[] {
  const pids = at.coordinatorPids();
  for (const pid of pids) process.kill(pid, signal);
  return pids;
}

test("T1: one is killed in the middle of commits: the other finishes them, without a start of any", async () => {
  const load: Load = { running: true, done: 0 };
  const dying = Array.from({ length: 6 }, (_, n) => transfer(second, load, n));
  const living = { running: true, done: 0 };
  const others = Array.from({ length: 2 }, (_, n) => transfer(first, living, 100 + n));
  await until("transfers", () => load.done > 100);
  const lock = await holdDecisions();
  await until("something is prepared", async () => (await preparedAnywhere(first)).length > 0);
  const pids = signalAll(second, "SIGKILL");
  load.running = false;
  await Promise.all(dying);
  await until("its processes have gone", () => !pids.some(isAlive));
  await lock.release();
  const before = living.done;
  await until("the other goes on", () => living.done > before + 20);
  living.running = false;
  await Promise.all(others);
  await until("nothing is prepared", async () => (await preparedAnywhere(first)).length === 0, TAKEN_OUT_MS);
  expect(await epochs()).toHaveLength(1);
  await checkSum();
  await second.start();
  expect(await epochs()).toHaveLength(2);
}, 90_000);

/** Held up between PREPARE and the decision, until it is released. */
const holdDecisions = () =>
  holdLock(first, "catalog", "BEGIN; LOCK TABLE pleiad.transaction_decision IN ACCESS EXCLUSIVE MODE");

test("T2: the servers' own coordinator begins again while the other commits: nothing of the other's is judged", async () => {
  const load: Load = { running: true, done: 0 };
  const others = Array.from({ length: 4 }, (_, n) => transfer(second, load, n));
  await until("transfers", () => load.done > 50);
  // The servers run on: they are taken over, with what is prepared on them just then.
  const killed = first.state().coordinator.pid;
  first.kill("coordinator");
  await until("it has gone", () => !isAlive(killed));
  await first.start();
  load.running = false;
  await Promise.all(others);
  await until("nothing is prepared", async () => (await preparedAnywhere(first)).length === 0, TAKEN_OUT_MS);
  await checkSum();
}, 90_000);

test("N9: one is stopped for so long that the other takes it for dead, and goes on: it does nothing on its old authority", async () => {
  const [definer, sleeper] = await connect();
  await definer.ask("CREATE TABLE shape (k int PRIMARY KEY, v text) DISTRIBUTE BY HASH (k)");
  await definer.ask("INSERT INTO shape SELECT g, 'v' FROM generate_series(1, 20) g");
  for (let i = 0; i < 3; i++) await sleeper.ask("SELECT * FROM shape WHERE k = 5");
  const before = await epochs();

  const lock = await holdDecisions();
  await sleeper.ask("BEGIN");
  await sleeper.ask("UPDATE shape SET v = 'late'");
  const committing = sleeper.ask("COMMIT");
  await until("it has prepared", async () => (await preparedAnywhere(first)).length === 2);
  const idle = await Client.connect(second.client());
  await idle.ask("SELECT * FROM shape WHERE k = 5");
  // The backend that waits with the decision must not decide after all.
  signalAll(second, "SIGSTOP");
  await queryServer(
    first.server("catalog"),
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%INSERT INTO pleiad.transaction_decision%' AND pid <> pg_backend_pid()",
  );
  await lock.release();

  const answer = await within(
    "ALTER TABLE",
    definer.ask("ALTER TABLE shape ADD COLUMN w int DEFAULT 7"),
    TAKEN_OUT_MS,
  );
  expect(answer.error).toBeUndefined();
  expect(await preparedAnywhere(first)).toEqual([]);
  expect((await definer.ask("SELECT * FROM shape WHERE k = 5")).rows).toEqual([["5", "v", "7"]]);

  signalAll(second, "SIGCONT");
  expect((await within("COMMIT", committing)).error?.sqlstate).toMatch(/^(08007|40001)$/);
  expect((await within("SELECT", idle.ask("SELECT * FROM shape WHERE k = 5"))).rows).toEqual([
    ["5", "v", "7"],
  ]);
  expect((await definer.ask("SELECT DISTINCT v FROM shape")).rows).toEqual([["v"]]);
  await until("it is registered again", async () =>
    (await epochs()).some((epoch) => epoch > Math.max(...before)),
  );
  // And can commit over nodes again.
  expect((await within("UPDATE", idle.ask("UPDATE shape SET v = 'new'"))).error).toBeUndefined();
  expect((await definer.ask("SELECT DISTINCT v FROM shape")).rows).toEqual([["new"]]);
}, 90_000);

test("an orderly stop is known to the other at once", async () => {
  await second.stop();
  const memory = NodeMemory.open(clusterPaths(first.data, 0).nodeMemory);
  await until("it is alone", () => memory.coordination.others === 0);
  const client = await Client.connect(first.client());
  expect((await within("CREATE", client.ask("CREATE TABLE alone (a int)"), 5_000)).error).toBeUndefined();
  await second.start();
  const other = await Client.connect(second.client());
  expect((await other.ask("SELECT * FROM alone")).error).toBeUndefined();
});
