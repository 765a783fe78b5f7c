/** How a transaction ends on the nodes that take part in it: COMMIT, in two phases where several have written, or ROLLBACK. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { PgError, pgError } from "../errors/pg-error.ts";
import { Status } from "../protocol/message-types.ts";
import { lostNode, type Participant } from "./participant.ts";
import { commitInTwoPhases, type CommitLog } from "./two-phase-commit.ts";

/** What a transaction has touched of the catalog node. */
export interface CatalogPart {
  /** Temporary objects: PostgreSQL prepares no transaction that has. */
  readonly temporary: boolean;
  readonly definitions: boolean;
}

/** Throws when nothing was committed (all nodes are rolled back then), or 08007 when that is not known. */
export async function commitOnNodes(
  log: CommitLog,
  participants: ReadonlyMap<string, Participant>,
  catalog: CatalogPart,
): Promise<void> {
  try {
    await commitAll(log, [...participants], catalog);
  } catch (error) {
    await rollbackOnNodes(participants.values());
    throw error;
  }
}

async function commitAll(
  log: CommitLog,
  participants: readonly (readonly [string, Participant])[],
  catalog: CatalogPart,
): Promise<void> {
  // A catalog node's part that is about temporary objects (and numbers of sequences, which no rollback takes back) commits by itself.
  const byItself = catalog.temporary && !catalog.definitions ? "catalog" : undefined;
  const writers = participants.filter(([node, p]) => p.wrote && node !== byItself);
  for (const [node, p] of participants)
    if (p.connection.closed && (p.wrote || writers.length === 0)) throw lostNode(node);
  // What only its COMMIT would find wrong is found before the others are committed.
  if (writers.length > 0 && catalog.temporary) {
    const own = participants.find(([node]) => node === "catalog");
    await own?.[1].connection.query("SET CONSTRAINTS ALL IMMEDIATE");
  }
  if (writers.length > 1)
    await commitInTwoPhases(
      log,
      writers.map(([node, p]) => ({ node, connection: p.connection })),
    );
  else for (const [, p] of writers) await commitAlone(p.connection);
  // Nodes that were only read from have nothing to lose; deferred constraints have nothing to check there.
  const others = await Promise.allSettled(
    participants
      .filter((one) => !writers.includes(one) && !one[1].connection.closed)
      .map(([, p]) => p.connection.query("COMMIT")),
  );
  const failed = others.find((result) => result.status === "rejected");
  if (failed !== undefined && writers.length === 0) throw failed.reason;
}

/** COMMIT of a single writer: when its answer is lost, nobody knows. */
async function commitAlone(connection: BackendConnection): Promise<void> {
  try {
    await connection.query("COMMIT");
  } catch (error) {
    if (error instanceof PgError && !connection.closed) throw error;
    throw pgError(
      "08007",
      `the connection to node "${connection.server.name}" was lost during COMMIT: its outcome is not known`,
      {
        hint: "Check whether the changes are there before running the transaction again.",
      },
    );
  }
}

/** Never throws: a connection that cannot roll back is dropped, and its server rolls back. */
export async function rollbackOnNodes(participants: Iterable<Participant>): Promise<void> {
  await Promise.all(
    [...participants].map(async ({ connection }) => {
      if (connection.closed || connection.status === Status.idle) return;
      try {
        await connection.query("ROLLBACK");
      } catch {
        connection.destroy("rollback failed");
      }
    }),
  );
}
