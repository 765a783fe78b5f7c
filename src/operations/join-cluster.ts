/** One more coordinator for a cluster whose servers another one runs, on the same host: it starts none of its own. */
import { existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { BackendConnection } from "../backend/backend-connection.ts";
import type { PleiadConfig } from "../config/schema.ts";
import type { Topology } from "../config/topology.ts";
import { clusterPaths } from "./cluster-paths.ts";
import { readRecord, readRunState, writeRecord, type RunState } from "./cluster-record.ts";
import { coordinatorPlace } from "./coordinator-place.ts";
import { internalRole } from "./create-instance.ts";
import { takeLock } from "./data-directory-lock.ts";
import { endLeftBehind } from "./end-left-behind.ts";
import { OperationError } from "./operation-error.ts";
import { prepareDataDirectory } from "./prepare-data-directory.ts";
import type { Progress } from "./progress.ts";
import { findRunUser } from "./run-user.ts";
import type { Cluster } from "./start-cluster.ts";

/** `cluster`: its data directory. Throws OperationError when it does not run, or is not this user's. */
export async function joinCluster(
  cluster: string,
  config: PleiadConfig,
  progress: Progress,
): Promise<Cluster> {
  const user = findRunUser(config.run_as);
  const paths = clusterPaths(prepareDataDirectory(config.data).path, user.uid);
  const lock = takeLock(paths.lock);
  try {
    const { joined, state } = runningCluster(cluster, paths.data);
    const record = readRecord(paths.record);
    if (record !== undefined && record.joins === undefined)
      throw new OperationError(
        `${paths.data} holds a cluster of its own`,
        "Give the coordinator that joins another cluster a data directory of its own with --data.",
      );
    await endLeftBehind(paths.state);
    progress.step(`joining the cluster in ${joined}`);
    const topology: Topology = {
      servers: state.servers.map(({ name, kind, socketDirectory, port }) => ({
        name,
        kind,
        host: socketDirectory,
        port,
      })),
      internalRole,
    };
    await requireAccess(topology, joined);
    mkdirSync(paths.run, { recursive: true, mode: 0o755 });
    const pgMajor = readRecord(clusterPaths(joined, user.uid).record)?.pgMajor ?? 0;
    writeRecord(paths.record, {
      format: 1,
      state: "made",
      dataNodes: 0,
      computeNodes: 0,
      pgMajor,
      joins: joined,
    });
    return {
      topology,
      paths,
      place: coordinatorPlace(paths.place),
      postgres: state.postgres,
      status: () => [],
      onChange: () => {},
      stop: async () => {
        rmSync(paths.state, { force: true });
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function runningCluster(data: string, own: string): { readonly joined: string; readonly state: RunState } {
  const joined = existsSync(data) ? realpathSync(data) : data;
  if (joined === own)
    throw new OperationError(
      "a coordinator cannot join the cluster of its own data directory",
      "Give it another data directory with --data.",
    );
  // Where the servers are is what their own coordinator says; it may be starting again right now.
  const state = readRunState(clusterPaths(joined, 0).state);
  if (state === undefined || state.servers.length === 0)
    throw new OperationError(
      `no cluster with servers runs in ${joined}`,
      "Start it with `pleiad up --data` first.",
    );
  return { joined, state };
}

async function requireAccess({ servers }: Topology, joined: string): Promise<void> {
  try {
    const catalog = servers.find(({ kind }) => kind === "catalog")!;
    const connection = await BackendConnection.connect(catalog, { user: internalRole, database: "postgres" });
    connection.close();
  } catch (error) {
    throw new OperationError(
      `the servers of ${joined} cannot be used: ${(error as Error).message}`,
      "Start this coordinator as the same operating-system user as that cluster, while its servers run.",
    );
  }
}
