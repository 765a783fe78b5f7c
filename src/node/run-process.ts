/** What a child process of the supervisor does: waits for what it has to know, and becomes what it was started as. */
import { programVersion } from "../config/program-version.ts";
import { openLog } from "../observe/log.ts";
import { Channel } from "./channel.ts";
import type { ProcessStart } from "./messages.ts";
import { NodeMemory } from "../shared-memory/node-memory.ts";
import type { ProcessKind } from "../shared-memory/process-table.ts";

const BEAT_MS = 500;

/** Only the kind that is wanted is loaded: the parser above all is for workers. */
async function become(kind: ProcessKind, start: ProcessStart, channel: Channel): Promise<void> {
  const { config } = start;
  // The supervisor puts what comes on stderr into the coordinator's log.
  const log = openLog({ ...config.log, stderr: true }).with({ process: kind, pid: process.pid });
  const softwareError = 70;
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.error("unforeseen error, the process ends", { event, error });
      process.exit(softwareError);
    });
  }
  const memory = NodeMemory.open(start.memory);
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    memory.processes.beat(start.slot, performance.eventLoopUtilization(now, before).utilization);
    before = now;
  }, BEAT_MS);
  switch (kind) {
    case "listener":
      return (await import("./listener/listener.ts")).runListener(start, memory, channel, log);
    case "worker":
      return (await import("./worker/worker.ts")).runWorker(start, memory, channel, log);
    case "executor":
      return (await import("./executor/executor.ts")).runExecutor(start, memory, channel, log);
    case "transactions":
      return (await import("./transactions/transaction-process.ts")).runTransactionProcess(
        start,
        memory,
        channel,
        log,
      );
  }
}

export async function runProcess(kind: ProcessKind): Promise<void> {
  const channel = new Channel();
  // Signals are for the supervisor, which tells its children; Ctrl-C at a terminal reaches all.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  await channel.send({ kind: "begun", version: programVersion() });
  const start = await channel.start;
  try {
    await become(kind, start, channel);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    await channel.send({ kind: "failed", message });
    process.exit(1);
  }
}
