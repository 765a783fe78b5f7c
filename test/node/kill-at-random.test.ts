/**
 * A node's processes are killed with -9 at random while clients work: no amount is lost or made (N2), what was acknowledged is there and
 * what was refused is not, nobody gets another's row or setting (N1), nothing hangs, nothing is left behind (N3). For minutes:
 * `npm run kill-at-random`.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { killAtRandom, makeKillTables } from "./kill-at-random.ts";

const SEED = Number(process.env["PLEIAD_TEST_SEED"] ?? Date.now() % 100_000);

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ dataNodes: 2, set: { session_workers: "2" } });
  await makeKillTables(cluster);
});

afterAll(async () => {
  await cluster?.destroy();
});

test(`N1, N2, N3: processes killed at random under load, seed ${SEED}`, async () => {
  console.log(`seed ${SEED} (PLEIAD_TEST_SEED)`);
  const { killed, journal, wrong } = await killAtRandom(cluster, {
    seed: SEED,
    durationMs: 16_000,
    pauseMs: [300, 800],
    killsMax: 6,
    supervisor: false,
  });
  const { fates, lostConnections, handOvers } = journal;
  console.log(JSON.stringify({ killed, fates, lostConnections, handOvers, rows: journal.rows.size }));
  expect(wrong).toEqual([]);
  // It was no quiet time, and the node served in it.
  expect(killed["worker"]).toBeGreaterThan(3);
  expect(killed["executor"]).toBeGreaterThan(0);
  expect(handOvers).toBeGreaterThan(0);
  expect(fates.done).toBeGreaterThan(100);
}, 90_000);
