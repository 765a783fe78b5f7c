/** The transaction process: finishes what crashes left prepared, apart from users' load. */
import { setTimeout as sleep } from "node:timers/promises";
import { Pools } from "../../backend/pool.ts";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import { CatalogCommitLog } from "../../transaction/commit-log.ts";
import { recoverPrepared } from "../../transaction/recovery.ts";
import type { Channel } from "../channel.ts";
import type { ProcessStart } from "../messages.ts";
import { settleLife } from "./settle-life.ts";

/** A server that is away is asked again after so long. */
const AWAY_RETRY_MS = 1_000;
const POOL = { perServerMax: 4, waitMsMax: 10_000 };

export async function runTransactionProcess(
  start: ProcessStart,
  memory: NodeMemory,
  channel: Channel,
  log: Log,
): Promise<void> {
  const { topology } = start;
  if (start.first) {
    const task = memory.tasks.begin(start.life, "recovery", "finishing what a crash left prepared");
    const recovered = await recoverPrepared(topology);
    task?.end();
    if (recovered.committed + recovered.rolledBack > 0)
      log.info("finished what a crash left prepared", { ...recovered });
  }
  const pools = new Pools(topology.servers, POOL);
  const commitLog = new CatalogCommitLog(pools, topology.internalRole);

  const settle = async (life: number, prefix: string) => {
    const what = `finishing what process ${life} of this node left prepared`;
    const task = memory.tasks.begin(start.life, "settlement", what);
    let servers = topology.servers.map(({ name }) => name);
    for (let first = true; servers.length > 0; first = false) {
      const { finished, away } = await settleLife(pools, commitLog, topology.internalRole, servers, prefix);
      if (finished > 0)
        log.info("finished what a process that died left prepared", { transactions: finished });
      if (first) {
        memory.definitions.release(life);
        await channel.send({ kind: "settled", life });
      }
      servers = [...away];
      if (servers.length === 0) continue;
      task?.becomes("waiting", `${what}: ${servers.join(", ")} cannot be asked`);
      await sleep(AWAY_RETRY_MS);
    }
    task?.end();
  };
  channel.listen((message) => {
    if (message.kind === "settle")
      settle(message.life, message.prefix).catch((error: unknown) => {
        log.error("what a process left prepared could not be finished", { error });
        process.exit(1);
      });
    else if (message.kind === "leave") {
      pools.closeIdle(message.database);
      void channel.send({ kind: "left", ticket: message.ticket });
    } else if (message.kind === "stop") process.exit(0);
  });
  await channel.send({ kind: "ready" });
}
