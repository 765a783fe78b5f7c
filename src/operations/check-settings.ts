/** Settings that Pleiad cannot do without, as the servers have them: pleiad.yaml and ALTER SYSTEM may both say otherwise. */
import { BackendConnection } from "../backend/backend-connection.ts";
import type { Topology } from "../config/topology.ts";
import { OperationError } from "./operation-error.ts";

/** Throws when transactions over several servers would not be possible. */
export async function checkSettings(topology: Topology): Promise<void> {
  await Promise.all(
    topology.servers.map(async (server) => {
      const connection = await BackendConnection.connect(server, {
        user: topology.internalRole,
        database: "postgres",
      });
      try {
        const [row] = await connection.query("SHOW max_prepared_transactions");
        if (row?.[0] !== "0") return;
        throw new OperationError(
          `max_prepared_transactions is 0 on server ${server.name}: transactions that write on several servers would not be possible`,
          "Take it out of server.settings (or ALTER SYSTEM RESET it on that server): Pleiad sets it to max_connections.",
        );
      } finally {
        connection.close();
      }
    }),
  );
}
