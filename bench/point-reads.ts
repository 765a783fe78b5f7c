/** pgbench -S: one row by its key; and what a statement costs the processes that serve the sessions. */
import { compare, type Comparison, type Figure } from "./interleave.ts";
import { createPgbenchTables, runPgbench, type PgbenchRun } from "./pgbench.ts";
import { startPgbouncer } from "./pgbouncer.ts";
import { StatementCost } from "./statement-cost.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";

export async function pointReads(
  { plain, pleiad, cluster }: BenchServers,
  options: BenchOptions,
): Promise<(Comparison | Figure)[]> {
  await createPgbenchTables(plain, options.scale, false);
  await createPgbenchTables(pleiad, options.scale, true);
  const pgbouncer = options.pgbouncer ? await startPgbouncer(plain) : undefined;
  if (options.pgbouncer && pgbouncer === undefined) console.log("pgbouncer is not installed: left out");
  const workers = cluster
    .state()
    .processes.filter(({ kind }) => kind === "worker")
    .map(({ pid }) => pid);
  const found: (Comparison | Figure)[] = [];
  try {
    for (const mode of ["simple", "extended", "prepared"] as const) {
      const run = { ...options, script: "select-only", mode, threads: 2 } satisfies PgbenchRun;
      const mayAsk = pgbouncer !== undefined && (mode !== "prepared" || pgbouncer.keepsPrepared);
      const cost = new StatementCost(workers, run.seconds);
      const sides = {
        plain: () => runPgbench(plain, run),
        pleiad: () => cost.during(() => runPgbench(pleiad, run)),
        ...(mayAsk ? { pgbouncer: () => runPgbench(pgbouncer.at, run) } : {}),
      };
      // Warm all: caches, connections, plans.
      for (const at of mayAsk ? [plain, pleiad, pgbouncer.at] : [plain, pleiad])
        await runPgbench(at, { ...run, seconds: 2 });
      const what = `pgbench -S ${mode}, ${options.clients} clients`;
      found.push(await compare(what, "tps", true, options.runs, sides), ...cost.figures());
    }
  } finally {
    await pgbouncer?.stop();
  }
  return found;
}
