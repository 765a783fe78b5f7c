/** Processes of a coordinator whose supervisor was killed end by themselves, but for those that were stopped: they must not wake up later. */
import { setTimeout as sleep } from "node:timers/promises";
import { readRunState } from "./cluster-record.ts";
import { isRunning } from "./process-identity.ts";

const LOOK_MS = 10;

/** Kills what the last coordinator of a data directory has left; `statePath`: its record. The directory's lock is held. */
export async function endLeftBehind(statePath: string): Promise<void> {
  for (const left of readRunState(statePath)?.processes ?? []) {
    while (isRunning(left)) {
      try {
        process.kill(left.pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
      await sleep(LOOK_MS);
    }
  }
}
