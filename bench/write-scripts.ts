/** pgbench's writing scripts; tpcb-like writes four tables, mostly on more than one node. */
import { compare, type Comparison } from "./interleave.ts";
import { createPgbenchTables, runPgbench, type PgbenchRun } from "./pgbench.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";

export async function writeScripts(
  { plain, pleiad }: BenchServers,
  options: BenchOptions,
): Promise<Comparison[]> {
  await createPgbenchTables(plain, options.scale, false);
  await createPgbenchTables(pleiad, options.scale, true);
  const comparisons: Comparison[] = [];
  for (const script of ["simple-update", "tpcb-like"] as const) {
    for (const mode of ["simple", "prepared"] as const) {
      const run = { ...options, script, mode, threads: 2 } satisfies PgbenchRun;
      comparisons.push(
        await compare(`pgbench ${script} ${mode}`, "tps", true, options.runs, {
          plain: () => runPgbench(plain, run),
          pleiad: () => runPgbench(pleiad, run),
        }),
      );
    }
  }
  return comparisons;
}
