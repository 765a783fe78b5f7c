/**
 * LISTEN, NOTIFY and UNLISTEN: PostgreSQL's own, between connections to the catalog node. Who listens has a connection of
 * its own there, and what arrives on it goes to the client at once.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { complete, runOnLease } from "../../execute/run-on-catalog.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";

/** Passes notifications on. Clients must take them at any time; the server sends them between transactions only. */
export function listenOn(session: Session, connection: BackendConnection): void {
  connection.onNotification = (frame) => {
    session.output.push(frame);
    session.output.flush();
  };
}

export async function runListen(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  listenOn(session, await session.transaction.pin("catalog"));
  return onCatalog(session, planned, run);
}

export function runNotify(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  return onCatalog(session, planned, run);
}

export async function runUnlisten(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  if (session.transaction.connections.pinnedTo("catalog") === undefined)
    return complete(session.context, run, "UNLISTEN");
  return onCatalog(session, planned, run);
}

/**
 * Not as a statement that writes: it takes effect with the catalog node's COMMIT, which follows those of the nodes that
 * wrote; PREPARE TRANSACTION would refuse it.
 */
async function onCatalog(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const lease = await session.transaction.lease("catalog", false);
  try {
    return await runOnLease(session.context, lease, planned.statement, run);
  } finally {
    lease.release();
  }
}
