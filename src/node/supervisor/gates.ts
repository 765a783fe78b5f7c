/** At a coordinator's start: every server has the gate (a compute node may be new), and the coordinator knows its secret. */
import { BackendConnection } from "../../backend/backend-connection.ts";
import { installAdminFunctions } from "../../catalog/install-admin-functions.ts";
import { installGate, readGateSecret } from "../../catalog/install-gate.ts";
import type { Server, Topology } from "../../config/topology.ts";

export async function openGates(topology: Topology): Promise<ReadonlyMap<string, string>> {
  const secrets = await Promise.all(
    topology.servers.map(
      async (server) => [server.name, await openGate(server, topology.internalRole)] as const,
    ),
  );
  return new Map(secrets);
}

async function openGate(server: Server, user: string): Promise<string> {
  const connection = await BackendConnection.connect(server, { user, database: "postgres" });
  try {
    const query = (sql: string) => connection.query(sql);
    const known = await readGateSecret(query);
    if (known !== undefined) return known;
    // template1 first: where "postgres" has the gate, all databases that are made later have it too.
    const template = await BackendConnection.connect(server, { user, database: "template1" });
    let secret: string;
    try {
      const inTemplate = (sql: string) => template.query(sql);
      if (server.kind === "catalog") await installAdminFunctions(inTemplate);
      secret = await installGate(inTemplate);
    } finally {
      template.close();
    }
    if (server.kind === "catalog") await installAdminFunctions(query);
    return await installGate(query, secret);
  } finally {
    connection.close();
  }
}
