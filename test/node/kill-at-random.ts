/** A node under load whose processes are killed with -9 at random, and what must be true of it then. For the test, and for runs of minutes (bench/kill-at-random.ts). */
import { setTimeout as sleep } from "node:timers/promises";
import { runSql } from "../../bench/run-sql.ts";
import type { ProcessKind } from "../../src/shared-memory/process-table.ts";
import type { TestCluster } from "../cluster/test-cluster.ts";
import { leftBehind } from "../faults/fault-servers.ts";
import { RandomSource } from "../oracle/random-source.ts";
import { Talk } from "./across-death.ts";
import { COPY_ROWS, copies, pgTransfers, postgresJsClients } from "./driver-clients.ts";
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
  type Fate,
} from "./random-clients.ts";

const START_AMOUNT = 1000;
const SINGLE_CLIENTS = 2;
/** Of each kind of client that there are several of. */
const CLIENTS = 3;
const READERS = 5;

export interface KillOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Between two kills, at least and at most. */
  readonly pauseMs: readonly [number, number];
  /** One that was killed more often is let live: it is started again ever later. */
  readonly killsMax: number;
  /** The supervisor too; then the node is started again, as its keeper does. */
  readonly supervisor: boolean;
}

export interface KillReport {
  readonly killed: Readonly<Record<string, number>>;
  readonly journal: Journal;
  /** What must not be, found while it ran or afterwards. */
  readonly wrong: readonly string[];
}

export async function makeKillTables(cluster: TestCluster): Promise<void> {
  const accounts = ACCOUNTS + SINGLE_CLIENTS * OWN_ACCOUNTS;
  await runSql(
    cluster.client(),
    "CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL) DISTRIBUTE BY HASH (id)",
    `INSERT INTO account SELECT i, ${START_AMOUNT} FROM generate_series(1, ${accounts}) AS i`,
    "CREATE TABLE told (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)",
    "CREATE TABLE copied (id int PRIMARY KEY, batch int) DISTRIBUTE BY HASH (id)",
    "CREATE TABLE token (reader int, k int, who text, PRIMARY KEY (reader, k)) DISTRIBUTE BY HASH (k)",
    `INSERT INTO token SELECT r, k, r || ':' || k FROM generate_series(1, ${READERS}) AS r, generate_series(1, 50) AS k`,
  );
}

const WEIGHTS: Readonly<Record<ProcessKind, number>> = {
  worker: 4,
  executor: 2,
  listener: 1,
  transactions: 1,
};

/** Every kind that the node runs is killed, workers most. */
async function killForAWhile(
  cluster: TestCluster,
  node: NodeProcesses,
  options: KillOptions,
): Promise<Record<string, number>> {
  const random = new RandomSource(options.seed);
  const killed: Record<string, number> = {};
  const end = Date.now() + options.durationMs;
  const kinds = [...new Set(node.all().map(({ kind }) => kind))].toSorted();
  while (Date.now() < end) {
    await sleep(random.int(...options.pauseMs));
    const kind = random.weighted<ProcessKind | "supervisor">([
      ...kinds.map((of) => [WEIGHTS[of], of] as const),
      [options.supervisor ? 0.5 : 0, "supervisor"],
    ]);
    if (kind === "supervisor") {
      cluster.kill("coordinator");
      await sleep(random.int(0, 300));
      await cluster.start();
      node.startedAgain();
    } else {
      const ready = node.of(kind).filter(({ state }) => state === "ready");
      // Not the last worker that is ready: where nobody serves, nothing is seen.
      if (kind === "worker" && ready.length < 2) continue;
      const mortal = ready.filter(({ restarts }) => restarts < options.killsMax);
      if (mortal.length === 0) continue;
      await node.kill(random.pick(mortal));
    }
    killed[kind] = (killed[kind] ?? 0) + 1;
  }
  return killed;
}

/** Works and kills, and looks afterwards at what is there. The tables are those of makeKillTables(). */
export async function killAtRandom(cluster: TestCluster, options: KillOptions): Promise<KillReport> {
  const node = new NodeProcesses(cluster);
  const journal = new Journal();
  const batches = new Map<number, Fate>();
  const at = cluster.client();
  const open = (name: string) => new RandomClient(at, journal, name);
  const random = (number: number) => new RandomSource(options.seed + number);
  const work: Promise<void>[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    work.push(transfers(open(`transfers ${i}`), random(100 + i)));
    work.push(inserts(open(`inserts ${i}`), journal, random(200 + i), i));
  }
  for (let i = 0; i < SINGLE_CLIENTS; i++)
    work.push(singleTransfers(open(`single ${i}`), random(300 + i), ACCOUNTS + 1 + i * OWN_ACCOUNTS));
  for (let reader = 1; reader < READERS; reader++)
    work.push(reads(open(`reader ${reader}`), random(400 + reader), reader, `reader ${reader}`));
  work.push(pgTransfers(at, journal, random(500)));
  work.push(postgresJsClients(at, journal, random(501), READERS));
  work.push(copies(at, journal, batches, random(502)));

  let killed: Record<string, number>;
  try {
    killed = await killForAWhile(cluster, node, options);
  } finally {
    journal.running = false;
  }
  await Promise.all(work);
  await node.whenComplete();
  await until("nothing is prepared", async () => (await preparedAnywhere(cluster)).length === 0);
  const left = await leftBehind({ cluster, subject: at });
  return { killed, journal, wrong: [...journal.wrong, ...left, ...(await judge(cluster, journal, batches))] };
}

/** Amounts, acknowledged rows and copied batches that are not as the clients were told. */
async function judge(
  cluster: TestCluster,
  journal: Journal,
  batches: ReadonlyMap<number, Fate>,
): Promise<string[]> {
  const talk = await Talk.connect(cluster.client());
  const wrong: string[] = [];
  const difference = await talk.value(`SELECT sum(amount) - count(*) * ${START_AMOUNT} FROM account`);
  if (difference !== "0") wrong.push(`the sum of all accounts differs by ${difference}`);
  const rowsOf = async (sql: string) =>
    (await talk.ask(sql)).filter((line) => line.startsWith("D ")).map((line) => line.slice(2));
  const there = new Set(await rowsOf("SELECT id FROM told"));
  const compare = (what: string, fate: Fate, found: number, all: number) => {
    const part = found !== 0 && found !== all;
    if (part || (fate === "done" && found === 0) || (fate === "not done" && found > 0))
      wrong.push(`${what}: ${fate}, and ${found} of ${all} are there`);
  };
  for (const [rows, fate] of journal.rows)
    compare(`rows ${rows}`, fate, rows.split(" ").filter((id) => there.has(id)).length, 2);
  const counts = new Map(
    (await rowsOf("SELECT batch, count(*) FROM copied GROUP BY batch")).map((row) => {
      const [batch, count] = row.split("|").map(Number);
      return [batch!, count!];
    }),
  );
  for (const [batch, fate] of batches)
    compare(`copied batch ${batch}`, fate, counts.get(batch) ?? 0, COPY_ROWS);
  await talk.wire.close();
  return wrong;
}
