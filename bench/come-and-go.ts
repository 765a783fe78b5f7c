/** A hundred thousand clients that come and go in all ways: memory and open files of the node's processes after each tenth of them. */
import { setTimeout as sleep } from "node:timers/promises";
import { comeAndGo as clientsComeAndGo } from "../test/node/coming-clients.ts";
import { NodeProcesses, openFiles, until } from "../test/node/node-cluster.ts";
import { figure, type Figure } from "./interleave.ts";
import { createPgbenchTables } from "./pgbench.ts";
import { proportionalBytes } from "./process-memory.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";

const PARTS = 10;
const AT_ONCE = 32;
const SETTLE_MS = 2_000;
const READ = "SELECT abalance FROM pgbench_accounts WHERE aid = 7";

export async function comeAndGo({ pleiad, cluster }: BenchServers, options: BenchOptions): Promise<Figure[]> {
  await createPgbenchTables(pleiad, 1, true);
  const node = new NodeProcesses(cluster);
  const pids = cluster.coordinatorPids();
  const [memory, files, rates]: [number[], number[], number[]] = [[], [], []];
  for (let part = 1; part <= PARTS; part++) {
    const clients = Math.ceil(options.connections / PARTS);
    const start = performance.now();
    await clientsComeAndGo(pleiad, READ, clients, AT_ONCE);
    rates.push(clients / ((performance.now() - start) / 1000));
    await until("nobody is there", () => node.takenRecords === 0);
    await sleep(SETTLE_MS);
    memory.push((proportionalBytes(pids) ?? Number.NaN) / 1e6);
    files.push(pids.reduce((sum, pid) => sum + openFiles(pid).length, 0));
    console.log(
      `after ${part * clients}: ${memory.at(-1)!.toFixed(0)} MB, ${files.at(-1)!} files, ${rates.at(-1)!.toFixed(0)} clients/s`,
    );
  }
  if (String(cluster.coordinatorPids()) !== String(pids)) throw new Error("a process of the node has ended");
  const growth = (counts: readonly number[]) => counts.at(-1)! - counts[1]!;
  return [
    figure("clients", "/s", rates),
    figure("memory of the node from the second tenth to the last", "MB", [growth(memory)], "flat"),
    figure("open files from the second tenth to the last", "", [growth(files)], "flat"),
    figure("records of connections taken afterwards", "", [node.takenRecords], "0"),
  ];
}
