/** DISCARD ALL and its parts. */
import { pgError } from "../../errors/pg-error.ts";
import { complete } from "../../execute/run-on-catalog.ts";
import { forgetLastValues } from "../../execute/write/last-values.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";

const TAGS: Readonly<Record<string, string>> = {
  DISCARD_ALL: "DISCARD ALL",
  DISCARD_PLANS: "DISCARD PLANS",
  DISCARD_SEQUENCES: "DISCARD SEQUENCES",
  DISCARD_TEMP: "DISCARD TEMP",
};

export async function runDiscard(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { target } = (planned.statement.tree as { DiscardStmt: { target: string } }).DiscardStmt;
  if (target === "DISCARD_ALL" || target === "DISCARD_TEMP") session.refusedTemporaries.clear();
  if (target === "DISCARD_ALL") {
    if (session.transaction.kind === "explicit" || session.transaction.nodes.length > 0)
      throw pgError("25001", "DISCARD ALL cannot run inside a transaction block");
    session.prepared.clear();
    for (const cursor of session.cursors.all()) await session.cursors.close(cursor);
    // Advisory locks and LISTEN end with the connection that holds them; others may wait for the locks at once.
    await session.transaction.connections
      .pinnedTo("catalog")
      ?.query("SELECT pg_catalog.pg_advisory_unlock_all()");
    session.transaction.connections.unpin();
    session.temporaries.forget();
    const { transaction, startupSettings } = session;
    transaction.changeSettings(startupSettings.keepingCustomOf(transaction.settings), false);
    await session.reported.sendChanged();
  }
  if (target === "DISCARD_TEMP" && session.transaction.connections.temporary) {
    const lease = await session.transaction.lease("catalog", true);
    try {
      await lease.connection.query("DISCARD TEMP");
    } finally {
      lease.release();
      session.temporaries.noteChange();
    }
  }
  if (target === "DISCARD_SEQUENCES" || target === "DISCARD_ALL") forgetLastValues(session.transaction);
  if (target === "DISCARD_SEQUENCES")
    await session.transaction.connections.pinnedTo("catalog")?.query("DISCARD SEQUENCES");
  return complete(session.context, run, TAGS[target]!);
}
