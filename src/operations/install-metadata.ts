/** First start: puts Pleiad's schema into the databases that exist then, and into template1, so that each later one has it from birth. */
import { BackendConnection } from "../backend/backend-connection.ts";
import { installCatalog, recordNodes } from "../catalog/install-catalog.ts";
import { installDataNode } from "../catalog/install-data-node.ts";
import type { Query } from "../catalog/query.ts";
import type { Server, Topology } from "../config/topology.ts";

const databases = ["postgres", "template1"];

async function withDatabase(
  server: Server,
  user: string,
  database: string,
  use: (query: Query) => Promise<void>,
): Promise<void> {
  const connection = await BackendConnection.connect(server, {
    user,
    database,
    applicationName: "pleiad start",
  });
  try {
    await use((sql) => connection.query(sql));
  } finally {
    connection.close();
  }
}

async function installOn(server: Server, topology: Topology): Promise<void> {
  for (const database of databases) {
    await withDatabase(server, topology.internalRole, database, async (query) => {
      if (server.kind === "data") return installDataNode(query);
      await installCatalog(query);
      await recordNodes(query, topology.servers);
    });
  }
}

export async function installMetadata(topology: Topology): Promise<void> {
  const holders = topology.servers.filter((server) => server.kind !== "compute");
  await Promise.all(holders.map((server) => installOn(server, topology)));
}
