/** INSERT, UPDATE, DELETE, MERGE: an acknowledgement is sent when the commit is done, not before. */
import { nodeOfWith, runWrite } from "../../execute/write/run-write.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import { requireSameDefinitions, StalePlan } from "../../execute/stale-plan.ts";
import type { WritePlan } from "../../plan/write-plan.ts";
import { commandComplete } from "../../protocol/backend-messages.ts";
import type { Session } from "../session.ts";
import { runWritingWith } from "./writing-with.ts";

export async function runWriting(session: Session, plan: WritePlan, run: Run): Promise<Outcome> {
  // A statement that stands alone is committed before its answer could tell: what has changed by now must not be sent.
  await requireSameDefinitions(session.context.definitions);
  try {
    return await write(session, plan, run);
  } catch (error) {
    if (error instanceof StalePlan) error.hasWritten = true;
    throw error;
  }
}

async function write(session: Session, plan: WritePlan, run: Run): Promise<Outcome> {
  const { context, transaction } = session;
  if (plan.command === "WITH" && nodeOfWith(context, plan, run) === undefined)
    return runWritingWith(session, plan, run);
  const { tag, unsent, opened } = await runWrite(context, plan, run);
  if (transaction.active) await requireSameDefinitions(context.definitions);
  if (opened) await session.commit();
  if (unsent) session.output.push(commandComplete(tag!));
  return { tag };
}
