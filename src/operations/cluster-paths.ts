/** Where each thing of a cluster lies, computed from its data directory alone, so that any process finds the same places. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { memoryRoot, memoryWritable } from "./memory-directory.ts";

export interface ClusterPaths {
  readonly data: string;
  /** Held by the running coordinator. */
  readonly lock: string;
  /** Names the data directory among those of the cluster's coordinators. */
  readonly place: string;
  /** What this data directory was made with. */
  readonly record: string;
  /** A fresh PGDATA that instances are copied from. */
  readonly template: string;
  readonly instances: string;
  readonly logs: string;
  /** PostgreSQL's programs, when those of the package cannot be used in place. */
  readonly native: string;
  readonly run: string;
  /** Port and process ids of the running cluster. */
  readonly state: string;
  /** The process that starts the coordinator again when it dies. */
  readonly keeper: string;
  /** PGDATA of compute nodes, in memory. */
  readonly memory: string;
  /** What the coordinator's processes share; in memory, if there is a file system for that. */
  readonly nodeMemory: string;
  /** Where commands ask the running coordinator. */
  readonly control: string;
  /** The servers' sockets. Short: a socket's path is limited to about 107 bytes. */
  readonly sockets: string;
}

/** `data` is absolute and without symbolic links; `runUid` is the user of the servers. */
export function clusterPaths(data: string, runUid: number): ClusterPaths {
  const hash = createHash("sha256").update(data).digest("hex");
  const sockets = join("/tmp", `pleiad-${runUid}-${hash.slice(0, 8)}`);
  const inMemory = memoryWritable() ? join(memoryRoot, `pleiad-node-${hash.slice(0, 16)}`) : undefined;
  return {
    data,
    lock: join(data, "pleiad.lock"),
    place: join(data, "coordinator-id"),
    record: join(data, "cluster.json"),
    template: join(data, "template"),
    instances: join(data, "instances"),
    logs: join(data, "logs"),
    native: join(data, "native"),
    run: join(data, "run"),
    state: join(data, "run", "state.json"),
    keeper: join(data, "run", "keeper.json"),
    memory: join(memoryRoot, `pleiad-${runUid}-${hash.slice(0, 16)}`),
    nodeMemory: inMemory ?? join(data, "run", "memory"),
    // A directory of the coordinator's own, whose name is short.
    control: join(inMemory ?? sockets, "control"),
    sockets,
  };
}

/** Names of everything that Pleiad itself puts into a data directory. */
export const ownEntries: readonly string[] = [
  "pleiad.lock",
  "coordinator-id",
  "cluster.json",
  "template",
  "instances",
  "logs",
  "native",
  "run",
  "tls",
];
