/** A whole Pleiad in this process: its servers, the coordinator on top, and an orderly end. Both `up --foreground` and `serve` are this. */
import { join } from "node:path";
import type { LoadedConfig } from "../config/load-config.ts";
import type { PleiadConfig } from "../config/schema.ts";
import type { Topology } from "../config/topology.ts";
import { openLog, type Log } from "../observe/log.ts";
import { writeRunState, type RunState } from "../operations/cluster-record.ts";
import { OperationError } from "../operations/operation-error.ts";
import { prepareDataDirectory } from "../operations/prepare-data-directory.ts";
import { ownIdentity } from "../operations/process-identity.ts";
import type { Progress } from "../operations/progress.ts";
import { startCluster } from "../operations/start-cluster.ts";

export interface RunningCluster {
  readonly state: RunState;
  stop(): Promise<void>;
}

interface Coordinator {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

const portsTried = 100;
const stopSignals = ["SIGTERM", "SIGINT"] as const;

function portError(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "EADDRINUSE" || code === "EACCES" ? code : undefined;
}

/** A port that somebody asked for is taken or refused; the default gives way to the next free one. */
async function startOnFreePort(topology: Topology, loaded: LoadedConfig, log: Log): Promise<Coordinator> {
  // Only a process that serves needs the coordinator, the parser above all: `status` stays quick.
  const { startCoordinator } = await import("../node/coordinator.ts");
  const first = loaded.config.port;
  const explicit = loaded.sourceOf("port") !== "default";
  for (let port = first; ; port++) {
    const config: PleiadConfig = { ...loaded.config, port };
    try {
      return await startCoordinator({ topology, config, log });
    } catch (error) {
      const reason = portError(error);
      if (reason === undefined) throw error;
      if (explicit || port - first >= portsTried || port === 65_535) {
        throw new OperationError(
          reason === "EACCES"
            ? `this user may not listen on port ${port}`
            : `port ${port} on ${config.host} is in use by another program`,
          "Choose another with --port, or leave it out to take a free one.",
        );
      }
    }
  }
}

export async function runCluster(
  loaded: LoadedConfig,
  progress: Progress,
  logToStderr: boolean,
): Promise<RunningCluster> {
  const { config } = loaded;
  for (const warning of loaded.warnings) progress.warn(warning);
  const directory = prepareDataDirectory(config.data);
  const log = openLog({
    ...config.log,
    file: join(directory.logs, "coordinator.log"),
    stderr: logToStderr,
  });
  const startBroken = new AbortController();
  const giveUp = () => startBroken.abort(new OperationError("the start was broken off by a signal"));
  for (const signal of stopSignals) process.on(signal, giveUp);
  const cluster = await startCluster(loaded, progress, { log, signal: startBroken.signal });
  let coordinator: Coordinator;
  try {
    startBroken.signal.throwIfAborted();
    progress.step("starting the coordinator");
    coordinator = await startOnFreePort(cluster.topology, loaded, log);
  } catch (error) {
    await cluster.stop();
    throw error;
  }

  for (const signal of stopSignals) process.off(signal, giveUp);
  const startedAt = new Date().toISOString();
  const state = (): RunState => ({
    coordinator: { ...ownIdentity(), host: coordinator.host, port: coordinator.port },
    startedAt,
    postgres: cluster.postgres,
    servers: cluster.status(),
  });
  writeRunState(cluster.paths.state, state());
  cluster.onChange(() => writeRunState(cluster.paths.state, state()));
  log.info("clients may connect", { host: coordinator.host, port: coordinator.port, pid: process.pid });

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    log.info("stopping");
    await coordinator.close();
    await cluster.stop();
    log.info("stopped");
  };
  const running: RunningCluster = { state: state(), stop: () => (stopping ??= stop()) };
  stopAtTheEnd(running, log);
  return running;
}

/** Signals and unforeseen errors both end in an orderly stop: orphan servers are for `kill -9` only. */
function stopAtTheEnd(running: RunningCluster, log: Log): void {
  const end = (exitCode: number) => {
    running.stop().then(
      () => process.exit(exitCode),
      (error: unknown) => {
        log.error("stopping failed", { error });
        process.exit(1);
      },
    );
  };
  for (const signal of stopSignals) process.on(signal, () => end(0));
  // A closed terminal does not end a cluster that was started in the background.
  process.on("SIGHUP", () => {});
  const softwareError = 70;
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.error("unforeseen error, stopping", { event, error });
      end(softwareError);
    });
  }
}
