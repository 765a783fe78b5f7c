/** `pleiad status`: what runs. The exit code says it too: 0 when clients may connect, else 3. */
import type { Command } from "commander";
import type { PleiadConfig } from "../config/schema.ts";
import { clusterStatus, pathsOf, type ClusterStatus } from "../operations/cluster-status.ts";
import { NodeMemory } from "../shared-memory/node-memory.ts";
import { loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { connectionUrl } from "./connection-line.ts";
import { print, printJson, table } from "./output.ts";

interface StatusOptions extends ConfigOptions {
  readonly json?: boolean;
}

/** As init scripts have it: the program is not running. */
const notRunningCode = 3;

const meanings: Record<ClusterStatus["state"], string> = {
  absent: "no cluster was made here yet; `pleiad up` makes one",
  down: "not running",
  starting: "starting or stopping",
  up: "up",
  orphaned: "the coordinator is gone, but servers run; `pleiad up` takes over, `pleiad down` stops them",
};

function urlOf(coordinator: NonNullable<ClusterStatus["coordinator"]>): string {
  return connectionUrl({ coordinator: { ...coordinator, startTime: "" } });
}

/** What the coordinator's clients do. */
interface Load {
  readonly sessions: number;
  /** Statements that run, reads in shared pipelines excepted, and that wait for admission. */
  readonly running: number;
  readonly waiting: number;
}

/** As its shared memory says; undefined where that belongs to another user. */
function loadOf(config: PleiadConfig): Load | undefined {
  try {
    const { sessions, admission } = NodeMemory.open(pathsOf(config).nodeMemory);
    return { sessions: sessions.active, ...admission.load };
  } catch {
    return undefined;
  }
}

function show(status: ClusterStatus, load: Load | undefined): void {
  print(`${status.data}: ${meanings[status.state]}`);
  if (status.coordinator) {
    const { pid, host, port, accepting } = status.coordinator;
    print(`coordinator: process ${pid} on ${host}:${port}${accepting ? "" : ", not accepting connections"}`);
    print(`Connect:  psql ${urlOf(status.coordinator)}`);
  }
  if (load)
    print(`clients: ${load.sessions}; statements: ${load.running} run, ${load.waiting} wait for admission`);
  if (status.keeper) {
    const { pid, restarts } = status.keeper;
    print(`keeper: process ${pid}, has started the coordinator again ${restarts} times`);
  }
  if (status.servers.length > 0) print(serverTable(status));
  if (status.processes.length > 0) print(`\n${processTable(status)}`);
}

function serverTable({ servers }: ClusterStatus): string {
  const rows = servers.map((server) => [
    server.name,
    server.kind,
    server.state,
    server.pid === undefined ? "" : String(server.pid),
    String(server.restarts),
    `${server.socketDirectory}/.s.PGSQL.${server.port}`,
  ]);
  return table([["server", "kind", "state", "pid", "restarts", "socket"], ...rows]);
}

function processTable({ processes }: ClusterStatus): string {
  const rows = processes.map(({ kind, state, pid, restarts, version, startedAt }) => [
    kind,
    state,
    `${pid}`,
    `${restarts}`,
    version,
    startedAt,
  ]);
  return table([["process", "state", "pid", "restarts", "version", "since"], ...rows]);
}

async function status(options: StatusOptions): Promise<void> {
  const { config } = loadFromOptions(options);
  const found = await clusterStatus(config);
  const load = found.coordinator && loadOf(config);
  if (options.json) printJson(found.coordinator ? { url: urlOf(found.coordinator), ...found, load } : found);
  else show(found, load);
  if (!found.coordinator?.accepting) process.exitCode = notRunningCode;
}

export function registerStatus(program: Command): void {
  withConfigOptions(program.command("status"))
    .description("show what runs (exit code 3 when clients cannot connect)")
    .option("--json", "print the result as JSON")
    .action(status);
}
