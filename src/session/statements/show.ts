/** SHOW: answered by the catalog node under the session's settings. */
import { runOnCatalog } from "../../execute/run-on-catalog.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";

export function runShow(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  return runOnCatalog(session.context, planned.statement, false, run);
}
