/**
 * Puts Pleiad's own schema into every database of every server, new databases included (they are copies of template1), and
 * makes the role and database that clients expect to find.
 */
import { BackendConnection } from "../backend/backend-connection.ts";
import { installCatalog, recordNodes } from "../catalog/install-catalog.ts";
import { installDataNode } from "../catalog/install-data-node.ts";
import type { Server, Topology } from "../config/topology.ts";

const DATABASES = ["postgres", "template1"] as const;

/** To be called once, when the servers of a new cluster run for the first time. */
export async function installMetadata(topology: Topology): Promise<void> {
  await Promise.all(topology.servers.map((server) => installOn(server, topology)));
}

async function installOn(server: Server, topology: Topology): Promise<void> {
  for (const database of DATABASES) {
    const connection = await BackendConnection.connect(server, { user: topology.internalRole, database });
    const query = (sql: string): Promise<(string | null)[][]> => connection.query(sql);
    try {
      if (server.kind === "catalog") {
        await installCatalog(query);
        await recordNodes(query, topology.servers);
      } else if (server.kind === "data") {
        await installDataNode(query);
      }
    } finally {
      connection.close();
    }
  }
}
