/** Runs a statement that reads no user table on the catalog node, as the client wrote it; its answer needs no change. */
import { commandComplete } from "../protocol/backend-messages.ts";
import { query } from "../protocol/frontend-messages.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import { Answer, AnswerScope } from "./answer.ts";
import { clientError } from "./client-error.ts";
import { runOnNode } from "./direct.ts";
import { preparedRequest } from "./prepared-request.ts";
import { preludeDone, type Lease } from "../transaction/lease.ts";
import type { ExecutionContext, Outcome, Run } from "./run.ts";

export async function runOnCatalog(
  context: ExecutionContext,
  statement: ParsedStatement,
  writes: boolean,
  run: Run,
): Promise<Outcome> {
  const text = { sql: statement.text, key: undefined, splices: [] };
  if (run.bind !== undefined || !run.preface.isEmpty)
    return runOnNode(context, "catalog", writes, statement, text, run);
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
  const answer = new Answer(
    lease.connection,
    context.output,
    new AnswerScope(context.output, run.preface, true, describes),
  );
  lease.connection.send(
    run.bind === undefined
      ? query(statement.text)
      : preparedRequest(
          lease.connection,
          undefined,
          statement.text,
          run.parameterTypes,
          run.bind.tail,
          "",
          0,
        ),
    answer,
  );
  context.running.add(lease.connection);
  await answer.done;
  context.running.delete(lease.connection);
  if (answer.error !== undefined) {
    if (run.bind !== undefined && !answer.bound) run.preface.drop();
    throw clientError(answer.error, statement, []);
  }
  return { tag: answer.tag };
}

/** Runs a command of Pleiad's handling on the catalog node and answers with the given tag. */
export function complete(context: ExecutionContext, run: Run, tag: string): Outcome {
  run.preface.sendTo(context.output);
  context.output.push(commandComplete(tag));
  return { tag };
}
