/** Runs a statement; when its plan turns out to be of yesterday, plans it again, as often as definitions change under it. */
import { StalePlan } from "../execute/stale-plan.ts";
import type { Outcome, Run } from "../execute/run.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import { runStatement } from "./run-statement.ts";
import type { Session } from "./session.ts";

const ATTEMPTS_MAX = 10;

/** A planned statement and one execution of it. */
export interface Planned {
  readonly planned: PlannedStatement;
  readonly run: Run;
}

export async function runAfresh(
  session: Session,
  first: Planned,
  again: () => Promise<Planned>,
): Promise<Outcome> {
  let { planned, run } = first;
  const { transaction } = session;
  for (let attempt = 1; ; attempt++) {
    const wasActive = transaction.active;
    try {
      return await runStatement(session, planned, run);
    } catch (error) {
      if (!(error instanceof StalePlan) || run.preface.sent || attempt === ATTEMPTS_MAX) throw error;
      if (wasActive && (error.hasWritten || transaction.isAborted)) throw error;
      if (!wasActive && transaction.active) await session.rollback();
      ({ planned, run } = await again());
    }
  }
}
