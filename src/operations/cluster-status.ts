/** What runs on a data directory right now, observed from outside: works also when its coordinator is dead. */
import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import net from "node:net";
import type { PleiadConfig } from "../config/schema.ts";
import { clusterPaths, type ClusterPaths } from "./cluster-paths.ts";
import { readRecord, readRunState, type RunningProcess, type RunState } from "./cluster-record.ts";
import { lockHolder } from "./data-directory-lock.ts";
import { runningKeeper } from "./keeper-record.ts";
import { planInstances } from "./instance.ts";
import { memoryUsable } from "./memory-directory.ts";
import { findRunUser } from "./run-user.ts";
import { findServerProcesses, readPostmasterFile } from "./server-processes.ts";

export interface ServerStatus {
  readonly name: string;
  readonly kind: string;
  /** `ready`, `starting`, `stopping`, `down`; `unknown` to a user who may not look into it. */
  readonly state: string;
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly socketDirectory: string;
  readonly port: number;
}

export interface ClusterStatus {
  readonly data: string;
  /** `absent`: no cluster was ever made here. `orphaned`: servers without a coordinator, as after a crash. */
  readonly state: "absent" | "down" | "starting" | "up" | "orphaned";
  readonly coordinator:
    | { readonly pid: number; readonly host: string; readonly port: number; readonly accepting: boolean }
    | undefined;
  /** The process that starts the coordinator again when it dies; none after `up --foreground`. */
  readonly keeper: { readonly pid: number; readonly restarts: number } | undefined;
  readonly startedAt: string | undefined;
  /** Of the coordinator, as it recorded them last; one that is being started again is not among them. */
  readonly processes: readonly RunningProcess[];
  readonly servers: readonly ServerStatus[];
}

const probeTimeoutMs = 2000;

function accepts(host: string, port: number): Promise<boolean> {
  const address = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port, timeout: probeTimeoutMs });
    const answer = (accepting: boolean) => {
      socket.destroy();
      resolve(accepting);
    };
    socket
      .on("connect", () => answer(true))
      .on("error", () => answer(false))
      .on("timeout", () => answer(false));
  });
}

/** False when it is there and belongs to another user. */
function mayLookInto(directory: string): boolean {
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EACCES";
  }
}

/** Paths of a data directory that may not exist. */
export function pathsOf(config: PleiadConfig): ClusterPaths {
  const data = existsSync(config.data) ? realpathSync(config.data) : config.data;
  return clusterPaths(data, findRunUser(config.run_as).uid);
}

/** The running cluster's recorded state, or undefined when no coordinator runs. */
export function runningState(paths: ClusterPaths): RunState | undefined {
  const holder = lockHolder(paths.lock);
  const state = holder && readRunState(paths.state);
  return state?.coordinator.pid === holder?.pid ? state : undefined;
}

export async function clusterStatus(config: PleiadConfig): Promise<ClusterStatus> {
  const paths = pathsOf(config);
  const record = readRecord(paths.record);
  const holder = lockHolder(paths.lock);
  const state = runningState(paths);
  const ownServers = record !== undefined && record.joins === undefined;
  const instances = ownServers ? planInstances(record, paths, memoryUsable()) : [];
  const servers = instances.map((instance): ServerStatus => {
    // Where it runs is what its coordinator says: paths hold the user's own number.
    const recorded = state?.servers.find((server) => server.name === instance.name);
    const { pgdata, socketDirectory, port } = recorded ?? instance;
    const file = readPostmasterFile(pgdata);
    const runs = file !== undefined && findServerProcesses([pgdata]).includes(file.pid);
    const notRunning = mayLookInto(pgdata) ? "down" : "unknown";
    return {
      name: instance.name,
      kind: instance.kind,
      state: runs ? file.status : notRunning,
      pid: runs ? file.pid : notRunning === "unknown" ? recorded?.pid : undefined,
      restarts: recorded?.restarts ?? 0,
      socketDirectory,
      port,
    };
  });
  const serversRun = servers.some((server) => server.state !== "down" && server.state !== "unknown");
  const keeper = runningKeeper(paths.keeper);
  const withoutState = holder || keeper ? "starting" : serversRun ? "orphaned" : record ? "down" : "absent";
  return {
    data: paths.data,
    state: state ? "up" : withoutState,
    coordinator: state && {
      pid: state.coordinator.pid,
      host: state.coordinator.host,
      port: state.coordinator.port,
      accepting: await accepts(state.coordinator.host, state.coordinator.port),
    },
    keeper: keeper && { pid: keeper.pid, restarts: keeper.restarts },
    startedAt: state?.startedAt,
    processes: state?.processes ?? [],
    servers,
  };
}
