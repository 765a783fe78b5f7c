/** Stops the cluster of a data directory from outside: asks its coordinator, and ends what a crash left without one. */
import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { PleiadConfig } from "../config/schema.ts";
import { pathsOf } from "./cluster-status.ts";
import { lockHolder } from "./data-directory-lock.ts";
import { possiblePgdatas } from "./observe-data-directory.ts";
import { OperationError } from "./operation-error.ts";
import { runningKeeper } from "./keeper-record.ts";
import { isRunning, type ProcessIdentity } from "./process-identity.ts";
import type { Progress } from "./progress.ts";
import { findServerProcesses, stopServerProcesses } from "./server-processes.ts";

/** Longer than a server's own fast shutdown may take. */
const orderlyStopMs = 90_000;
const pollMs = 20;

export type StopOutcome = "stopped" | "orphans stopped" | "was not running";

export async function stopCluster(config: PleiadConfig, progress: Progress): Promise<StopOutcome> {
  const paths = pathsOf(config);
  const keeper = runningKeeper(paths.keeper);
  const holder = lockHolder(paths.lock);
  // The keeper first, so that it does not start another coordinator; it passes the signal on.
  const processes = [keeper, holder].filter((found) => found !== undefined);
  if (processes.length > 0) {
    const coordinator = holder ? `the coordinator (process ${holder.pid})` : "the coordinator's keeper";
    progress.step(`stopping ${coordinator} and its servers`);
    for (const found of processes) signalTo(found, "SIGTERM");
    const deadline = Date.now() + orderlyStopMs;
    while (processes.some(isRunning)) {
      if (Date.now() > deadline) {
        for (const found of processes.filter(isRunning)) {
          progress.warn(`process ${found.pid} did not stop in ${orderlyStopMs / 1000} s and is killed`);
          signalTo(found, "SIGKILL");
        }
        break;
      }
      await sleep(pollMs);
    }
  }
  const pgdatas = possiblePgdatas(paths, { dataNodes: 0, computeNodes: 0 });
  const orphans = findServerProcesses(pgdatas);
  if (orphans.length > 0) {
    progress.step("stopping servers without a coordinator");
    await stopServerProcesses(pgdatas);
  }
  rmSync(paths.state, { force: true });
  rmSync(paths.keeper, { force: true });
  if (processes.length > 0) return "stopped";
  return orphans.length > 0 ? "orphans stopped" : "was not running";
}

function signalTo({ pid }: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPERM") {
      throw new OperationError(
        `process ${pid} belongs to another user`,
        "Stop it as the user who started it.",
      );
    }
  }
}
