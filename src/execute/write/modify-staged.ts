/**
 * UPDATE, DELETE and MERGE whose rows are changed by what other nodes hold, or come to lie elsewhere: the target's rows are
 * locked and brought to a workplace with the other tables, the client's text runs there as on one PostgreSQL, and what it
 * changed is done to the rows on their nodes, in the same transaction.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import type { Column } from "../../catalog/snapshot.ts";
import { PgError, statementCancelled } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ModifyPlan, StagedModify } from "../../plan/write-plan.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import type { Splice } from "../../sql/statement.ts";
import type { Lease } from "../../transaction/lease.ts";
import { AnswerScope } from "../answer.ts";
import { closeWorkplace, openWorkplace } from "../general.ts";
import { splicedText } from "../node-text.ts";
import type { ExecutionContext, Run } from "../run.ts";
import { sendText } from "../send-text.ts";
import { withTransactionTime } from "../transaction-time.ts";
import { applyChanges } from "./apply-changes.ts";
import { drawDefaults } from "./draw-defaults.ts";
import { noteLost } from "./last-values.ts";
import { lockReplicas } from "./replica-lock.ts";
import { buildStandIn, rowIdentity, type StandIn } from "./stand-in.ts";

/** Gives the command tag, in a transaction that the caller ends. */
export async function modifyStaged(context: ExecutionContext, plan: ModifyPlan, run: Run): Promise<string> {
  const { staged, target } = plan;
  if (staged instanceof PgError) throw staged;
  const identity = rowIdentity(target);
  if (identity === undefined) throw refusal("replicated-without-key", `Table "${target.name}".`);
  if (target.distribution!.kind === "replicated") await lockReplicas(context, target);
  const drawn = await drawTimes(context, plan);
  let standIn: StandIn | undefined;
  const workplace = await openWorkplace(context, staged.general, run, {
    build: async (connection) => {
      if (plan.command === "MERGE") await requireMergeOfViews(connection);
      standIn = await buildStandIn(context, connection, plan, staged, identity, drawn, run);
    },
  });
  try {
    if (plan.defaults.some(({ kind }) => kind === "catalog")) noteLost(context.transaction);
    const tag = await runThere(context, plan, staged, workplace, run);
    if (context.cancelled) throw statementCancelled();
    await applyChanges(context, plan, standIn!, workplace.connection);
    return tag;
  } finally {
    await closeWorkplace(workplace);
  }
}

/** First version whose MERGE takes a view, such as the one that stands in for the table. */
const MERGE_OF_VIEWS = 170_000;

async function requireMergeOfViews(connection: BackendConnection): Promise<void> {
  const [row] = await connection.query("SHOW server_version_num");
  if (Number(row![0]) < MERGE_OF_VIEWS) throw refusal("merge-staged");
}

/** Defaults that are the transaction's time have one value. */
async function drawTimes(context: ExecutionContext, plan: ModifyPlan): Promise<ReadonlyMap<Column, string>> {
  const columns = plan.defaults.filter((d) => d.kind === "time").map((d) => d.column);
  if (columns.length === 0) return new Map();
  const values = await drawDefaults(context, columns, 1);
  return new Map(columns.map((column) => [column, values.get(column)![0]!]));
}

async function runThere(
  context: ExecutionContext,
  plan: ModifyPlan,
  staged: StagedModify,
  workplace: Lease,
  run: Run,
): Promise<string> {
  const { name, statement, reads } = plan;
  const alias =
    name.alias === undefined
      ? []
      : [{ start: name.aliasAt, end: name.aliasAt, text: ` AS ${quoteIdentifier(name.alias)}` }];
  const splices: Splice[] = [
    ...staged.splices,
    { start: name.start, end: name.end, text: quoteQualified("pg_temp", staged.table.temporaryName) },
    ...alias,
  ];
  const timed = await withTransactionTime(context, splices, reads.transactionTimes);
  const scope = new AnswerScope(context.output, run.preface, false);
  const answer = await sendText(context, workplace, splicedText(statement, timed), run, scope);
  run.preface.sendTo(context.output);
  return answer.tag!;
}
