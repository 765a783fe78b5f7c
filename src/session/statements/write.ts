/** INSERT, UPDATE, DELETE, MERGE: an acknowledgement is sent when the commit is done, not before. */
import { nodeOfWith, runWrite } from "../../execute/write/run-write.ts";
import { Preface, type Outcome, type Run } from "../../execute/run.ts";
import { NoticesOutput } from "../../execute/write/discarded-output.ts";
import { rowsOfTag } from "../../execute/write/share.ts";
import type { WritePlan } from "../../plan/write-plan.ts";
import { commandComplete } from "../../protocol/backend-messages.ts";
import { quoteQualified } from "../../sql/quote.ts";
import { parseStatements } from "../../sql/parse.ts";
import { planStatement } from "../plan-statement.ts";
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

/**
 * Fills a table of the session's transaction from a query, for CREATE TABLE AS; gives the number of rows. `source` is the
 * query's text, `run` its parameters.
 */
export async function insertSelect(
  session: Session,
  target: { readonly schema: string; readonly name: string },
  source: Buffer,
  run: Run,
): Promise<number> {
  const text = `INSERT INTO ${quoteQualified(target.schema, target.name)} ${source.toString()}`;
  const [statement] = parseStatements(text);
  const { plan } = await planStatement(session, statement!, run.parameterTypes, false);
  if (plan?.kind !== "write") throw new Error("an INSERT was not planned as one");
  const inner: Run = {
    ...run,
    fields: undefined,
    describe: false,
    preface: new Preface(undefined),
    rowsMax: 0,
    portal: undefined,
  };
  if (!session.transaction.active) throw new Error("CREATE TABLE AS runs in a transaction");
  const { tag } = await runWrite(
    { ...session.context, output: new NoticesOutput(session.output) },
    plan,
    inner,
  );
  return rowsOfTag(tag);
}
