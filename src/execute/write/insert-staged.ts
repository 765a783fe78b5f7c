/**
 * INSERT from any source: its rows are staged, then spread over the nodes. Without clauses they go as a COPY, in a stream;
 * ON CONFLICT and RETURNING are evaluated where the rows come to lie, so there each node gets one INSERT of its rows.
 */
import type { Column } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import type { InsertPlan } from "../../plan/write-plan.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import { parseStatements } from "../../sql/parse.ts";
import { ServerCopySource } from "./server-copy-source.ts";
import { CopyIn } from "../copy/copy-in.ts";
import type { CopyStatement } from "../copy/statement-parts.ts";
import { closeWorkplace } from "../general.ts";
import { ownRun, type ExecutionContext, type Run } from "../run.ts";
import { NoticesOutput } from "./discarded-output.ts";
import { asCommand, EXACT_TEXT_SQL } from "./exact-text.ts";
import { insertPlaced } from "./insert-placed.ts";
import { lockReplicas } from "./replica-lock.ts";
import { openStage, type Stage } from "./stage.ts";

/** Gives the number of rows, in a transaction that the caller ends. */
export async function insertStaged(context: ExecutionContext, plan: InsertPlan, run: Run): Promise<number> {
  if (plan.staged instanceof PgError) throw plan.staged;
  if (plan.clausesRefused !== undefined) throw plan.clausesRefused;
  const stage = await openStage(context, plan, plan.staged, run);
  try {
    await stage.lease.connection.query(EXACT_TEXT_SQL);
    const replicated = plan.target.distribution!.kind === "replicated";
    if (replicated) await lockReplicas(context, plan.target);
    // COPY FROM does not know row security, and answers with nothing but a count.
    if (plan.clauses !== undefined || plan.target.rowSecurity)
      return await insertPlaced(context, plan, stage, run);
    const rows = await copyOver(context, plan, stage);
    run.preface.sendTo(context.output);
    return rows;
  } finally {
    await closeWorkplace(stage.lease);
  }
}

/** COPY from the stage into the target, split by node. */
async function copyOver(context: ExecutionContext, plan: InsertPlan, stage: Stage): Promise<number> {
  const { target } = plan;
  const columns = copiedColumns(plan);
  const list = columns.map((column) => quoteIdentifier(column.name)).join(", ");
  const [statement] = parseStatements(
    `COPY ${quoteQualified(target.schema, target.name)} (${list}) FROM STDIN`,
  );
  const copy = (statement!.tree as { CopyStmt: CopyStatement }).CopyStmt;
  const source = new ServerCopySource(
    context,
    stage.lease.connection,
    `COPY (SELECT ${valuesOf(columns, plan)} FROM ${stage.table}) TO STDOUT`,
  );
  const inner: ExecutionContext = {
    ...context,
    snapshot: () => context.snapshot(),
    output: new NoticesOutput(context.output),
  };
  try {
    return await new CopyIn(inner, statement!, copy, target, columns, source).run(ownRun());
  } catch (error) {
    throw source.error ?? asCommand(withoutCopy(error), "INSERT");
  } finally {
    await source.close();
  }
}

/** A COPY needs a column: for INSERT … DEFAULT VALUES of a table without keys or defaults, one that is NULL anyway. */
function copiedColumns(plan: InsertPlan): readonly Column[] {
  if (plan.stored.length > 0) return plan.stored;
  const plain = plan.target.columns.filter(
    (c) => c.generated === "" && c.identity === "" && c.defaultExpression === undefined,
  );
  return plain.slice(0, 1);
}

function valuesOf(columns: readonly Column[], plan: InsertPlan): string {
  return columns
    .map((column) => (plan.columns.includes(column) ? quoteIdentifier(column.name) : "NULL"))
    .join(", ");
}

/** The client has not sent a COPY: it shall not read of one. */
function withoutCopy(error: unknown): unknown {
  if (!(error instanceof PgError) || error.fields.where === undefined) return error;
  const where = error.fields.where
    .split("\n")
    .filter((line) => !line.startsWith("COPY "))
    .join("\n");
  return new PgError({ ...error.fields, where: where === "" ? undefined : where, position: undefined });
}
