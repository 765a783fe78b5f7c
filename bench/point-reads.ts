/** pgbench -S: one row by its key. */
import { compare, type Comparison } from "./interleave.ts";
import { createPgbenchTables, runPgbench, type PgbenchRun } from "./pgbench.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";

export async function pointReads(
  { plain, pleiad }: BenchServers,
  options: BenchOptions,
): Promise<Comparison[]> {
  await createPgbenchTables(plain, options.scale, false);
  await createPgbenchTables(pleiad, options.scale, true);
  const comparisons: Comparison[] = [];
  for (const mode of ["simple", "extended", "prepared"] as const) {
    const run = { ...options, script: "select-only", mode, threads: 2 } satisfies PgbenchRun;
    // Warm both: caches, connections, plans.
    await runPgbench(plain, { ...run, seconds: 2 });
    await runPgbench(pleiad, { ...run, seconds: 2 });
    comparisons.push(
      await compare(`pgbench -S ${mode}, ${options.clients} clients`, "tps", true, options.runs, {
        plain: () => runPgbench(plain, run),
        pleiad: () => runPgbench(pleiad, run),
      }),
    );
  }
  return comparisons;
}
