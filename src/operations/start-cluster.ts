/** Starts all servers of a cluster and keeps them running; the coordinator is started on top of it. Order: catalog, data, compute. */
import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LoadedConfig } from "../config/load-config.ts";
import type { Topology } from "../config/topology.ts";
import type { Log } from "../observe/log.ts";
import { clusterPaths, type ClusterPaths } from "./cluster-paths.ts";
import { writeRecord, type RunningServer } from "./cluster-record.ts";
import { createInstance, createTemplate, internalRole } from "./create-instance.ts";
import { takeLock } from "./data-directory-lock.ts";
import { installMetadata } from "./install-metadata.ts";
import { planInstances, serverOf, type Instance } from "./instance.ts";
import { startInstance, type InstanceProcess } from "./instance-process.ts";
import { keepLogsSmall } from "./log-rotation.ts";
import { memoryUsable } from "./memory-directory.ts";
import { observeDataDirectory, possiblePgdatas } from "./observe-data-directory.ts";
import { OperationError } from "./operation-error.ts";
import { findPostgres, type PostgresBinaries } from "./postgres-binaries.ts";
import { prepareDataDirectory } from "./prepare-data-directory.ts";
import { ensurePrivateDirectory } from "./private-directory.ts";
import type { Progress } from "./progress.ts";
import { findRunUser, type RunUser } from "./run-user.ts";
import { accessTexts, settingsFile, settingsText } from "./server-settings.ts";
import { stopServerProcesses } from "./server-processes.ts";
import { computeStart, type StartStep } from "./start-steps.ts";
import { supervise, type Supervised } from "./supervisor.ts";

const run = promisify(execFile);

export interface Cluster {
  readonly topology: Topology;
  readonly paths: ClusterPaths;
  /** As `postgres --version` says it. */
  readonly postgres: string;
  /** Compute nodes made anew at this start, without the roles, databases, types and functions of the others. */
  readonly emptyServers: readonly string[];
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

/** What the steps of a start need to know. */
interface Site {
  readonly config: LoadedConfig["config"];
  readonly paths: ClusterPaths;
  readonly user: RunUser;
  readonly binaries: PostgresBinaries;
  readonly progress: Progress;
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

async function createInstances(site: Site, instances: readonly Instance[]): Promise<void> {
  const { paths, user, binaries, config } = site;
  if (instances.some((instance) => instance.volatile)) ensurePrivateDirectory(paths.memory, user);
  await Promise.all(
    instances.map(({ name, pgdata, volatile }) =>
      createInstance(name, pgdata, paths.template, binaries, user, config.server.fsync && !volatile),
    ),
  );
}

/** The template's parent must be writable for the servers' user: it is made beside the instances and moved. */
async function makeTemplate(site: Site): Promise<void> {
  const { paths, binaries, user, config } = site;
  const working = join(paths.instances, "template");
  for (const path of [working, paths.template]) rmSync(path, { recursive: true, force: true });
  await createTemplate(working, binaries, user, config.locale);
  await run("mv", [working, paths.template]);
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

function configure(site: Site, instance: Instance): void {
  const { config, user, binaries } = site;
  const access = accessTexts(binaries.major, [userInfo().username, user.name]);
  const files = {
    [settingsFile]: settingsText(instance, config.server),
    "pg_hba.conf": access.hba,
    "pg_ident.conf": access.ident,
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(instance.pgdata, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (user.identity.uid !== undefined) chownSync(path, user.uid, user.gid);
  }
}

async function startServers(
  site: Site,
  instances: readonly Instance[],
  signal: AbortSignal | undefined,
): Promise<InstanceProcess[]> {
  const started: InstanceProcess[] = [];
  try {
    for (const kind of ["catalog", "data", "compute"] as const) {
      signal?.throwIfAborted();
      const group = instances.filter((instance) => instance.kind === kind);
      site.progress.step(`starting ${group.map((instance) => instance.name).join(", ")}`);
      const results = await Promise.allSettled(
        group.map(async (instance) => started.push(await startInstance(instance, site.binaries, site.user))),
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
    for (const step of plan.steps) {
      options.signal?.throwIfAborted();
      await act(step, site, instances);
    }
    ensurePrivateDirectory(paths.sockets, user);
    for (const instance of instances) configure(site, instance);
    const started = await startServers(site, instances, options.signal);
    const topology: Topology = {
      servers: instances.map((instance) => serverOf(instance)),
      internalRole,
    };

    if (plan.firstStart) {
      try {
        progress.step("installing the catalog");
        await installMetadata(topology);
        writeRecord(paths.record, { format: 1, state: "made", ...plan.size, pgMajor: binaries.major });
      } catch (error) {
        await Promise.all(started.map((server) => server.stop()));
        throw error;
      }
    }

    const listeners: (() => void)[] = [];
    const onChange = () => listeners.forEach((listener) => listener());
    const servers = started.map((server) =>
      supervise(server, { binaries, user, log: options.log, onChange }),
    );
    const endRotation = keepLogsSmall(
      instances.map((instance) => instance.log),
      options.log,
    );
    const created = plan.steps.flatMap((step) => (step.do === "create instances" ? step.names : []));
    return {
      topology,
      paths,
      postgres: binaries.version,
      emptyServers: plan.firstStart ? [] : created,
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
