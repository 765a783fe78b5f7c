/**
 * The transaction process: finishes what crashes left prepared, in this node or in a coordinator that is gone, and speaks with the other
 * coordinators, and has partitioned tables analysed; apart from users' load.
 */
import { Pools } from "../../backend/pool.ts";
import { Membership } from "../../coordinators/membership.ts";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import { Recovery } from "../../transaction/recovery.ts";
import { RunningTransactions } from "../../transaction/running-transactions.ts";
import type { Channel } from "../channel.ts";
import type { ProcessStart } from "../messages.ts";
import { ParentAnalysis } from "./parent-analysis.ts";
import { Sweeping } from "./sweeping.ts";
import { watchWriters } from "./writer-watch.ts";

const POOL = { perServerMax: 4, waitMsMax: 10_000 };

export async function runTransactionProcess(
  start: ProcessStart,
  memory: NodeMemory,
  channel: Channel,
  log: Log,
): Promise<void> {
  const { topology } = start;
  const pools = new Pools(topology.servers, POOL);
  const leaving = new Map<number, () => void>();
  let lastTicket = 0;
  const membership = new Membership({
    catalog: topology.servers.find(({ kind }) => kind === "catalog")!,
    internalRole: topology.internalRole,
    place: start.place,
    coordination: memory.coordination,
    definitions: memory.definitions,
    log,
    leaveDatabase: (database) => {
      pools.closeIdle(database);
      const ticket = ++lastTicket;
      return new Promise((resolve) => {
        leaving.set(ticket, resolve);
        void channel.send({ kind: "leave", database, ticket });
      });
    },
    tookOut: () => sweeping.sweepSoon(),
  });
  const servers = topology.servers.map(({ name }) => name);
  const sweeping = new Sweeping(
    new Recovery(pools, topology.internalRole, servers),
    membership,
    memory,
    start.life,
    (life) => void channel.send({ kind: "settled", life }),
    log,
  );
  await membership.join();
  await sweeping.recover();
  const withRows = topology.servers.filter(({ kind }) => kind !== "compute").map(({ name }) => name);
  const dataNodes = topology.servers.filter(({ kind }) => kind === "data").map(({ name }) => name);
  void new ParentAnalysis(pools, topology.internalRole, dataNodes, memory, start.life, log).run();
  void watchWriters(memory, new RunningTransactions(pools, topology.internalRole, withRows), log);

  const stop = async () => {
    await membership.leave().catch(() => {});
    process.exit(0);
  };
  channel.listen((message) => {
    if (message.kind === "settle") sweeping.settle(message.life);
    else if (message.kind === "announce") {
      const { entry, ticket, life } = message;
      void membership.announceEntry(entry).then(() => channel.send({ kind: "announced", ticket, life }));
    } else if (message.kind === "leave") {
      pools.closeIdle(message.database);
      void membership
        .announceLeave(message.database)
        .then(() => channel.send({ kind: "left", ticket: message.ticket }));
    } else if (message.kind === "left") {
      leaving.get(message.ticket)?.();
      leaving.delete(message.ticket);
    } else if (message.kind === "address") void membership.setAddress(message.address);
    // Another process of this node goes on with its registration.
    else if (message.kind === "retire") process.exit(0);
    else if (message.kind === "stop") void stop();
  });
  await channel.send({ kind: "ready" });
}
