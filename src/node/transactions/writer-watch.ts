/**
 * When the node may keep answers: once nothing runs on the servers that a node before this one had begun; and what becomes of writers
 * whose end no process of this node has seen.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { RunningTransactions } from "../../transaction/running-transactions.ts";

const LOOK_MS = 500;
/** By then a server has read what a process sent it just before it was killed. */
const READ_MS = 1_000;

/** Never resolves. */
export async function watchWriters(
  memory: NodeMemory,
  running: RunningTransactions,
  log: Log,
): Promise<void> {
  const { writers, coordination } = memory;
  for (;;) {
    const unsure = writers.unsure;
    const { epoch } = coordination;
    // Another registration: others may have written meanwhile.
    const unknown = writers.knownSince === 0;
    if (unsure.size > 0 || unknown) {
      try {
        await sleep(READ_MS);
        await running.haveEnded();
        writers.ended(unsure);
        if (unknown) writers.knownSince = epoch;
      } catch (error) {
        log.debug("what runs on the servers cannot be asked for", { error });
      }
    }
    await sleep(LOOK_MS);
  }
}
