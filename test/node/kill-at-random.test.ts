/**
 * A node's processes are killed with -9 at random while clients work: no amount is lost or made (N2), what was acknowledged is there and
 * what was refused is not, nobody gets another's row or setting (N1), nothing hangs, nothing is left behind (N3).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { leftBehind } from "../faults/fault-servers.ts";
import { RandomSource } from "../oracle/random-source.ts";
import { Talk } from "./across-death.ts";
import { NodeProcesses, preparedAnywhere, until } from "./node-cluster.ts";
import {
  ACCOUNTS,
  inserts,
  Journal,
  OWN_ACCOUNTS,
  RandomClient,
  reads,
  singleTransfers,
  transfers,
} from "./random-clients.ts";

const SEED = Number(process.env["PLEIAD_TEST_SEED"] ?? Date.now() % 100_000);
const DURATION_MS = 16_000;
const START_AMOUNT = 1000;
const SINGLE_CLIENTS = 2;
/** Of each kind of client that there are several of. */
const CLIENTS = 3;
const READERS = 4;
/** One that was killed more often is let live: it is started again ever later. */
const KILLS_MAX = 6;

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({ dataNodes: 2, set: { session_workers: "2" } });
  node = new NodeProcesses(cluster);
  const accounts = ACCOUNTS + SINGLE_CLIENTS * OWN_ACCOUNTS;
  await runSql(
    cluster.client(),
    "CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL) DISTRIBUTE BY HASH (id)",
    `INSERT INTO account SELECT i, ${START_AMOUNT} FROM generate_series(1, ${accounts}) AS i`,
    "CREATE TABLE told (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)",
    "CREATE TABLE token (reader int, k int, who text, PRIMARY KEY (reader, k)) DISTRIBUTE BY HASH (k)",
    `INSERT INTO token SELECT r, k, r || ':' || k FROM generate_series(1, ${READERS}) AS r, generate_series(1, 50) AS k`,
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

/** Of a kind at random, any that may be killed; of the workers not the last that is ready. */
function victim(random: RandomSource) {
  const kind = random.weighted([
    [4, "worker"],
    [2, "executor"],
    [1, "listener"],
    [1, "transactions"],
  ] as const);
  const ready = node.of(kind).filter(({ state }) => state === "ready");
  if (kind === "worker" && ready.length < 2) return undefined;
  const mortal = ready.filter(({ restarts }) => restarts < KILLS_MAX);
  return mortal.length === 0 ? undefined : random.pick(mortal);
}

async function killForAWhile(random: RandomSource): Promise<Record<string, number>> {
  const killed: Record<string, number> = {};
  const end = Date.now() + DURATION_MS;
  while (Date.now() < end) {
    await sleep(random.int(300, 800));
    const entry = victim(random);
    if (entry === undefined) continue;
    await node.kill(entry);
    killed[entry.kind] = (killed[entry.kind] ?? 0) + 1;
  }
  return killed;
}

test(`N1, N2, N3: processes killed at random under load, seed ${SEED}`, async () => {
  console.log(`seed ${SEED} (PLEIAD_TEST_SEED)`);
  const journal = new Journal();
  const work: Promise<void>[] = [];
  const open = (name: string) => new RandomClient(cluster.client(), journal, name);
  const random = (number: number) => new RandomSource(SEED + number);
  for (let i = 0; i < CLIENTS; i++) {
    work.push(transfers(open(`transfers ${i}`), random(100 + i)));
    work.push(inserts(open(`inserts ${i}`), journal, random(200 + i), i));
  }
  for (let i = 0; i < SINGLE_CLIENTS; i++)
    work.push(singleTransfers(open(`single ${i}`), random(300 + i), ACCOUNTS + 1 + i * OWN_ACCOUNTS));
  for (let reader = 1; reader <= READERS; reader++)
    work.push(reads(open(`reader ${reader}`), random(400 + reader), reader, `reader ${reader}`));

  const killed = await killForAWhile(random(0));
  journal.running = false;
  await Promise.all(work);
  const { fates, lostConnections, handOvers } = journal;
  console.log(JSON.stringify({ killed, fates, lostConnections, handOvers, rows: journal.rows.size }));
  expect(journal.wrong).toEqual([]);
  // It was no quiet time, and the node served in it.
  expect(killed["worker"]).toBeGreaterThan(3);
  expect(killed["executor"]).toBeGreaterThan(0);
  expect(handOvers).toBeGreaterThan(0);
  expect(fates.done).toBeGreaterThan(100);

  await node.whenComplete();
  await until("nothing is prepared", async () => (await preparedAnywhere(cluster)).length === 0);
  expect(await leftBehind({ cluster, subject: cluster.client() })).toEqual([]);
  const talk = await Talk.connect(cluster.client());
  expect(await talk.value(`SELECT sum(amount) - count(*) * ${START_AMOUNT} FROM account`)).toBe("0");
  const there = new Set((await talk.ask("SELECT id FROM told")).filter((line) => line.startsWith("D ")));
  const strange: string[] = [];
  for (const [rows, fate] of journal.rows) {
    const found = rows.split(" ").filter((id) => there.has(`D ${id}`)).length;
    if (found === 1 || (fate === "done" && found === 0) || (fate === "not done" && found > 0))
      strange.push(`${rows}: ${fate}, and ${found} are there`);
  }
  expect(strange).toEqual([]);
  await talk.wire.close();
}, 90_000);
