/** A read of a session that uses the result cache: answered from there, or run, and then kept there. */
import { AnswerCopy } from "../execute/answer-copy.ts";
import { runRead } from "../execute/run-read.ts";
import type { Outcome, Run } from "../execute/run.ts";
import type { ReadPlan } from "../plan/plan.ts";
import { isRepeatable, isRepeatableType, mayMeanDay } from "../plan/repeatable-read.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import { ANSWER_BYTES_MAX, isSameMoment, resultKey, type Moment } from "./result-cache.ts";
import type { Session } from "./session.ts";

const NOTHING = Buffer.alloc(0);

export async function runCached(
  session: Session,
  planned: PlannedStatement,
  plan: ReadPlan,
  run: Run,
): Promise<Outcome> {
  const { results } = session.host;
  const before = mayUseCache(session, planned, plan, run) ? moment(session, planned) : undefined;
  if (before === undefined) {
    results.refused++;
    return runRead(session.context, plan, run);
  }
  const preface = run.preface.left ?? NOTHING;
  const key = keyOf(session, plan, run, preface);
  const found = results.find(key, before);
  if (found === undefined) return runAndKeep(session, planned, plan, run, { key, before, preface });
  results.found++;
  const { output } = session;
  run.preface.drop();
  run.preface.sendTo(output);
  output.push(found.bytes);
  output.rowsSent += Number(found.tag.split(" ")[1]);
  // A client that does not read must not be answered without end.
  if (output.full) await output.drained();
  return { tag: found.tag };
}

async function runAndKeep(
  session: Session,
  planned: PlannedStatement,
  plan: ReadPlan,
  run: Run,
  { key, before, preface }: { key: string; before: Moment; preface: Buffer },
): Promise<Outcome> {
  const { output, host } = session;
  const copy = new AnswerCopy(ANSWER_BYTES_MAX);
  output.copyTo = copy;
  let outcome: Outcome;
  try {
    outcome = await runRead(session.context, plan, run);
  } finally {
    output.copyTo = undefined;
  }
  const bytes = copy.whole(preface);
  const after = moment(session, planned);
  if (bytes === undefined || outcome.tag === undefined || after === undefined || !isSameMoment(before, after))
    host.results.refused++;
  else host.results.keep(key, before, { bytes, tag: outcome.tag });
  return outcome;
}

function moment(session: Session, { version }: PlannedStatement): Moment | undefined {
  const now = session.host.results.moment(session.writers, version);
  return session.watch.mayHaveChanged() ? undefined : now;
}

const repeatable = new WeakMap<ReadPlan, boolean>();

function mayUseCache(session: Session, planned: PlannedStatement, plan: ReadPlan, run: Run): boolean {
  const { transaction, output, temporaries } = session;
  if (transaction.kind !== "none" || transaction.connections.temporary || temporaries.active) return false;
  if (run.rowsMax > 0 || output.divertTo !== undefined || planned.ofItsMoment === true) return false;
  let isKnown = repeatable.get(plan);
  if (isKnown === undefined) repeatable.set(plan, (isKnown = isRepeatable(plan, planned.snapshot)));
  return isKnown && run.parameterTypes.every(isRepeatableType) && !hasDays(run);
}

/** May a value say the day that it is for by today's? Binary ones cannot, and where they look so nothing is lost. */
function hasDays({ bind }: Run): boolean {
  return bind?.values.some((value) => value !== null && mayMeanDay(value.toString("latin1"))) === true;
}

/** All that an answer depends on besides the rows. */
function keyOf(session: Session, plan: ReadPlan, run: Run, preface: Buffer): string {
  const { user, database, settings } = session.transaction;
  const tables = plan.uses.map(({ relation }) => relation.oid).toSorted((a, b) => a - b);
  return resultKey(database, [
    user,
    settings.meaningKey,
    tables.join(),
    plan.statement.text,
    preface,
    run.parameterTypes.join(),
    run.bind === undefined ? "" : "bound",
    run.bind?.tail ?? NOTHING,
  ]);
}
