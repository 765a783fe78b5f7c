/** INSERT, UPDATE, DELETE, MERGE: an acknowledgement is sent when the commit is done, not before. */
import { nodeOfWith, runWrite } from "../../execute/write/run-write.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import type { WritePlan } from "../../plan/write-plan.ts";
import { commandComplete } from "../../protocol/backend-messages.ts";
import type { Session } from "../session.ts";
import { runWritingWith } from "./writing-with.ts";

export async function runWriting(session: Session, plan: WritePlan, run: Run): Promise<Outcome> {
  if (plan.command === "WITH" && nodeOfWith(session.context, plan, run) === undefined)
    return runWritingWith(session, plan, run);
  const { tag, unsent, opened } = await runWrite(session.context, plan, run);
  if (opened) await session.commit();
  if (unsent) session.output.push(commandComplete(tag!));
  return { tag };
}
