/** Stops the cluster of a data directory from outside: asks its coordinator, and ends what a crash left without one. */
import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { PleiadConfig } from "../config/schema.ts";
import { pathsOf } from "./cluster-status.ts";
import { lockHolder } from "./data-directory-lock.ts";
import { possiblePgdatas } from "./observe-data-directory.ts";
import { OperationError } from "./operation-error.ts";
import { isRunning } from "./process-identity.ts";
import type { Progress } from "./progress.ts";
import { findServerProcesses, stopServerProcesses } from "./server-processes.ts";

/** Longer than a server's own fast shutdown may take. */
const orderlyStopMs = 90_000;
const pollMs = 20;

export type StopOutcome = "stopped" | "orphans stopped" | "was not running";

export async function stopCluster(config: PleiadConfig, progress: Progress): Promise<StopOutcome> {
  const paths = pathsOf(config);
  const holder = lockHolder(paths.lock);
  if (holder) {
    progress.step(`stopping the coordinator (process ${holder.pid}) and its servers`);
    try {
      process.kill(holder.pid, "SIGTERM");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EPERM") {
        throw new OperationError(
          `process ${holder.pid} belongs to another user`,
          "Stop it as the user who started it.",
        );
      }
    }
    const deadline = Date.now() + orderlyStopMs;
    while (isRunning(holder)) {
      if (Date.now() > deadline) {
        progress.warn(`process ${holder.pid} did not stop in ${orderlyStopMs / 1000} s and is killed`);
        process.kill(holder.pid, "SIGKILL");
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
  if (holder) return "stopped";
  return orphans.length > 0 ? "orphans stopped" : "was not running";
}
