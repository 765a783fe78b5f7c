/**
 * A session worker is killed with -9 under load, again and again: how long others wait for an answer meanwhile, and how long it takes
 * until the dead worker's own sessions are served again. By default a node has one worker on few cores, and no others are there: for
 * them run it with `--set session_workers=2` too.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { NodeProcesses } from "../test/node/node-cluster.ts";
import { WireConnection, type Endpoint } from "../test/wire/connection.ts";
import { query } from "../test/wire/frames.ts";
import { figure, type Figure } from "./interleave.ts";
import { createPgbenchTables } from "./pgbench.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";

/** After a kill, and as long before it for comparison, the worst wait of each client is looked at. */
const WINDOW_MS = 1_500;
const ACCOUNTS_PER_SCALE = 100_000;
/** As the node has them besides its idle sessions. */
const ROOM = 500;

/** Asks again as soon as it is answered. */
class ActiveClient {
  readonly wire: WireConnection;
  private readonly accounts: number;
  private running = true;
  /** When the question was sent to which there is no answer yet. */
  private since = performance.now();
  private worst = 0;
  /** Times it was told that its statement was lost. */
  losses = 0;

  constructor(wire: WireConnection, accounts: number) {
    this.wire = wire;
    this.accounts = accounts;
  }

  async run(): Promise<void> {
    while (this.running) {
      this.wire.send(
        query(
          `SELECT abalance FROM pgbench_accounts WHERE aid = ${1 + Math.floor(Math.random() * this.accounts)}`,
        ),
      );
      const frames = await this.wire.until("Z");
      if (frames.some(({ type }) => type === "E")) {
        this.losses++;
        continue;
      }
      const now = performance.now();
      this.worst = Math.max(this.worst, now - this.since);
      this.since = now;
    }
  }

  /** The longest that it has waited since the last call, or waits now. */
  takeWorst(): number {
    const worst = Math.max(this.worst, performance.now() - this.since);
    this.worst = 0;
    return worst;
  }

  stop(): void {
    this.running = false;
  }
}

export const crashGapSettings = (options: BenchOptions): Record<string, string> => ({
  max_client_connections: String(options.connections + options.clients + ROOM),
});

export async function crashGap({ pleiad, cluster }: BenchServers, options: BenchOptions): Promise<Figure[]> {
  await createPgbenchTables(pleiad, options.scale, true);
  const node = new NodeProcesses(cluster);
  const idle = await connectMany(pleiad, options.connections);
  const active = (await connectMany(pleiad, options.clients)).map(
    (wire) => new ActiveClient(wire, options.scale * ACCOUNTS_PER_SCALE),
  );
  const work = Promise.all(active.map((client) => client.run()));
  const waits = {
    quiet: [] as number[],
    others: [] as number[],
    own: [] as number[],
    idle: [] as number[],
    lastIdle: [] as number[],
  };
  const runs = async () => {
    for (let kill = 0; kill < options.kills; kill++) {
      await node.whenComplete();
      for (const client of active) client.takeWorst();
      await sleep(WINDOW_MS);
      waits.quiet.push(...active.map((client) => client.takeWorst()));

      const workers = [...new Set(active.map(({ wire }) => node.ownerOf(wire)))].toSorted(
        (a, b) => a.pid - b.pid,
      );
      const victim = workers[kill % workers.length]!;
      const belongs = (wire: WireConnection) => node.ownerOf(wire).pid === victim.pid;
      const own = active.filter(({ wire }) => belongs(wire));
      const others = active.filter((client) => !own.includes(client));
      const orphans = idle.filter(belongs);
      const killedAt = performance.now();
      await node.kill(victim);
      const served = await Promise.all(
        orphans.map(async (wire) => {
          wire.send(query("SELECT 1"));
          const frames = await wire.until("Z");
          if (!frames.some(({ type }) => type === "D"))
            throw new Error("an idle session was told of its worker's death");
          return performance.now() - killedAt;
        }),
      );
      await sleep(WINDOW_MS);
      waits.own.push(...own.map((client) => client.takeWorst()));
      waits.others.push(...others.map((client) => client.takeWorst()));
      waits.idle.push(...served);
      waits.lastIdle.push(Math.max(...served));
    }
  };
  await Promise.race([runs(), work.then(() => {})]);
  for (const client of active) client.stop();
  await work;
  const losses = active.reduce((sum, client) => sum + client.losses, 0);
  return [
    figure("kills; statements that were told of one", "", [options.kills, losses]),
    ...worstOf(`${options.clients} active clients without a kill: longest wait`, waits.quiet),
    ...worstOf("kill, active clients of other workers: longest wait", waits.others, "p99 < 50"),
    ...worstOf("kill, the dead worker's active clients: longest wait", waits.own),
    ...worstOf("its idle sessions: until one is served", waits.idle, "< 500"),
    ...worstOf("its idle sessions: until the last is served", waits.lastIdle, "< 500"),
  ];
}

async function connectMany(at: Endpoint, count: number): Promise<WireConnection[]> {
  const connections: WireConnection[] = [];
  const one = async () => {
    while (connections.length < count) connections.push(await WireConnection.connect(at));
  };
  await Promise.all(Array.from({ length: Math.min(count, 32) }, one));
  return connections;
}

/** Nothing where nobody was there to wait. */
function worstOf(what: string, waits: readonly number[], wanted?: string): Figure[] {
  if (waits.length === 0) return [];
  const sorted = waits.toSorted((a, b) => a - b);
  const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1]!;
  return [figure(what, "ms", waits), figure("  the 99th percentile of them", "ms", [p99], wanted)];
}
