/** A session worker: serves the clients whose connections it is given. All that its sessions share hangs on the host made here. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Multiplexer } from "../../backend/multiplexer.ts";
import { Pools } from "../../backend/pool.ts";
import type { PleiadConfig } from "../../config/schema.ts";
import type { Topology } from "../../config/topology.ts";
import type { Log } from "../../observe/log.ts";
import { HostRules } from "../../security/host-rules.ts";
import { loadCertificate } from "../../security/certificate.ts";
import { Admission, type AdmissionLimits } from "../../session/admission.ts";
import { DatabaseCatalogs } from "../../session/database-catalog.ts";
import type { SessionCounts, SessionHost } from "../../session/host.ts";
import { ResultCache } from "../../session/result-cache.ts";
import { SharedDefinitions } from "../../session/shared-definitions.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { Counts } from "../../shared-memory/process-counters.ts";
import { SharedStore } from "../../shared-memory/store.ts";
import { initializeParser } from "../../sql/parse.ts";
import { CatalogCommitLog } from "../../transaction/commit-log.ts";
import type { Channel } from "../channel.ts";
import type { ProcessStart } from "../messages.ts";
import { workerPool } from "../process-shares.ts";
import { socketOf } from "../raw-handle.ts";
import type { StartupOptions } from "./client-startup.ts";
import { ExecutorTasks } from "./executor-tasks.ts";
import { Fellows } from "./fellows.ts";
import { Reception } from "./reception.ts";
import { clusterCertificate, clusterSecret } from "../cluster-secrets.ts";
import { roleLogins } from "./role-logins.ts";
import { serverTls } from "./server-tls.ts";

/** How often the counts of this process are put where all see them. */
const PUBLISH_MS = 500;
const MEGABYTE = 1024 * 1024;
/** Clients that were told to go may take so long to do so. */
const STOP_MS_MAX = 1_500;
/** How often a worker that gives its sessions away looks whether all have gone. */
const RETIRE_LOOK_MS = 20;

export async function runWorker(
  start: ProcessStart,
  memory: NodeMemory,
  channel: Channel,
  log: Log,
): Promise<void> {
  const { topology, config } = start;
  await initializeParser();
  const pools = new Pools(topology.servers, workerPool(start));
  const { coordination } = memory;
  const commitLog = new CatalogCommitLog(pools, topology.internalRole, () => ({
    epoch: coordination.epoch,
    life: start.life,
  }));
  const fellows = new Fellows(channel, pools, coordination);
  const store = new SharedStore(join(start.memory, "store"), {
    sizeBytes: config.shared_memory * MEGABYTE,
  });
  const shared = new SharedDefinitions(store);
  const results = new ResultCache(
    store.database("results", "cache"),
    config.shared_memory * MEGABYTE,
    memory.writers,
    coordination,
  );
  const counts: SessionCounts = { statements: 0, plansMade: 0 };
  const host: SessionHost = {
    pools,
    multiplexer: new Multiplexer(pools),
    tasks: new ExecutorTasks(memory, start.memory),
    servers: topology.servers,
    internalRole: topology.internalRole,
    catalogs: new DatabaseCatalogs(pools, topology.internalRole, memory, start, shared, (entry) =>
      fellows.announce(entry),
    ),
    commitLog,
    computeNodes: topology.servers.filter((server) => server.kind === "compute").map((server) => server.name),
    liftLiterals: config.lift_literals,
    defaultShards: config.shards,
    memory,
    admission: new Admission(memory.admission.of(start.slot), admissionLimits(config, topology)),
    counts,
    store,
    results,
    slot: start.slot,
    kept: store.database("sessions", "kept"),
    gateSecrets: new Map(start.gateSecrets),
    leaveDatabase: (database) => fellows.leaveDatabase(database),
  };
  const startup: StartupOptions = {
    tls: await clientTls(config),
    rules: new HostRules(
      config.authentication.map((rule) => ({
        ...rule,
        tls: config.tls.mode === "require" ? "require" : "any",
      })),
    ),
    lookupVerifier: roleLogins(pools, topology.internalRole),
    fakeVerifierSecret: clusterSecret(config.data),
    refused: (address, reason) => log.info("a client was not let in", { address, reason }),
  };
  const reception = new Reception(host, startup, config.max_client_connections, log, {
    table: memory.sessions,
    life: start.life,
    counted: (change) => memory.processes.countSession(start.slot, change),
    closed: (ids) => void channel.send({ kind: "closed", ids }),
    released: (id) => void channel.send({ kind: "released", id }),
    cancel: (id) => void channel.send({ kind: "cancel", id }),
  });

  setInterval(() => memory.counters.publish(start.slot, countsOf(host, shared)), PUBLISH_MS);

  const stop = async () => {
    await Promise.race([reception.close(), new Promise((resolve) => setTimeout(resolve, STOP_MS_MAX))]);
    process.exit(0);
  };
  const retire = async (ms: number) => {
    const deadline = Date.now() + ms;
    pools.keepNone();
    reception.handOverAll();
    while (!reception.isEmpty && Date.now() < deadline) await sleep(RETIRE_LOOK_MS);
    await stop();
  };
  channel.listen((message, handle) => {
    if (message.kind === "session" && handle !== undefined) reception.receive(socketOf(handle), message.id);
    else if (message.kind === "mail") reception.adoptAll();
    else if (message.kind === "hand over") reception.handOver(message.id);
    else if (message.kind === "retire") void retire(message.ms);
    else if (message.kind === "cancel") reception.cancel(message.id);
    else if (message.kind === "leave") fellows.asked(message.database, message.ticket);
    else if (message.kind === "left") fellows.answered(message.ticket);
    else if (message.kind === "announced") fellows.announced(message.ticket);
    else if (message.kind === "announce again") fellows.announceAgain();
    else if (message.kind === "stop") void stop();
  });
  await channel.send({ kind: "ready" });
}

/** By default as many as there may be connections to all data nodes: more could not run at once. */
function admissionLimits({ admission, pool }: PleiadConfig, { servers }: Topology): AdmissionLimits {
  const dataNodes = servers.filter(({ kind }) => kind === "data").length;
  const { running = pool.per_node * dataNodes, queue, wait_seconds, rules } = admission;
  return { running, queue, waitMsMax: wait_seconds * 1000, rules };
}

function countsOf(
  { counts: { statements, plansMade }, pools, multiplexer, admission, results }: SessionHost,
  shared: SharedDefinitions,
): Counts {
  const { lent, waited, opened, open } = pools.counts;
  return {
    statements,
    shared_statements: multiplexer.statements,
    run_again: multiplexer.runAgain,
    plans_made: plansMade,
    plans_found: shared.found,
    connections_lent: lent,
    connections_opened: opened,
    connections_open: open,
    connection_waits: waited,
    admission_waits: admission.waits,
    admission_refusals: admission.refusals,
    results_found: results.found,
    results_kept: results.kept,
    results_refused: results.refused,
  };
}

async function clientTls(config: PleiadConfig): Promise<StartupOptions["tls"]> {
  const { mode, certificate, key } = config.tls;
  if (mode === "off") return undefined;
  if (certificate !== undefined && key !== undefined)
    return serverTls(await loadCertificate(certificate, key));
  return serverTls(await clusterCertificate(config));
}
