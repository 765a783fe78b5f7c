/**
 * now() and its relatives have one value in a transaction. Where several nodes have a part, each would use the start of
 * its own: there the catalog node's start of the transaction is written into the text instead.
 */
import type { ReadPlan } from "../plan/plan.ts";
import { applySplices } from "../sql/splice.ts";
import type { Splice } from "../sql/statement.ts";
import type { NodeText } from "./direct.ts";
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

/** The text with the transaction's time in it, where that is needed: in a transaction, or when several nodes run it. */
export async function atTransactionTime(
  context: ExecutionContext,
  plan: Pick<ReadPlan, "transactionTimes" | "statement">,
  text: NodeText,
  severalNodes: boolean,
): Promise<NodeText> {
  if (plan.transactionTimes.length === 0 || !(severalNodes || context.transaction.active)) return text;
  const time = await transactionTime(context);
  const splices: Splice[] = [
    ...text.splices,
    ...plan.transactionTimes.map((t) => ({
      start: t.start,
      end: t.end,
      text: t.template.replaceAll("@", time),
    })),
  ];
  return { sql: applySplices(plan.statement.text, splices), key: undefined, splices };
}
