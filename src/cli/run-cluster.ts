/** A whole Pleiad in this process: its servers, the coordinator on top, and an orderly end. Both `up --foreground` and `serve` are this. */
import { join } from "node:path";
import type { LoadedConfig } from "../config/load-config.ts";
import { openLog, type Log } from "../observe/log.ts";
import { readRecord, writeRunState, type RunState } from "../operations/cluster-record.ts";
import { OperationError } from "../operations/operation-error.ts";
import { prepareDataDirectory } from "../operations/prepare-data-directory.ts";
import { ownIdentity, startTimeOf } from "../operations/process-identity.ts";
import type { Progress } from "../operations/progress.ts";
import type { Supervisor } from "../node/supervisor/supervisor.ts";
import { joinCluster } from "../operations/join-cluster.ts";
import { startCluster, type Cluster } from "../operations/start-cluster.ts";
import { controlCoordinator } from "./serve-control.ts";
import { processArguments } from "./start-messages.ts";

export interface RunningCluster {
  readonly state: RunState;
  stop(): Promise<void>;
}

const portsTried = 100;
const stopSignals = ["SIGTERM", "SIGINT"] as const;

/** A port that somebody asked for is taken or refused; the default gives way to the next free one. */
async function listenOnFreePort(supervisor: Supervisor, loaded: LoadedConfig): Promise<number> {
  const { host, port: first } = loaded.config;
  const explicit = loaded.sourceOf("port") !== "default";
  for (let port = first; ; port++) {
    try {
      return await supervisor.listen(host, port);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
      if (explicit || port - first >= portsTried || port === 65_535) {
        throw new OperationError(
          code === "EACCES"
            ? `this user may not listen on port ${port}`
            : `port ${port} on ${host} is in use by another program`,
          "Choose another with --port, or leave it out to take a free one.",
        );
      }
    }
  }
}

/** The coordinator's processes, and the port on which clients may connect. */
async function startCoordinator(
  { topology, paths, place }: Cluster,
  loaded: LoadedConfig,
  log: Log,
): Promise<{ readonly supervisor: Supervisor; readonly port: number }> {
  // Only a process that serves needs this: `status` stays quick.
  const { Supervisor } = await import("../node/supervisor/supervisor.ts");
  const supervisor = await Supervisor.start({
    topology,
    config: loaded.config,
    log,
    place,
    memory: paths.nodeMemory,
    command: processArguments(),
  });
  try {
    return { supervisor, port: await listenOnFreePort(supervisor, loaded) };
  } catch (error) {
    await supervisor.close();
    throw error;
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
  const joins = config.join ?? readRecord(join(directory.path, "cluster.json"))?.joins;
  const cluster = await (joins === undefined
    ? startCluster(loaded, progress, { log, signal: startBroken.signal })
    : joinCluster(joins, config, progress));
  let coordinator: Awaited<ReturnType<typeof startCoordinator>>;
  try {
    startBroken.signal.throwIfAborted();
    progress.step("starting the coordinator");
    coordinator = await startCoordinator(cluster, loaded, log);
  } catch (error) {
    await cluster.stop();
    throw error;
  }

  for (const signal of stopSignals) process.off(signal, giveUp);
  const startedAt = new Date().toISOString();
  const { supervisor, port } = coordinator;
  const state = (): RunState => ({
    coordinator: { ...ownIdentity(), host: config.host, port },
    startedAt,
    processes: supervisor
      .processes()
      .map(({ kind, pid, state: running, restarts, version, startedAt: began }) => ({
        kind,
        pid,
        startTime: startTimeOf(pid) ?? "",
        state: running,
        restarts,
        version,
        startedAt: new Date(began).toISOString(),
      })),
    postgres: cluster.postgres,
    servers: cluster.status(),
  });
  const record = () => writeRunState(cluster.paths.state, state());
  record();
  cluster.onChange(record);
  supervisor.whenChanged(record);
  const control = await controlCoordinator(cluster.paths.control, supervisor, loaded, log);
  log.info("clients may connect", { host: config.host, port, pid: process.pid });

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    log.info("stopping");
    control.close();
    await supervisor.close();
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
