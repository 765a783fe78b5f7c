/** Runs a statement that reads no user table on the catalog node, as the client wrote it; its answer needs no change. */
import { commandComplete } from "../protocol/backend-messages.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import { AnswerScope } from "./answer.ts";
import { runOnNode } from "./direct.ts";
import { textAsWritten } from "./node-text.ts";
import { sendText } from "./send-text.ts";
import { preludeDone, type Lease } from "../transaction/lease.ts";
import type { ExecutionContext, Outcome, Run } from "./run.ts";

export async function runOnCatalog(
  context: ExecutionContext,
  statement: ParsedStatement,
  writes: boolean,
  run: Run,
): Promise<Outcome> {
  if (run.bind !== undefined || !run.preface.isEmpty)
    return runOnNode(context, "catalog", writes, textAsWritten(statement), run);
  const lease = await context.transaction.lease("catalog", writes);
  try {
    return await runOnLease(context, lease, statement, run);
  } finally {
    lease.release();
  }
}

/** The same on a connection to the catalog node that the caller holds. */
export async function runOnLease(
  context: ExecutionContext,
  lease: Lease,
  statement: ParsedStatement,
  run: Run,
): Promise<Outcome> {
  await preludeDone(lease);
  // Simple protocol without a description: the catalog node's own RowDescription is the client's.
  const describes = run.bind === undefined && run.preface.isEmpty;
  const scope = new AnswerScope(context.output, run.preface, true, describes);
  const answer = await sendText(context, lease, textAsWritten(statement), run, scope);
  return { tag: answer.tag };
}

/** Runs a command of Pleiad's handling on the catalog node and answers with the given tag. */
export function complete(context: ExecutionContext, run: Run, tag: string): Outcome {
  run.preface.sendTo(context.output);
  context.output.push(commandComplete(tag));
  return { tag };
}
