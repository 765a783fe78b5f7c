/** DISCARD ALL and its parts. */
import { pgError } from "../../errors/pg-error.ts";
import { complete } from "../../execute/run-on-catalog.ts";
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
  if (target === "DISCARD_ALL") {
    if (session.transaction.kind !== "none")
      throw pgError("25001", "DISCARD ALL cannot run inside a transaction block");
    session.prepared.clear();
    session.transaction.changeSettings(session.startupSettings, false);
    await session.reported.sendChanged();
  }
  return complete(session.context, run, TAGS[target]!);
}
