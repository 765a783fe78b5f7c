/** One node's share of a statement that writes: sent once, never again, whatever happens (row T12 of the failure modes). */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { pgError, statementCancelled, type PgError } from "../../errors/pg-error.ts";
import { preludeDone, type Lease } from "../../transaction/lease.ts";
import { AnswerScope } from "../answer.ts";
import { atOnce } from "../at-once.ts";
import type { NodeText } from "../node-text.ts";
import { Preface, type ExecutionContext, type Run } from "../run.ts";
import { sendText } from "../send-text.ts";
import { DiscardedOutput } from "./discarded-output.ts";

export interface Share {
  readonly node: string;
  readonly text: NodeText;
}

/** Runs a share in the transaction and passes its rows on; gives the number of rows in its tag. */
async function runShare(
  context: ExecutionContext,
  { node, text }: Share,
  run: Run,
  scope: AnswerScope,
): Promise<number> {
  const lease = await openLease(context, node);
  try {
    return rowsOfTag((await sendText(context, lease, text, run, scope)).tag);
  } finally {
    lease.release();
  }
}

/** A connection to a node in the transaction, ready for a statement that writes. */
export async function openLease(context: ExecutionContext, node: string): Promise<Lease> {
  if (context.cancelled) throw statementCancelled();
  const lease = await context.transaction.lease(node, true);
  try {
    await preludeDone(lease);
  } catch (error) {
    lease.release();
    throw error;
  }
  return lease;
}

/** UPDATE 5, INSERT 0 5. */
export function rowsOfTag(tag: string | undefined): number {
  return Number(tag?.split(" ").at(-1) ?? 0) || 0;
}

/** Shares of different rows, all at once; when one fails the others are not waited for longer than it takes to cancel them. */
export async function runAtOnce(
  context: ExecutionContext,
  shares: readonly Share[],
  run: Run,
): Promise<number> {
  const scope = new AnswerScope(context.output, run.preface, false);
  // Connections in order of name, so that two statements never wait for each other's.
  const parts: { readonly connection: BackendConnection; readonly share: Share }[] = [];
  for (const share of shares.toSorted((a, b) => (a.node < b.node ? -1 : 1)))
    parts.push({ connection: (await openLease(context, share.node)).connection, share });
  const rows = await atOnce(context, parts, ({ share }) => runShare(context, share, run, scope));
  scope.begin();
  return rows.reduce((sum, some) => sum + some, 0);
}

/**
 * One node after the other, in order of name: two statements that lock rows on several nodes meet on the first of them, and
 * do not wait for each other crosswise, where no server would see the deadlock.
 */
export async function runInTurn(
  context: ExecutionContext,
  shares: readonly Share[],
  run: Run,
): Promise<number> {
  const scope = new AnswerScope(context.output, run.preface, false);
  let rows = 0;
  for (const share of shares.toSorted((a, b) => (a.node < b.node ? -1 : 1)))
    rows += await runShare(context, share, run, scope);
  scope.begin();
  return rows;
}

/** The same on every copy of a replicated table: the first one's answer is the client's. */
export async function runOnCopies(
  context: ExecutionContext,
  shares: readonly Share[],
  run: Run,
): Promise<number> {
  const [first, ...others] = shares;
  const scope = new AnswerScope(context.output, run.preface, false);
  const rows = await runShare(context, first!, run, scope);
  scope.begin();
  const silent = new AnswerScope(new DiscardedOutput(), new Preface(undefined), false);
  for (const share of others) {
    const copied = await runShare(context, share, run, silent);
    if (copied !== rows) throw copiesDiffer();
  }
  return rows;
}

/** Only a transaction with a snapshot of its own on each node (REPEATABLE READ) can find them different. */
export function copiesDiffer(): PgError {
  return pgError(
    "40001",
    "could not serialize access: the copies of a replicated table were seen at different moments",
    {
      hint: "Run the transaction again.",
    },
  );
}
