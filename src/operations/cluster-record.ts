/** What a data directory was made with (`cluster.json`), and what runs on it now (`run/state.json`). */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Server } from "../config/topology.ts";
import type { ProcessIdentity } from "./process-identity.ts";

export interface ClusterRecord {
  readonly format: 1;
  /** `making` until the first start came to its end; such a directory holds nothing of a user and is made anew. */
  readonly state: "making" | "made";
  readonly dataNodes: number;
  readonly computeNodes: number;
  readonly pgMajor: number;
  /** Data directory of the cluster whose servers are used; then there are none of this one's own. */
  readonly joins?: string;
}

export interface RunningServer {
  readonly name: string;
  readonly kind: Server["kind"];
  readonly pid: number | undefined;
  readonly socketDirectory: string;
  readonly port: number;
  readonly pgdata: string;
  readonly restarts: number;
}

/** A process of the coordinator. */
export interface RunningProcess extends ProcessIdentity {
  /** listener, worker, transactions. */
  readonly kind: string;
  readonly state: string;
  readonly restarts: number;
  /** Of the program that it runs. */
  readonly version: string;
  /** When it began. */
  readonly startedAt: string;
}

export interface RunState {
  readonly coordinator: ProcessIdentity & { readonly host: string; readonly port: number };
  readonly startedAt: string;
  readonly processes: readonly RunningProcess[];
  readonly postgres: string;
  readonly servers: readonly RunningServer[];
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Readers see the old content or the new, never half of it. */
function writeJson(path: string, value: unknown): void {
  const making = `${path}.${process.pid}`;
  writeFileSync(making, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o644 });
  renameSync(making, path);
}

export function readRecord(path: string): ClusterRecord | undefined {
  return readJson(path) as ClusterRecord | undefined;
}

export function writeRecord(path: string, record: ClusterRecord): void {
  writeJson(path, record);
}

export function readRunState(path: string): RunState | undefined {
  return readJson(path) as RunState | undefined;
}

export function writeRunState(path: string, state: RunState): void {
  writeJson(path, state);
}
