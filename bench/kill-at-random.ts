/**
 * `npm run kill-at-random -- [--minutes 5] [--seed N] [--supervisor] [--workers 2] [--sources] [--set key=value]`: a cluster under the
 * load of many kinds of clients, and pgbench beside them, of which processes are killed at random. Exit code 1: something was wrong.
 */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { startTestCluster } from "../test/cluster/test-cluster.ts";
import { killAtRandom, makeKillTables } from "../test/node/kill-at-random.ts";
import { createPgbenchTables } from "./pgbench.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string" },
    supervisor: { type: "boolean", default: false },
    workers: { type: "string", default: "2" },
    sources: { type: "boolean", default: false },
    set: { type: "string", multiple: true, default: [] },
  },
});
const seed = Number(values.seed ?? Date.now() % 100_000);
console.log(`seed ${seed}, ${values.minutes} minutes`);

const cluster = await startTestCluster({
  dataNodes: 2,
  build: !values.sources,
  set: {
    session_workers: values.workers,
    "log.level": "info",
    ...Object.fromEntries(values.set.map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string])),
  },
});

/** Load beside the clients that are judged; it gives up a connection at the first error that it does not expect, so it is begun again. */
async function pgbenchAgainAndAgain(running: () => boolean): Promise<void> {
  const { host, port, user, database } = cluster.client();
  while (running()) {
    const args = [
      "-n",
      "-S",
      "-c",
      "4",
      "-T",
      "5",
      "--max-tries=0",
      "-h",
      host,
      "-p",
      String(port),
      "-U",
      user,
    ];
    const child = spawn("pgbench", [...args, database], { stdio: "ignore" });
    await new Promise((resolve) => child.once("close", resolve).once("error", resolve));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

try {
  await makeKillTables(cluster);
  await createPgbenchTables(cluster.client(), 1, true);
  let running = true;
  const load = pgbenchAgainAndAgain(() => running);
  const report = await killAtRandom(cluster, {
    seed,
    durationMs: Number(values.minutes) * 60_000,
    pauseMs: [300, 2_000],
    killsMax: Number.POSITIVE_INFINITY,
    supervisor: values.supervisor,
  }).finally(() => (running = false));
  await load;
  const { killed, journal, wrong } = report;
  const { fates, lostConnections, handOvers } = journal;
  console.log(JSON.stringify({ killed, fates, lostConnections, handOvers, rows: journal.rows.size }));
  for (const what of wrong) console.log(`WRONG: ${what}`);
  console.log(wrong.length === 0 ? "nothing was wrong" : `seed ${seed}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await cluster.destroy();
}
