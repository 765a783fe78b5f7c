/** Busy workers give sessions to idle ones: clients notice nothing but that they are served sooner (N7). */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { query } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { NodeProcesses, until, within } from "./node-cluster.ts";

const BUSY_CLIENTS = 4;
const IDLE_CLIENTS = 4;
/** Requests that a busy client sends at once. */
const BATCH = 10;
/** Conditions of a statement: the worker reads and plans them, its client has one row to read. */
const CONDITIONS = 60;
const BALANCED_MS = 60_000;
/** Sessions that were moved stay where they are for longer than this. */
const WATCHED_MS = 8_000;

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({ dataNodes: 2, set: { session_workers: "2" } });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE token (k int PRIMARY KEY, who text) DISTRIBUTE BY HASH (k)",
    "INSERT INTO token SELECT k, 'of ' || k FROM generate_series(1, 500) AS k",
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

/** A statement whose like was never seen: `name` is another one each time. */
function costlyToPlan(key: number, name: string): string {
  const conditions = Array.from({ length: CONDITIONS }, (_, i) => `who <> 'not ${i}'`);
  return `SELECT who AS ${name}, current_setting('app.who') FROM token WHERE k = ${key} AND ${conditions.join(" AND ")}`;
}

test("N7: sessions of a busy worker go to the idle one, and stay there", async () => {
  await node.whenComplete();
  const talks: Talk[] = [];
  while (talks.length < BUSY_CLIENTS + IDLE_CLIENTS) talks.push(await Talk.connect(cluster.client()));
  const first = node.ownerOf(talks[0]!.wire).pid;
  const busy = talks.filter((talk) => node.ownerOf(talk.wire).pid === first);
  const others = talks.filter((talk) => !busy.includes(talk));
  expect(busy).toHaveLength(BUSY_CLIENTS);
  const owners = (of: readonly Talk[]) => of.map((talk) => node.ownerOf(talk.wire).pid);
  const before = owners(others);

  let running = true;
  let answered = 0;
  const work = busy.map(async (talk, client) => {
    await talk.ask(`SET app.who = 'client ${client}'`);
    for (let round = 0; running; round++) {
      const keys = Array.from({ length: BATCH }, (_, i) => ((round * BATCH + i + client) % 500) + 1);
      talk.send(...keys.map((key, i) => query(costlyToPlan(key, `c${client}_${round}_${i}`))));
      const lines = await within("a batch", talk.heard(BATCH));
      // Every request once, in order, and nobody else's row.
      expect(lines).toEqual(
        keys.flatMap((key) => ["T", `D of ${key}|client ${client}`, "C SELECT 1", "Z I"]),
      );
      answered += BATCH;
    }
  });
  const failed = Promise.all(work);
  await Promise.race([
    failed,
    until("some of the busy sessions are elsewhere", () => new Set(owners(busy)).size === 2, BALANCED_MS),
  ]);
  const shares = () => owners(busy).filter((pid) => pid === first).length;
  await sleep(2_000);
  expect(shares()).toBeGreaterThan(0);
  expect(shares()).toBeLessThan(BUSY_CLIENTS);
  // Moved ones do not come back soon.
  const moved = busy.filter((talk) => node.ownerOf(talk.wire).pid !== first);
  const end = Date.now() + WATCHED_MS;
  while (Date.now() < end) {
    expect(owners(moved)).not.toContain(first);
    await sleep(100);
  }
  running = false;
  await failed;
  expect(answered).toBeGreaterThan(BUSY_CLIENTS * BATCH);
  // Those that do nothing were left alone, and the spare stands by.
  expect(owners(others)).toEqual(before);
  expect(node.of("worker").filter(({ sessions }) => sessions > 0)).toHaveLength(2);
  await Promise.all(talks.map((talk) => talk.wire.close()));
}, 120_000);
