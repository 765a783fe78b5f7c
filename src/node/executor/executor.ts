/**
 * An executor: runs the tasks that workers derive from expensive statements, over connections of its own, so that neither the moving of
 * rows nor whoever waits for it is in the way of statements that workers begin.
 */
import { rmSync } from "node:fs";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Pools } from "../../backend/pool.ts";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import { CatalogCommitLog } from "../../transaction/commit-log.ts";
import type { Channel } from "../channel.ts";
import type { ProcessStart } from "../messages.ts";
import { executorPool } from "../process-shares.ts";
import { executorSocket, TaskLink } from "../task-link.ts";
import { SnapshotParts } from "./snapshot-parts.ts";
import { serveTask, type TaskHost } from "./task.ts";

const ON_THE_WAY_MS = 200;
/** How often an executor that ends looks whether its tasks have ended. */
const RETIRE_LOOK_MS = 20;

export async function runExecutor(
  start: ProcessStart,
  memory: NodeMemory,
  channel: Channel,
  log: Log,
): Promise<void> {
  const { topology, slot, life } = start;
  const pools = new Pools(topology.servers, executorPool(start));
  const host: TaskHost = {
    pools,
    internalRole: topology.internalRole,
    commitLog: new CatalogCommitLog(pools, topology.internalRole, () => ({
      epoch: memory.coordination.epoch,
      life,
    })),
    gateSecrets: new Map(start.gateSecrets),
    computeNodes: topology.servers.filter((server) => server.kind === "compute").map((server) => server.name),
    snapshotParts: new SnapshotParts(),
    coordination: memory.coordination,
    definitionsOf: (database) => memory.definitions.of(database, slot, life),
    counted: (change) => memory.processes.countSession(slot, change),
    defect: (error) => log.error("a task has failed by a defect of Pleiad", { error }),
  };
  const path = executorSocket(start.memory, slot);
  // What a process left that had this record before.
  rmSync(path, { force: true });
  let tasks = 0;
  const server = net.createServer((socket) => {
    tasks++;
    socket.once("close", () => tasks--);
    serveTask(host, new TaskLink(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  const retire = async (ms: number) => {
    const deadline = Date.now() + ms;
    pools.keepNone();
    // Who has just found this one in the table may be on the way.
    await sleep(ON_THE_WAY_MS);
    while (tasks > 0 && Date.now() < deadline) await sleep(RETIRE_LOOK_MS);
    process.exit(0);
  };
  channel.listen((message) => {
    if (message.kind === "leave") {
      pools.closeIdle(message.database);
      void channel.send({ kind: "left", ticket: message.ticket });
    } else if (message.kind === "retire") void retire(message.ms);
    else if (message.kind === "stop") process.exit(0);
  });
  await channel.send({ kind: "ready" });
}
