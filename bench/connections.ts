/**
 * Many open connections, of which few do something: what an idle one costs of memory, that they need no process, and how fast the
 * active ones are among them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Endpoint } from "../test/wire/connection.ts";
import type { HoldReply } from "./hold-connections.ts";
import { figure, measure, type Figure } from "./interleave.ts";
import { connectionsMax, ConnectionHolder } from "./connection-holder.ts";
import { createPgbenchTables, runPgbench, type PgbenchRun } from "./pgbench.ts";
import { kernelBytes, proportionalBytes } from "./process-memory.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";

const ACTIVE = 64;
/** Garbage of the log-ins goes, and so does what the kernel keeps for a moment. */
const SETTLE_MS = 5_000;
/** A worker that is killed is replaced by another, with the limit of its own; the active clients come on top. */
const ROOM = 500;

export const connectionsSettings = (options: BenchOptions): Record<string, string> => ({
  max_client_connections: String(options.connections + ROOM),
});

export async function connections(
  { pleiad, cluster }: BenchServers,
  options: BenchOptions,
): Promise<Figure[]> {
  await createPgbenchTables(pleiad, options.scale, true);
  const pids = cluster.coordinatorPids();
  const count = permitted(pids, options.connections);
  const run = {
    ...options,
    script: "select-only",
    mode: "simple",
    clients: ACTIVE,
    threads: 2,
  } satisfies PgbenchRun;
  const holder = new ConnectionHolder();
  try {
    const memory = async () => {
      await sleep(SETTLE_MS);
      return { node: proportionalBytes(pids), kernel: kernelBytes() };
    };
    // Nothing was served yet: no heap that has grown for something else hides what the connections take.
    const before = await memory();
    const opened = await openAll(holder, pleiad, count);
    const idle = await memory();
    const asked = await holder.ask();
    if (asked.count < opened.count)
      throw new Error(`${opened.count - asked.count} connections do not answer: ${asked.failures[0]}`);
    const afterwards = await memory();
    const perConnection = (from: number | undefined, to: number | undefined) =>
      ((to ?? Number.NaN) - (from ?? Number.NaN)) / 1024 / opened.count;
    const found = [
      figure("connections open, each of them logged in", "", [opened.count], String(options.connections)),
      figure("processes of the node, before and with them", "", [
        pids.length,
        cluster.coordinatorPids().length,
      ]),
      figure("log-ins, 64 at the same time", "/s", [opened.count / (opened.ms / 1000)]),
      figure("all ask at the same time: until the last is answered", "ms", [asked.ms]),
      figure("memory of the node for an idle one", "KB", [perConnection(before.node, idle.node)], "≤ 64"),
      figure("after each has asked something", "KB", [perConnection(before.node, afterwards.node)], "≤ 64"),
      figure("the kernel's for both of its ends", "KB", [perConnection(before.kernel, idle.kernel)]),
    ];
    const [alone, among]: [number[], number[]] = [[], []];
    for (let i = 0; i < options.runs; i++) {
      if (i > 0) await openAll(holder, pleiad, opened.count);
      await runPgbench(pleiad, { ...run, seconds: 1 });
      among.push(await runPgbench(pleiad, run));
      await holder.close();
      await sleep(SETTLE_MS);
      alone.push(await runPgbench(pleiad, run));
    }
    found.push(
      figure(`pgbench -S simple, ${ACTIVE} clients alone`, "tps", alone),
      figure(`the same among ${opened.count} idle ones`, "tps", among),
      figure("ratio", "", [measure(among).median / measure(alone).median], "≥ 0.9"),
    );
    return found;
  } finally {
    holder.stop();
  }
}

async function openAll(holder: ConnectionHolder, at: Endpoint, count: number): Promise<HoldReply> {
  const opened = await holder.open(at, count);
  if (opened.count < count)
    console.log(`only ${opened.count} of ${count} connections could be opened: ${opened.failures[0]}`);
  return opened;
}

/** As many as the limits of open files let us have, said if they are fewer. */
function permitted(nodePids: readonly number[], wanted: number): number {
  const most = Math.min(
    ...[process.pid, ...nodePids].map((pid) => connectionsMax(pid, wanted + ROOM) ?? wanted + ROOM),
  );
  if (most >= wanted + ACTIVE) return wanted;
  const count = most - ACTIVE;
  console.log(`the limit of open files permits ${count} connections, not ${wanted}: raise it (ulimit -n)`);
  return count;
}
