/**
 * now() and its relatives have one value in a transaction. Where several nodes have a part, each would use the start of
 * its own: there the catalog node's start of the transaction is written into the text instead.
 */
import { refusal } from "../errors/refusal.ts";
import type { ReadPlan, TransactionTime } from "../plan/plan.ts";
import type { Splice } from "../sql/statement.ts";
import { splicedText, type NodeText } from "./node-text.ts";
import type { ExecutionContext } from "./run.ts";

const TIME_SQL =
  "SELECT '''' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00''::pg_catalog.timestamptz'";

/** The transaction's time as an SQL literal of type timestamptz. */
async function transactionTime(context: ExecutionContext): Promise<string> {
  const { transaction } = context;
  const lease = await (transaction.active
    ? transaction.lease("catalog", false)
    : transaction.leaseApart("catalog"));
  try {
    const [row] = await lease.connection.query(TIME_SQL);
    return row![0]!;
  } finally {
    lease.release();
  }
}

/** Throws where a function would tell the time of another transaction than the client's. */
export function refuseHiddenTimes(
  { transaction }: ExecutionContext,
  { hiddenTimes }: Pick<ReadPlan, "hiddenTimes">,
): void {
  if (hiddenTimes && transaction.active) throw refusal("time-in-function");
}

function asksTime({ atTime }: Splice): boolean {
  return atTime !== undefined;
}

/** The splices, and the transaction's time in the places that they leave. */
export async function withTransactionTime(
  context: ExecutionContext,
  splices: readonly Splice[],
  times: readonly TransactionTime[],
): Promise<readonly Splice[]> {
  const left = times.filter((t) => !splices.some((s) => s.start <= t.start && t.end <= s.end));
  if (left.length === 0 && !splices.some(asksTime)) return splices;
  const time = await transactionTime(context);
  return [
    ...splices.map((splice) =>
      splice.atTime === undefined ? splice : { ...splice, text: splice.atTime.replaceAll("\0", () => time) },
    ),
    ...left.map(({ start, end, template }) => ({ start, end, text: template.replaceAll("@", time) })),
  ];
}

/** The text with the transaction's time in it, where that is needed: in a transaction, or when several nodes run it. */
export async function atTransactionTime(
  context: ExecutionContext,
  times: readonly TransactionTime[],
  text: NodeText,
  severalNodes: boolean,
): Promise<NodeText> {
  if (!(severalNodes || context.transaction.active)) return text;
  if (times.length === 0 && !text.splices.some(asksTime)) return text;
  const splices = await withTransactionTime(context, text.splices, times);
  return splices === text.splices ? text : splicedText(text.statement, splices);
}
