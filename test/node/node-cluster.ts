/** The processes of a running node as its own shared memory shows them, and killing them. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { clusterPaths } from "../../src/operations/cluster-paths.ts";
import { NodeMemory } from "../../src/shared-memory/node-memory.ts";
import type { ProcessEntry, ProcessKind } from "../../src/shared-memory/process-table.ts";
import { queryServer } from "../cluster/server-query.ts";
import type { TestCluster } from "../cluster/test-cluster.ts";
import { expect } from "vitest";
import type { WireConnection } from "../wire/connection.ts";

const POLL_MS = 10;
/** No answer, no process may need longer than this, on a machine that does much besides. */
export const PATIENCE_MS = 15_000;

/** Waits until it is so; what was asked for last is in the error. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = PATIENCE_MS,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms / 1000} s`);
    await sleep(POLL_MS);
  }
}

/** Fails when nothing comes: a test that hangs does not say where. */
export function within<T>(what: string, promise: Promise<T>, ms = PATIENCE_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: no answer within ${ms / 1000} s`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A process that nobody has asked for its end yet is dead all the same. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** What a process has open. */
export function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

export class NodeProcesses {
  private readonly cluster: TestCluster;
  private readonly complete: number;
  private memory: NodeMemory;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.complete = cluster.state().processes.length;
    this.memory = this.openMemory();
  }

  private openMemory(): NodeMemory {
    return NodeMemory.open(clusterPaths(this.cluster.data, 0).nodeMemory);
  }

  /** After another start of the node. */
  startedAgain(): void {
    this.memory = this.openMemory();
  }

  /** Connections, logged in or not, of which a record is kept. */
  get takenRecords(): number {
    return this.memory.sessions.taken().length;
  }

  of(kind: ProcessKind): ProcessEntry[] {
    return this.memory.processes.entries().filter((entry) => entry.kind === kind);
  }

  all(): ProcessEntry[] {
    return this.memory.processes.entries();
  }

  /** The worker that serves this connection. */
  ownerOf(wire: WireConnection): ProcessEntry {
    const life = this.memory.sessions.owner(wire.cancelKey.readInt32BE(0));
    const owner = this.all().find((entry) => entry.life === life);
    if (owner === undefined) throw new Error("no process serves this connection");
    return owner;
  }

  /** Connections of clients that this process has a handle of. */
  clientConnections(pid: number): number {
    const port = this.cluster.port.toString(16).toUpperCase().padStart(4, "0");
    const established = "01";
    const inodes = new Set<string>();
    for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local.endsWith(`:${port}`) && state === established) inodes.add(`socket:[${inode}]`);
    }
    return openFiles(pid).filter((file) => inodes.has(file)).length;
  }

  /** All that the node was started with are there and ready. */
  whenComplete(): Promise<void> {
    return until("all processes are ready", () => {
      const now = this.all();
      return now.length === this.complete && now.every(({ state }) => state === "ready");
    });
  }

  /** Kills the only worker that has clients. */
  async killServing(): Promise<void> {
    await this.whenComplete();
    const served = this.of("worker").filter(({ sessions }) => sessions > 0);
    expect(served).toHaveLength(1);
    await this.kill(served[0]!);
  }

  /** kill -9, and waits until the process has gone. */
  async kill({ pid }: ProcessEntry): Promise<void> {
    process.kill(pid, "SIGKILL");
    await until(`process ${pid} has gone`, () => !isAlive(pid));
  }
}

/** Prepared transactions on any server. */
export async function preparedAnywhere(cluster: TestCluster): Promise<string[]> {
  const found: string[] = [];
  for (const { name } of cluster.state().servers)
    for (const { gid } of await queryServer(cluster.server(name), "SELECT gid FROM pg_prepared_xacts"))
      found.push(`${name}: ${String(gid)}`);
  return found;
}

/** Statements that wait for a lock on this server. */
export async function waitingOn(cluster: TestCluster, server: string): Promise<number> {
  const sql = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
  return Number((await queryServer(cluster.server(server), sql))[0]!["n"]);
}

/** A connection to a server, past the node, that holds what the statement locks until it is released. */
export async function holdLock(
  cluster: TestCluster,
  server: string,
  sql: string,
): Promise<{ release(): Promise<void> }> {
  const { host, port } = cluster.server(server);
  const client = new pg.Client({ host, port, user: "postgres", database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  await client.query(sql);
  return { release: () => client.end().catch(() => {}) };
}
