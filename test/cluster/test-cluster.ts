/**
 * A whole Pleiad for tests and scripts: real servers, and the coordinator in a process of its own, as `pleiad up --foreground` starts
 * them. Any of them can be killed; all of it is gone after destroy().
 */
import { spawn, type ChildProcess } from "node:child_process";
import { chownSync, closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Server } from "../../src/config/topology.ts";
import { readRunState, type RunningServer, type RunState } from "../../src/operations/cluster-record.ts";
import { readPostmasterFile } from "../../src/operations/server-processes.ts";
import type { Reachable } from "./plain-postgres.ts";
import { withSharedMemory } from "./shared-memory-size.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const startTimeoutMs = 60_000;
const readyTimeoutMs = 30_000;
const pollMs = 20;

export interface TestClusterOptions {
  readonly dataNodes?: number;
  readonly computeNodes?: number;
  /** Any keys of the configuration, such as { "log.level": "debug" }. */
  readonly set?: Readonly<Record<string, string>>;
  /** Programs of another PostgreSQL than the one of npm. */
  readonly pgBin?: string | undefined;
  /** A data directory of the caller, which destroy() leaves as it is. */
  readonly data?: string;
  /** Size of its own /dev/shm, as mount knows it; where mayMount(). */
  readonly sharedMemory?: string;
  /** Run the build (dist/) and not the sources. */
  readonly build?: boolean;
  /** Run everything as this operating-system user; only root can. */
  readonly asUser?: { readonly uid: number; readonly gid: number; readonly home: string };
}

export interface TestCluster extends Reachable {
  readonly data: string;
  /** Process ids and sockets as they are now. */
  state(): RunState;
  /** Process ids of the coordinator: of its supervisor, which stands for it, and of that one's children. */
  coordinatorPids(): number[];
  /** A server as operations and backend/ know it, to look at it from outside. */
  server(name: string): Server;
  /** Sends a signal, SIGKILL unless told otherwise, to `coordinator` or to the postmaster of a server. */
  kill(name: string, signal?: NodeJS.Signals): void;
  /** kill -9 of the coordinator and all servers at once. */
  killAll(): Promise<void>;
  /** Waits until a server that was killed serves again under another process id than `oldPid`. */
  waitForRestart(name: string, oldPid: number): Promise<void>;
  /** Starts again after stop() or a kill of the coordinator, on the same port. */
  start(): Promise<void>;
  /** Orderly stop; the data stays. */
  stop(): Promise<void>;
  destroy(): Promise<void>;
  /** Everything that the coordinator logged since the cluster was made. */
  log(): string;
}

/** Arguments of node for the command line of Pleiad. */
export function pleiadCommand(build = false): string[] {
  if (build) return [join(root, "dist", "cli", "main.js")];
  return ["--import", import.meta.resolve("tsx"), join(root, "src", "cli", "main.ts")];
}

/** The environment without what somebody set for a Pleiad of his own. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PLEIAD_")));
}

interface Launched {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly state: RunState;
}

let launches = 0;

async function launch(options: TestClusterOptions, data: string, port: number): Promise<Launched> {
  const settings = { "server.fsync": "false", "log.level": "debug", ...options.set };
  const up = [
    process.execPath,
    ...pleiadCommand(options.build),
    "up",
    "--foreground",
    "--json",
    `--data=${data}`,
    `--port=${port}`,
    ...(options.dataNodes === undefined ? [] : ["--data-nodes", String(options.dataNodes)]),
    ...(options.computeNodes === undefined ? [] : ["--compute-nodes", String(options.computeNodes)]),
    ...(options.pgBin === undefined ? [] : ["--pg-bin", options.pgBin]),
    ...Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]),
  ];
  const errors = join(tmpdir(), `pleiad-test-${process.pid}-${launches++}.stderr`);
  const stderr = openSync(errors, "a");
  const user = options.asUser;
  const [program, ...args] =
    options.sharedMemory === undefined ? up : withSharedMemory(options.sharedMemory, up);
  const child = spawn(program!, args, {
    cwd: "/",
    env: { ...cleanEnvironment(), ...(user ? { HOME: user.home } : {}) },
    stdio: ["ignore", "pipe", stderr],
    ...(user ? { uid: user.uid, gid: user.gid } : {}),
  });
  closeSync(stderr);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const state = await new Promise<RunState>((resolve, reject) => {
    let output = "";
    const fail = (why: string) => {
      child.kill("SIGKILL");
      reject(new Error(`test cluster: ${why}\n${output}${readFileSync(errors, "utf8").slice(-4000)}`));
    };
    const timer = setTimeout(() => fail(`not up within ${startTimeoutMs / 1000} s`), startTimeoutMs);
    child.stdout!.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (!output.includes("\n") || !output.includes('"coordinator"')) return;
      clearTimeout(timer);
      resolve(JSON.parse(output) as RunState);
    });
    void ended.then(() => {
      clearTimeout(timer);
      fail("ended before it was up");
      rmSync(errors, { force: true });
    });
  });
  return { child, ended, state };
}

function killQuietly(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone.
  }
}

export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const directory = options.data === undefined ? temporaryDirectory("test") : undefined;
  const data = options.data ?? join(directory!, "data");
  if (directory !== undefined && options.asUser) {
    chownSync(directory, options.asUser.uid, options.asUser.gid);
  }
  let launched: Launched;
  try {
    launched = await launch(options, data, 0);
  } catch (error) {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  const { host, port } = launched.state.coordinator;
  // A test runner that is stopped early must not leave a cluster behind.
  const endWithProcess = () => killQuietly(launched.child.pid, "SIGTERM");
  process.once("exit", endWithProcess);

  const state = () => readRunState(join(data, "run", "state.json")) ?? launched.state;
  const find = (name: string): RunningServer => {
    const found = state().servers.find((server) => server.name === name);
    if (!found) throw new Error(`there is no server ${name}`);
    return found;
  };
  const stop = async () => {
    killQuietly(launched.child.pid, "SIGTERM");
    await launched.ended;
  };
  const killAll = async () => {
    const { servers } = state();
    killQuietly(launched.child.pid, "SIGKILL");
    for (const server of servers) killQuietly(server.pid, "SIGKILL");
    await launched.ended;
  };

  return {
    data,
    host,
    port,
    url: `postgresql://postgres@${host}:${port}/postgres`,
    client: (more = {}) => ({ host, port, user: "postgres", database: "postgres", ...more }),
    state,
    server: (name) => {
      const { kind, socketDirectory, port: serverPort } = find(name);
      return { name, kind, host: socketDirectory, port: serverPort };
    },
    kill: (name, signal = "SIGKILL") =>
      process.kill(name === "coordinator" ? launched.child.pid! : find(name).pid!, signal),
    killAll,
    waitForRestart: async (name, oldPid) => {
      const deadline = Date.now() + readyTimeoutMs;
      for (;;) {
        const { pid, pgdata } = find(name);
        const file = readPostmasterFile(pgdata);
        if (pid !== undefined && pid !== oldPid && file?.pid === pid && file.status === "ready") return;
        if (Date.now() > deadline)
          throw new Error(`${name} did not come back within ${readyTimeoutMs / 1000} s`);
        await sleep(pollMs);
      }
    },
    start: async () => {
      launched = await launch(options, data, port);
    },
    stop,
    destroy: async () => {
      process.off("exit", endWithProcess);
      await stop();
      if (directory === undefined) return;
      const command = [...pleiadCommand(options.build), "destroy", "--yes", "--data", data];
      const user = options.asUser;
      const child = spawn(process.execPath, command, {
        cwd: "/",
        env: { ...cleanEnvironment(), ...(user ? { HOME: user.home } : {}) },
        stdio: "ignore",
        ...(user ? { uid: user.uid, gid: user.gid } : {}),
      });
      await new Promise((resolve) => child.once("exit", resolve));
      rmSync(directory, { recursive: true, force: true });
    },
    coordinatorPids: () => {
      const { coordinator, processes } = state();
      return [coordinator.pid, ...processes.map(({ pid }) => pid)];
    },
    log: () => readFileSync(join(data, "logs", "coordinator.log"), "utf8"),
  };
}
