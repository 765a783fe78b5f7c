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

/** To be called while no coordinator is committing: at start, before the first client. All servers run. */
export async function recoverPrepared(topology: Topology): Promise<Recovered> {
  const recovered = await finishPrepared(topology, topology.servers);
  const decisions = await openOn(topology, catalogOf(topology), DECISION_DATABASE);
  try {
    await decisions.query("DELETE FROM pleiad.transaction_decision");
  } finally {
    decisions.close();
  }
  return recovered;
}

/** Finishes what is prepared on some of the servers; the decisions stay on record for the others. */
export async function finishPrepared(topology: Topology, servers: Topology["servers"]): Promise<Recovered> {
  let committed = 0;
  let rolledBack = 0;
  const decisions = await openOn(topology, catalogOf(topology), DECISION_DATABASE);
  try {
    for (const server of servers) {
      const connection = await openOn(topology, server, DECISION_DATABASE);
      try {
        const rows = await connection.query(
          `SELECT gid, database FROM pg_prepared_xacts WHERE left(gid, ${NAME_PREFIX.length}) = '${NAME_PREFIX}'`,
        );
        for (const [gid, database] of rows) {
          const commit = await isDecided(decisions, gid!);
          const there =
            database === DECISION_DATABASE ? connection : await openOn(topology, server, database!);
          try {
            await finish(there, gid!, commit);
            if (commit) committed++;
            else rolledBack++;
          } finally {
            if (there !== connection) there.close();
          }
        }
      } finally {
        connection.close();
      }
    }
  } finally {
    decisions.close();
  }
  return { committed, rolledBack };
}

async function isDecided(decisions: BackendConnection, gid: string): Promise<boolean> {
  const found = await decisions.query(
    `SELECT 1 FROM pleiad.transaction_decision WHERE gid = '${gid.replaceAll("'", "''")}' AND nodes <> '{}'`,
  );
  return found.length > 0;
}

function openOn(
  { internalRole }: Topology,
  server: Topology["servers"][number],
  database: string,
): Promise<BackendConnection> {
  return BackendConnection.connect(server, { user: internalRole, database });
}

function catalogOf(topology: Topology): Topology["servers"][number] {
  return topology.servers.find((server) => server.kind === "catalog")!;
}
