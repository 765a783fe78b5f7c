/** DO and CALL: PostgreSQL runs the body, on the catalog node or over tables that were brought to a workplace (plan/plan-block.ts), or its statements run one by one (script.ts). */
import type { CallStmt, DoStmt } from "@pgsql/types";
import { PgError } from "../../errors/pg-error.ts";
import { refuseHiddenTimes } from "../../execute/transaction-time.ts";
import { requireReadable } from "../../execute/check-privileges.ts";
import { closeWorkplace, openWorkplace, runOnWorkplace } from "../../execute/general.ts";
import { textAsWritten } from "../../execute/node-text.ts";
import { runOnCatalog } from "../../execute/run-on-catalog.ts";
import { Preface, type Outcome, type Run } from "../../execute/run.ts";
import { readScript } from "../../plan/do-script.ts";
import { bodyOf, planCall, planDo, type BlockPlan } from "../../plan/plan-block.ts";
import { rowDescription } from "../../protocol/backend-messages.ts";
import { describeText } from "../describe-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { listenOn } from "./notify.ts";
import { runScript } from "./script.ts";
import { followingSettings } from "./set-config.ts";

export async function runDo(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { DoStmt } = planned.statement.tree as { DoStmt: DoStmt };
  const body = bodyOf(DoStmt);
  const context = await session.view.planContext([]);
  let plan: BlockPlan;
  try {
    plan = planDo(body, context);
  } catch (error) {
    // What one server cannot run as a whole may be run statement by statement.
    const script = error instanceof PgError && error.code === "0A000" ? readScript(body) : undefined;
    if (script === undefined) throw error;
    return runScript(session, script, run);
  }
  return runBlock(session, planned, plan, run);
}

/** A procedure with output parameters returns a row. */
export async function runCall(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { CallStmt } = planned.statement.tree as { CallStmt: CallStmt };
  const description =
    planned.description ?? (await describeText(session.transaction, planned.statement.text, []));
  const plan = planCall(CallStmt, await session.view.planContext(description.parameterTypes));
  if (run.bind !== undefined || description.fields === undefined)
    return runBlock(session, planned, plan, run);
  const preface = new Preface(rowDescription(description.fields, []));
  return runBlock(session, planned, plan, { ...run, preface });
}

async function runBlock(
  session: Session,
  { statement }: PlannedStatement,
  { functions, workplace }: BlockPlan,
  run: Run,
): Promise<Outcome> {
  const { context, transaction } = session;
  if (workplace === undefined) {
    const writes = functions.writesCatalogs;
    // The last values of sequences are the session's.
    if (writes) listenOn(session, await transaction.pin("catalog"));
    return followingSettings(session, functions.settingCalls, run, () =>
      runOnCatalog(context, statement, writes, run),
    );
  }
  refuseHiddenTimes(context, { hiddenTimes: functions.asksTime });
  const asked = await transaction.leaseToAsk();
  try {
    await requireReadable(asked.connection, [...functions.reads]);
  } finally {
    asked.release();
  }
  const lease = await openWorkplace(context, workplace, run);
  try {
    const { tag } = await runOnWorkplace(context, lease, textAsWritten(statement), run);
    return { tag };
  } finally {
    await closeWorkplace(lease);
  }
}
