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

/** Never throws but by its promise. */
export function runAfresh(session: Session, first: Planned, again: () => Promise<Planned>): Promise<Outcome> {
  const wasActive = session.transaction.active;
  let running: Promise<Outcome>;
  try {
    running = runStatement(session, first.planned, first.run);
  } catch (error) {
    running = Promise.reject(error as Error);
  }
  return running.catch((error: unknown) => runAgain(session, first.run, wasActive, error, again));
}

async function runAgain(
  session: Session,
  failed: Run,
  wasActive: boolean,
  error: unknown,
  again: () => Promise<Planned>,
): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    if (attempt === ATTEMPTS_MAX || !(await mayRunAfresh(session, failed, wasActive, error))) throw error;
    const { planned, run } = await again();
    wasActive = session.transaction.active;
    try {
      return await runStatement(session, planned, run);
    } catch (thrown) {
      error = thrown;
      failed = run;
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
