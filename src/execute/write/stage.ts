/**
 * The stage of an INSERT: a temporary table on a compute node (or the catalog node) with the target's column types. The
 * client's own INSERT runs there, so that PostgreSQL makes the rows: once, and with its own rules of assignment.
 */
import type { Column } from "../../catalog/snapshot.ts";
import type { InsertPlan, StagedInsert } from "../../plan/write-plan.ts";
import { query } from "../../protocol/frontend-messages.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import { applySplices } from "../../sql/splice.ts";
import type { Splice } from "../../sql/statement.ts";
import type { Lease } from "../../transaction/lease.ts";
import { Answer, AnswerScope } from "../answer.ts";
import { clientError } from "../client-error.ts";
import { openWorkplace, closeWorkplace } from "../general.ts";
import { preparedRequest } from "../prepared-request.ts";
import { Preface, type ExecutionContext, type Run } from "../run.ts";
import { transactionTimeSplices } from "./time-splices.ts";
import { NoticesOutput } from "./discarded-output.ts";

export interface Stage {
  readonly lease: Lease;
  /** Qualified and quoted. */
  readonly table: string;
}

/** Runs the source and stores its rows. Close the stage with closeWorkplace. */
export async function openStage(
  context: ExecutionContext,
  plan: InsertPlan,
  staged: StagedInsert,
  run: Run,
): Promise<Stage> {
  const lease = await openWorkplace(context, staged.general, run);
  try {
    const name = freeName(plan.target.name, staged);
    const table = quoteQualified("pg_temp", name);
    const defaults = new Set(staged.defaults.map((d) => d.column));
    const columns = [...new Set(plan.columns)].map((column) => columnSql(column, defaults.has(column)));
    await lease.connection.query(
      `CREATE TEMPORARY TABLE ${quoteIdentifier(name)} (${columns.join(", ")}) ON COMMIT DROP`,
    );
    const splices = await stageSplices(context, plan, staged, table);
    await fill(context, plan, lease, splices, run);
    return { lease, table };
  } catch (error) {
    await closeWorkplace(lease);
    throw error;
  }
}

function freeName(name: string, { general }: StagedInsert): string {
  const taken = new Set(general.tables.map((table) => table.temporaryName));
  let free = Buffer.byteLength(name) > 50 ? "pleiad_stage" : name;
  while (taken.has(free)) free += "#";
  return free;
}

export function columnSql(column: Column, withDefault: boolean): string {
  const collation = column.collation === undefined ? "" : ` COLLATE ${column.collation}`;
  return `${quoteIdentifier(column.name)} ${column.typeName}${collation}${withDefault ? ` DEFAULT ${defaultOf(column)}` : ""}`;
}

/** A default as the catalog node has it. */
export function defaultOf(column: Column): string {
  if (column.identity !== "" && column.sequence !== undefined)
    return `pg_catalog.nextval('${column.sequence.replaceAll("'", "''")}'::pg_catalog.regclass)`;
  return column.defaultExpression ?? "NULL";
}

/** The text without its clauses, over the stage. */
async function stageSplices(
  context: ExecutionContext,
  plan: InsertPlan,
  staged: StagedInsert,
  table: string,
): Promise<readonly Splice[]> {
  const { name, clauses, statement } = plan;
  const end = clauses?.start ?? statement.text.length;
  const alias = name.alias === undefined ? "" : ` AS ${quoteIdentifier(name.alias)}`;
  const splices: Splice[] = [
    ...staged.general.splices.filter((splice) => splice.start < end),
    { start: name.start, end: name.end, text: `${table}${alias}` },
    { start: end, end: statement.text.length, text: "" },
  ];
  const times = await transactionTimeSplices(
    context,
    plan.reads.transactionTimes.filter((t) => t.start < end),
  );
  return [...splices, ...times.filter((t) => !splices.some((s) => s.start <= t.start && t.end <= s.end))];
}

async function fill(
  context: ExecutionContext,
  plan: InsertPlan,
  lease: Lease,
  splices: readonly Splice[],
  run: Run,
): Promise<void> {
  const { connection } = lease;
  const sql = applySplices(plan.statement.text, splices);
  const output = new NoticesOutput(context.output);
  const answer = new Answer(connection, output, new AnswerScope(output, new Preface(undefined), false));
  connection.send(
    run.bind === undefined
      ? query(sql)
      : preparedRequest(connection, undefined, sql, run.parameterTypes, run.bind.tail, "", 0),
    answer,
  );
  context.running.add(connection);
  await answer.done;
  context.running.delete(connection);
  if (answer.error === undefined) return;
  if (run.bind !== undefined && !answer.bound) run.preface.drop();
  throw clientError(answer.error, plan.statement, splices);
}
