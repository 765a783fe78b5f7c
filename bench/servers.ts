/**
 * The two sides of a benchmark: a cluster and a plain PostgreSQL of the same programs, locale and settings, with their data
 * on the same disk. fsync is as production has it unless told otherwise.
 */
import { existsSync } from "node:fs";
import { startPlainPostgres } from "../test/cluster/plain-postgres.ts";
import { startTestCluster, type TestCluster } from "../test/cluster/test-cluster.ts";
import type { Endpoint } from "../test/wire/connection.ts";

export interface BenchOptions {
  readonly name: string;
  /** How often each side runs. */
  readonly runs: number;
  readonly seconds: number;
  readonly scale: number;
  readonly rows: number;
  readonly clients: number;
  /** Open at the same time. */
  readonly connections: number;
  /** Of workers. */
  readonly kills: number;
  /** Measured beside them, if it is installed. */
  readonly pgbouncer: boolean;
  readonly fsync: boolean;
  /** The sources (by tsx) instead of the build. */
  readonly sources: boolean;
  readonly pgbench: string;
  /** Further settings of the cluster. */
  readonly set: Readonly<Record<string, string>>;
}

export interface BenchServers {
  readonly plain: Endpoint;
  readonly pleiad: Endpoint;
  /** All processes of the coordinator. */
  readonly coordinatorPids: readonly number[];
  readonly cluster: TestCluster;
  stop(): Promise<void>;
}

export async function startBenchServers(options: BenchOptions): Promise<BenchServers> {
  if (!options.sources && !existsSync(new URL("../dist/cli/main.js", import.meta.url))) {
    throw new Error("there is no build: run `npm run build` first, or give --sources");
  }
  const plain = await startPlainPostgres({
    settings: options.fsync ? { fsync: "on", full_page_writes: "on" } : {},
  });
  try {
    const cluster = await startTestCluster({
      build: !options.sources,
      set: { "log.level": "warn", "server.fsync": String(options.fsync), ...options.set },
    });
    return {
      plain: plain.client(),
      pleiad: cluster.client(),
      coordinatorPids: cluster.coordinatorPids(),
      cluster,
      stop: async () => {
        await cluster.destroy();
        await plain.destroy();
      },
    };
  } catch (error) {
    await plain.destroy();
    throw error;
  }
}
