/** pgbench -S: one row by its key. */
import { compare, type Comparison } from "./interleave.ts";
import { createPgbenchTables, runPgbench, type PgbenchRun } from "./pgbench.ts";
import { startPgbouncer } from "./pgbouncer.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";

export async function pointReads(
  { plain, pleiad }: BenchServers,
  options: BenchOptions,
): Promise<Comparison[]> {
  await createPgbenchTables(plain, options.scale, false);
  await createPgbenchTables(pleiad, options.scale, true);
  const pgbouncer = options.pgbouncer ? await startPgbouncer(plain) : undefined;
  if (options.pgbouncer && pgbouncer === undefined) console.log("pgbouncer is not installed: left out");
  const comparisons: Comparison[] = [];
  try {
    for (const mode of ["simple", "extended", "prepared"] as const) {
      const run = { ...options, script: "select-only", mode, threads: 2 } satisfies PgbenchRun;
      const mayAsk = pgbouncer !== undefined && (mode !== "prepared" || pgbouncer.keepsPrepared);
      const sides = {
        plain: () => runPgbench(plain, run),
        pleiad: () => runPgbench(pleiad, run),
        ...(mayAsk ? { pgbouncer: () => runPgbench(pgbouncer.at, run) } : {}),
      };
      // Warm all: caches, connections, plans.
      for (const at of mayAsk ? [plain, pleiad, pgbouncer.at] : [plain, pleiad])
        await runPgbench(at, { ...run, seconds: 2 });
      const what = `pgbench -S ${mode}, ${options.clients} clients`;
      comparisons.push(await compare(what, "tps", true, options.runs, sides));
    }
  } finally {
    await pgbouncer?.stop();
  }
  return comparisons;
}
