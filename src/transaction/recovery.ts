/**
 * What a crash left prepared is found and finished before clients are served: committed where a decision is on record,
 * rolled back where none is. A prepared transaction belongs to one database, so every database is looked at (row T3).
 */
import { BackendConnection } from "../backend/backend-connection.ts";
import type { Topology } from "../config/topology.ts";
import { DECISION_DATABASE, finish, NAME_PREFIX } from "./commit-log.ts";

export interface Recovered {
  readonly committed: number;
  readonly rolledBack: number;
}

/** To be called while no coordinator is committing: at start, before the first client. */
export async function recoverPrepared(topology: Topology): Promise<Recovered> {
  const user = topology.internalRole;
  const open = (server: Topology["servers"][number], database: string): Promise<BackendConnection> =>
    BackendConnection.connect(server, { user, database });
  const catalog = topology.servers.find((server) => server.kind === "catalog")!;
  let committed = 0;
  let rolledBack = 0;
  const decisions = await open(catalog, DECISION_DATABASE);
  try {
    for (const server of topology.servers) {
      const connection = await open(server, DECISION_DATABASE);
      try {
        const rows = await connection.query(
          `SELECT gid, database FROM pg_prepared_xacts WHERE left(gid, ${NAME_PREFIX.length}) = '${NAME_PREFIX}'`,
        );
        for (const [gid, database] of rows) {
          const found = await decisions.query(
            `SELECT 1 FROM pleiad.transaction_decision WHERE gid = '${gid!.replaceAll("'", "''")}'`,
          );
          const there = database === DECISION_DATABASE ? connection : await open(server, database!);
          try {
            await finish(there, gid!, found.length > 0);
            if (found.length > 0) committed++;
            else rolledBack++;
          } finally {
            if (there !== connection) there.close();
          }
        }
      } finally {
        connection.close();
      }
    }
    await decisions.query("DELETE FROM pleiad.transaction_decision");
  } finally {
    decisions.close();
  }
  return { committed, rolledBack };
}
