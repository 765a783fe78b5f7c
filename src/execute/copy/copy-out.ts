/**
 * COPY … TO STDOUT: of a table from all nodes that hold its rows at once; of a query by the levels of any other query, with
 * the client's COPY around the text that runs there.
 */
import { nodesOf } from "../../catalog/placement.ts";
import type { Column, Relation } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ReadPlan } from "../../plan/plan.ts";
import { query } from "../../protocol/frontend-messages.ts";
import { quoteIdentifier } from "../../sql/quote.ts";
import { applySplices, shiftSplices } from "../../sql/splice.ts";
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import type { Lease } from "../../transaction/lease.ts";
import { atOnce } from "../at-once.ts";
import { checkPrivileges } from "../check-privileges.ts";
import { clientError } from "../client-error.ts";
import { closeWorkplace, openWorkplace } from "../general.ts";
import { locate, onlyNode } from "../locate.ts";
import { splicedText, textForShard } from "../node-text.ts";
import { whileRunning, type ExecutionContext, type Outcome, type Run } from "../run.ts";
import { binaryIsPortable } from "../ship-table.ts";
import { atTransactionTime, refuseHiddenTimes } from "../transaction-time.ts";
import { WatchedReceiver } from "../watched-receiver.ts";
import { CopyOutAnswer, CopyOutScope } from "./copy-answer.ts";
import { readCopyFormat } from "./copy-format.ts";
import { tableRange, type CopyStatement } from "./statement-parts.ts";

/** One server's COPY TO, or several servers' as one. */
export async function copyOut(
  context: ExecutionContext,
  leases: readonly Lease[],
  statement: ParsedStatement,
  splices: readonly Splice[],
  run: Run,
): Promise<Outcome> {
  const { options } = (statement.tree as { CopyStmt: CopyStatement }).CopyStmt;
  const format = readCopyFormat(options);
  const scope = new CopyOutScope(context.output, run.preface, format.format === "binary", format.header);
  const sql = applySplices(statement.text, splices);
  try {
    await atOnce(context, leases, async (lease) => {
      const answer = new CopyOutAnswer(lease.connection, scope);
      lease.connection.send(query(sql), new WatchedReceiver(answer, context.definitions, lease.connection));
      await whileRunning(context, lease.connection, answer.done);
      const error = lease.preludeError ?? answer.error;
      if (error !== undefined) throw error;
    });
  } catch (error) {
    throw error instanceof PgError ? clientError(error, statement, splices) : error;
  }
  return { tag: scope.end() };
}

async function copyOutOnNodes(
  context: ExecutionContext,
  nodes: readonly string[],
  writes: boolean,
  statement: ParsedStatement,
  splices: readonly Splice[],
  run: Run,
): Promise<Outcome> {
  const leases: Lease[] = [];
  try {
    // In order of name, so that two statements never wait for each other's connections.
    for (const node of nodes.toSorted()) leases.push(await context.transaction.lease(node, writes));
    return await copyOut(context, leases, statement, splices, run);
  } finally {
    for (const lease of leases) lease.release();
  }
}

/** What the catalog node answers: its own tables, and errors over names that no table has. */
export function copyOutOnCatalog(
  context: ExecutionContext,
  statement: ParsedStatement,
  writes: boolean,
  run: Run,
): Promise<Outcome> {
  return copyOutOnNodes(context, ["catalog"], writes, statement, [], run);
}

/** `columns`: those that the statement names, or all that are not generated. */
export function copyTableOut(
  context: ExecutionContext,
  statement: ParsedStatement,
  relation: Relation,
  columns: readonly Column[],
  run: Run,
): Promise<Outcome> {
  const copy = (statement.tree as { CopyStmt: CopyStatement }).CopyStmt;
  const distribution = relation.distribution!;
  const all = nodesOf(distribution, context.snapshot().dataNodes);
  if (readCopyFormat(copy.options).format === "binary") refuseForeignBinary(context, columns);
  if (
    distribution.kind === "single" ||
    distribution.kind === "replicated" ||
    distribution.kind === "random"
  ) {
    const preferred =
      context.transaction.nodes.find((node) => (all as readonly string[]).includes(node)) ?? all[0]!;
    const nodes = distribution.kind === "replicated" ? [preferred] : all;
    return copyOutOnNodes(context, nodes, false, statement, [], run);
  }
  // PostgreSQL copies from a partitioned table by a query only.
  const range = tableRange(statement.text, copy.relation!);
  const name = statement.text.subarray(range.name.start, range.name.end).toString();
  const list = columns.map((column) => quoteIdentifier(column.name)).join(", ");
  const splice = {
    start: range.name.start,
    end: (range.columns ?? range.name).end,
    text: `(SELECT ${list} FROM ${name})`,
  };
  return copyOutOnNodes(context, all, false, statement, [splice], run);
}

function refuseForeignBinary(context: ExecutionContext, columns: readonly Column[]): void {
  const snapshot = context.snapshot();
  const foreign = columns.find((column) => !binaryIsPortable(column, snapshot));
  if (foreign !== undefined)
    throw refusal(
      "copy-binary-user-type",
      `Column ${quoteIdentifier(foreign.name)} is of type ${foreign.typeName}.`,
    );
}

/** `plan` is that of the query alone; its text begins at byte `offset` of the statement's. */
export async function copyQueryOut(
  context: ExecutionContext,
  statement: ParsedStatement,
  plan: ReadPlan,
  offset: number,
  run: Run,
): Promise<Outcome> {
  refuseHiddenTimes(context, plan);
  if (plan.views !== undefined) await checkPrivileges(context, plan, run);
  const location = locate(plan.uses, run, context.snapshot());
  const { nodes, shard } = location;
  const node = onlyNode(context, plan, location);
  if (node !== undefined) {
    const text = await atTransactionTime(context, plan.transactionTimes, textForShard(plan, shard), false);
    return copyOutOnNodes(context, [node], plan.writes, statement, shiftSplices(text.splices, offset), run);
  }
  const several = plan.direct && nodes !== "any" && nodes.size > 1;
  if (several && plan.gather !== undefined && plan.gather.limit === undefined) {
    const whole = textForShard(plan, undefined);
    const text = await atTransactionTime(context, plan.transactionTimes, whole, true);
    return copyOutOnNodes(context, [...nodes], false, statement, shiftSplices(text.splices, offset), run);
  }
  if (plan.general instanceof PgError) throw plan.general;
  await checkPrivileges(context, plan, run);
  const whole = splicedText(plan.statement, plan.general.splices);
  const text = await atTransactionTime(context, plan.transactionTimes, whole, false);
  const workplace = await openWorkplace(context, plan.general, run);
  try {
    return await copyOut(context, [workplace], statement, shiftSplices(text.splices, offset), run);
  } finally {
    await closeWorkplace(workplace);
  }
}
