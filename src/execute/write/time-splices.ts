/** The transaction's one time in the place of now() and its relatives. */
import type { TransactionTime } from "../../plan/plan.ts";
import type { Splice } from "../../sql/statement.ts";
import type { ExecutionContext } from "../run.ts";
import { atTransactionTime } from "../transaction-time.ts";

const NOTHING = Buffer.alloc(0);

export async function transactionTimeSplices(
  context: ExecutionContext,
  times: readonly TransactionTime[],
): Promise<readonly Splice[]> {
  if (times.length === 0) return [];
  const length = Math.max(...times.map((time) => time.end));
  const text = Buffer.alloc(length, " ");
  const statement = { text, offset: 0, charactersBefore: 0, tree: {} as never, distribution: undefined };
  const timed = await atTransactionTime(
    context,
    { transactionTimes: times, statement },
    { sql: NOTHING, key: undefined, splices: [] },
    true,
  );
  return timed.splices;
}
