/**
 * One coordinator: listens for clients and makes all that their sessions share. The state hangs on the object made here; a
 * process may hold several coordinators.
 */
import net from "node:net";
import { join } from "node:path";
import { Multiplexer } from "../backend/multiplexer.ts";
import { Pools } from "../backend/pool.ts";
import type { PleiadConfig } from "../config/schema.ts";
import type { Topology } from "../config/topology.ts";
import type { Log } from "../observe/log.ts";
import { DatabaseCatalogs } from "../session/database-catalog.ts";
import type { SessionHost } from "../session/host.ts";
import { initializeParser } from "../sql/parse.ts";
import { CatalogCommitLog } from "../transaction/commit-log.ts";
import { recoverPrepared } from "../transaction/recovery.ts";
import { loadCertificate, ownCertificate } from "../security/certificate.ts";
import { HostRules } from "../security/host-rules.ts";
import type { StartupOptions } from "./client-startup.ts";
import { openGates } from "./gates.ts";
import { Reception } from "./reception.ts";
import { clusterSecret, roleLogins } from "./role-logins.ts";
import { serverTls } from "./server-tls.ts";

export interface CoordinatorOptions {
  readonly topology: Topology;
  readonly config: PleiadConfig;
  readonly log: Log;
}

export interface Coordinator {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Longest time that a statement waits for a backend connection. */
const POOL_WAIT_MS_MAX = 30_000;

/** Resolves when clients may connect. Rejects with the operating system's error when the port cannot be had. */
export async function startCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { topology, config, log } = options;
  await initializeParser();
  const recovered = await recoverPrepared(topology);
  if (recovered.committed + recovered.rolledBack > 0)
    log.info("finished what a crash left prepared", { ...recovered });
  const pools = new Pools(topology.servers, {
    perServerMax: config.pool.per_node,
    waitMsMax: POOL_WAIT_MS_MAX,
  });
  const commitLog = new CatalogCommitLog(pools, topology.internalRole);
  const multiplexer = new Multiplexer(pools);
  const host: SessionHost = {
    pools,
    multiplexer,
    servers: topology.servers,
    internalRole: topology.internalRole,
    catalogs: new DatabaseCatalogs(pools, topology.internalRole),
    commitLog,
    computeNodes: topology.servers.filter((server) => server.kind === "compute").map((server) => server.name),
    liftLiterals: config.lift_literals,
    defaultShards: config.shards,
    gateSecrets: await openGates(topology),
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
  const reception = new Reception(host, startup, config.max_client_connections, log);
  const server = net.createServer({ allowHalfOpen: true }, (socket) => reception.receive(socket));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: config.host, port: config.port, backlog: 4096 }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address() as net.AddressInfo;
  return {
    host: config.host,
    port: address.port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      reception.close();
      await closed;
      commitLog.end();
      multiplexer.end();
      pools.end();
    },
  };
}

async function clientTls(config: PleiadConfig): Promise<StartupOptions["tls"]> {
  const { mode, certificate, key } = config.tls;
  if (mode === "off") return undefined;
  if (certificate !== undefined && key !== undefined)
    return serverTls(await loadCertificate(certificate, key));
  return serverTls(await ownCertificate(join(config.data, "tls"), [config.host, "localhost"]));
}
