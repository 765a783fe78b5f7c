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
      if (attempt === ATTEMPTS_MAX || !(await mayRunAfresh(session, run, wasActive, error))) throw error;
      ({ planned, run } = await again());
    }
  }
}

/**
 * May a statement that failed be planned and run again? Only because of its plan, and if nothing of it was sent and what it has
 * done can be undone: that is then done. `wasActive`: it ran in a transaction that was there before.
 */
export async function mayRunAfresh(
  session: Session,
  run: Run,
  wasActive: boolean,
  error: unknown,
): Promise<boolean> {
  if (!(error instanceof StalePlan) || run.preface.sent) return false;
  const { transaction } = session;
  if (wasActive) return !error.hasWritten && !transaction.isAborted;
  if (transaction.active) await session.rollback();
  return true;
}
