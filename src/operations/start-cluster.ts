/** Starts all servers of a cluster and keeps them running; the coordinator is started on top of it. Order: catalog, data, compute. */
import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import type { LoadedConfig } from "../config/load-config.ts";
import type { Topology } from "../config/topology.ts";
import type { Log } from "../observe/log.ts";
import { finishLeft } from "../coordinators/finish-left.ts";
import { checkSettings } from "./check-settings.ts";
import { clusterPaths, type ClusterPaths } from "./cluster-paths.ts";
import { writeRecord, type RunningServer } from "./cluster-record.ts";
import { coordinatorPlace } from "./coordinator-place.ts";
import { internalRole } from "./create-instance.ts";
import { takeLock } from "./data-directory-lock.ts";
import { installMetadata } from "./install-metadata.ts";
import { planInstances, serverOf, type Instance } from "./instance.ts";
import { startInstance, type InstanceProcess } from "./instance-process.ts";
import { keepLogsSmall } from "./log-rotation.ts";
import { memoryUsable } from "./memory-directory.ts";
import { observeDataDirectory, possiblePgdatas } from "./observe-data-directory.ts";
import { OperationError } from "./operation-error.ts";
import { endLeftBehind } from "./end-left-behind.ts";
import { findPostgres } from "./postgres-binaries.ts";
import { prepareDataDirectory } from "./prepare-data-directory.ts";
import { ensurePrivateDirectory } from "./private-directory.ts";
import type { Progress } from "./progress.ts";
import { findRunUser, type RunUser } from "./run-user.ts";
import { rebuildCompute } from "./rebuild-compute.ts";
import { stopServerProcesses } from "./server-processes.ts";
import { configure, createInstances, makeTemplate, type Site } from "./site.ts";
import { computeStart, type StartStep } from "./start-steps.ts";
import { supervise, type Supervised } from "./supervisor.ts";

const run = promisify(execFile);

export interface Cluster {
  readonly topology: Topology;
  readonly paths: ClusterPaths;
  /** Names the data directory among those of the cluster's coordinators. */
  readonly place: string;
  /** As `postgres --version` says it. */
  readonly postgres: string;
  status(): RunningServer[];
  /** Called when a server ended or runs again. */
  onChange(listener: () => void): void;
  /** Stops all servers, compute nodes first, and gives the data directory free. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly log: Log;
  /** Aborted: the start ends at its next step, and what already runs is stopped. */
  readonly signal?: AbortSignal;
}

/** Directories below the data directory. Servers' files belong to the servers' user, all else to the coordinator's. */
async function makeDirectories(paths: ClusterPaths, user: RunUser): Promise<void> {
  for (const path of [paths.instances, paths.logs, paths.run])
    mkdirSync(path, { recursive: true, mode: 0o755 });
  chmodSync(paths.instances, 0o700);
  if (user.identity.uid !== undefined) chownSync(paths.instances, user.uid, user.gid);
  try {
    await run("/bin/sh", ["-c", 'cd "$1"', "sh", paths.instances], { ...user.identity, cwd: "/" });
  } catch {
    throw new OperationError(
      `user "${user.name}", under whom the servers run, cannot enter ${paths.instances}`,
      "Every directory above it must let that user pass; choose another data directory with --data.",
    );
  }
}

async function act(step: StartStep, site: Site, instances: readonly Instance[]): Promise<void> {
  const { paths, progress, user } = site;
  const named = (names: readonly string[]) => instances.filter((instance) => names.includes(instance.name));
  switch (step.do) {
    case "stop orphans":
      progress.step("stopping the servers that an earlier run left behind");
      return stopServerProcesses(possiblePgdatas(paths, { dataNodes: 0, computeNodes: 0 }));
    case "remove unfinished":
      for (const path of step.paths) rmSync(path, { recursive: true, force: true });
      return;
    case "remove instances":
      for (const path of [paths.instances, paths.template, paths.memory])
        rmSync(path, { recursive: true, force: true });
      return makeDirectories(paths, user);
    case "record":
      return writeRecord(paths.record, step.record);
    case "create template":
      progress.step("creating an empty PostgreSQL (initdb)");
      return makeTemplate(site);
    case "create instances":
      progress.step(`creating ${step.names.join(", ")}`);
      return createInstances(site, named(step.names));
    case "change owner":
      progress.step(`giving ${step.names.join(", ")} to user ${user.name}`);
      await run("chown", ["-R", `${user.uid}:${user.gid}`, ...named(step.names).map(({ pgdata }) => pgdata)]);
  }
}

/** `start` starts one server; a kind's servers start at once, and the kinds one after the other. */
async function startServers(
  site: Site,
  instances: readonly Instance[],
  signal: AbortSignal | undefined,
  start: (instance: Instance) => Promise<InstanceProcess>,
  beforeCompute: () => Promise<void>,
): Promise<InstanceProcess[]> {
  const started: InstanceProcess[] = [];
  try {
    for (const kind of ["catalog", "data", "compute"] as const) {
      signal?.throwIfAborted();
      if (kind === "compute") await beforeCompute();
      const group = instances.filter((instance) => instance.kind === kind);
      site.progress.step(`starting ${group.map((instance) => instance.name).join(", ")}`);
      const results = await Promise.allSettled(
        group.map(async (instance) => started.push(await start(instance))),
      );
      const failed = results.find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
    }
    return started;
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()));
    throw error;
  }
}

/** A compute node holds nothing that the catalog node does not know: one that cannot be started is made anew. */
async function startOrRebuild(
  instance: Instance,
  { binaries, user }: Site,
  rebuild: ((instance: Instance) => Promise<InstanceProcess>) | undefined,
  log: Log,
): Promise<InstanceProcess> {
  try {
    return await startInstance(instance, binaries, user);
  } catch (error) {
    if (instance.kind !== "compute" || rebuild === undefined) throw error;
    log.warn("compute node cannot be started and is made anew", { server: instance.name, error });
    return rebuild(instance);
  }
}

function holders(topology: Topology): Topology["servers"] {
  return topology.servers.filter((server) => server.kind !== "compute");
}

async function stopInReverse(servers: readonly Supervised[]): Promise<void> {
  for (const kind of ["compute", "data", "catalog"] as const) {
    await Promise.all(
      servers.filter(({ instance }) => instance.kind === kind).map((server) => server.stop()),
    );
  }
}

export async function startCluster(
  loaded: LoadedConfig,
  progress: Progress,
  options: StartOptions,
): Promise<Cluster> {
  const { config } = loaded;
  const user = findRunUser(config.run_as);
  const paths = clusterPaths(prepareDataDirectory(config.data).path, user.uid);
  const lock = takeLock(paths.lock);
  try {
    await endLeftBehind(paths.state);
    const binaries = await findPostgres(config.pg_bin, user, paths.native);
    const site: Site = { config, paths, user, binaries, progress };
    const wanted = { dataNodes: config.data_nodes, computeNodes: config.compute_nodes };
    const plan = computeStart(observeDataDirectory(paths, wanted), {
      size: wanted,
      dataNodesExplicit: loaded.sourceOf("data_nodes") !== "default",
      computeNodesExplicit: loaded.sourceOf("compute_nodes") !== "default",
      pgMajor: binaries.major,
      runUid: user.uid,
      dataDirectory: paths.data,
    });
    for (const warning of plan.warnings) progress.warn(warning);
    await makeDirectories(paths, user);
    const instances = planInstances(plan.size, paths, memoryUsable());
    const toRebuild = new Set<string>();
    for (const step of plan.steps) {
      options.signal?.throwIfAborted();
      // Later than at the first start only compute nodes are made.
      if (step.do === "create instances" && !plan.firstStart)
        step.names.forEach((name) => toRebuild.add(name));
      else await act(step, site, instances);
    }
    ensurePrivateDirectory(paths.sockets, user);
    const place = coordinatorPlace(paths.place);
    for (const instance of instances) if (!toRebuild.has(instance.name)) configure(site, instance);
    const topology: Topology = {
      servers: instances.map((instance) => serverOf(instance)),
      internalRole,
    };
    const rebuild = (instance: Instance) => rebuildCompute(site, instance, topology.servers[0]!, options.log);
    const started = await startServers(
      site,
      instances,
      options.signal,
      (instance) => {
        if (toRebuild.has(instance.name)) return rebuild(instance);
        return startOrRebuild(instance, site, plan.firstStart ? undefined : rebuild, options.log);
      },
      async () => {
        // Definitions that are decided but not yet committed belong to what a compute node is told.
        if (!plan.firstStart) await finishLeft(topology, holders(topology), place);
      },
    );

    try {
      await checkSettings(topology);
      if (plan.firstStart) {
        progress.step("installing the catalog");
        await installMetadata(topology);
        writeRecord(paths.record, { format: 1, state: "made", ...plan.size, pgMajor: binaries.major });
      }
    } catch (error) {
      await Promise.all(started.map((server) => server.stop()));
      throw error;
    }

    const listeners: (() => void)[] = [];
    const onChange = () => listeners.forEach((listener) => listener());
    const servers = started.map((server) =>
      supervise(server, {
        start: (instance) => startOrRebuild(instance, site, rebuild, options.log),
        log: options.log,
        onChange,
      }),
    );
    const endRotation = keepLogsSmall(
      instances.map((instance) => instance.log),
      options.log,
    );
    return {
      topology,
      paths,
      place,
      postgres: binaries.version,
      status: () =>
        instances.map((instance) => {
          const server = servers.find((candidate) => candidate.instance.name === instance.name);
          return {
            name: instance.name,
            kind: instance.kind,
            pid: server?.pid(),
            socketDirectory: instance.socketDirectory,
            port: instance.port,
            pgdata: instance.pgdata,
            restarts: server?.restarts() ?? 0,
          };
        }),
      onChange: (listener) => void listeners.push(listener),
      stop: async () => {
        endRotation();
        await stopInReverse(servers);
        rmSync(paths.state, { force: true });
        rmSync(paths.sockets, { recursive: true, force: true });
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
