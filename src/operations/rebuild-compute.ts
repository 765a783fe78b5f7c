/**
 * A compute node whose PGDATA is gone (memory after a restart of the machine) or cannot be started is made anew: a copy of
 * the template gets the roles, databases and definitions that the catalog node knows. Until that is done it runs on another socket, where
 * no client's statement reaches it, and without the marker of a whole instance: a crash in between means from the beginning.
 */
import { existsSync } from "node:fs";
import { BackendConnection } from "../backend/backend-connection.ts";
import { installGate } from "../catalog/install-gate.ts";
import type { Server } from "../config/topology.ts";
import type { Log } from "../observe/log.ts";
import { copyRoles, createDatabases, finishGlobals, type Database } from "./copy-globals.ts";
import { internalRole, markInstance, unmarkInstance } from "./create-instance.ts";
import { serverOf, type Instance } from "./instance.ts";
import { startInstance, type InstanceProcess } from "./instance-process.ts";
import { replayDefinitions } from "./replay-definitions.ts";
import { stopServerProcesses } from "./server-processes.ts";
import { configure, createInstances, makeTemplate, type Site } from "./site.ts";

/** Added to the port of a server that is being filled. */
const hiddenPortOffset = 300;

/** Makes `instance` anew, fills it and starts it. The catalog node runs. */
export async function rebuildCompute(
  site: Site,
  instance: Instance,
  catalog: Server,
  log: Log,
): Promise<InstanceProcess> {
  const { binaries, user, paths } = site;
  const startedAt = Date.now();
  await stopServerProcesses([instance.pgdata]);
  if (!existsSync(paths.template)) await makeTemplate(site);
  await createInstances(site, [instance]);
  unmarkInstance(instance.pgdata);
  const hidden = { ...instance, port: instance.port + hiddenPortOffset };
  configure(site, hidden);
  const filling = await startInstance(hidden, binaries, user);
  try {
    await fill(serverOf(hidden), catalog, log);
  } finally {
    await filling.stop();
  }
  configure(site, instance);
  markInstance(instance.name, instance.pgdata, binaries.major);
  log.info("compute node made anew", { server: instance.name, ms: Date.now() - startedAt });
  return startInstance(instance, binaries, user);
}

async function fill(compute: Server, catalog: Server, log: Log): Promise<void> {
  const open = (server: Server, database: string): Promise<BackendConnection> =>
    BackendConnection.connect(server, { user: internalRole, database, applicationName: "pleiad rebuild" });
  const from = await open(catalog, "postgres");
  const to = await open(compute, "postgres");
  try {
    await copyRoles(from, to);
    const databases = await createDatabases(from, to);
    let secret: string | undefined;
    for (const database of databases.filter(({ connectable }) => connectable))
      secret = await fillDatabase(database, secret);
    await finishGlobals(from, to, log);
  } finally {
    from.close();
    to.close();
  }

  async function fillDatabase({ name }: Database, secret: string | undefined): Promise<string> {
    const source = await open(catalog, name);
    const target = await open(compute, name);
    try {
      const installed = await installGate((sql) => target.query(sql), secret);
      await replayDefinitions(source, target, log);
      return installed;
    } finally {
      source.close();
      target.close();
    }
  }
}
