/**
 * The stage of an INSERT: a temporary table on a compute node (or the catalog node) with the target's column types. The
 * client's own INSERT runs there, so that PostgreSQL makes the rows: once, and with its own rules of assignment.
 */
import type { Column } from "../../catalog/snapshot.ts";
import type { InsertPlan, StagedInsert } from "../../plan/write-plan.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import type { Splice } from "../../sql/statement.ts";
import type { Lease } from "../../transaction/lease.ts";
import { AnswerScope } from "../answer.ts";
import { openWorkplace, closeWorkplace, onCommit } from "../general.ts";
import { splicedText } from "../node-text.ts";
import { Preface, type ExecutionContext, type Run } from "../run.ts";
import { sendText } from "../send-text.ts";
import { withTransactionTime } from "../transaction-time.ts";
import { noteLost } from "./last-values.ts";
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
  const name = freeName(plan.target.name, staged);
  const table = quoteQualified("pg_temp", name);
  const defaults = new Set(staged.defaults.map((d) => d.column));
  const columns = [...new Set(plan.columns)].map((column) => columnSql(column, defaults.has(column)));
  const create = `CREATE TEMPORARY TABLE ${quoteIdentifier(name)} (${columns.join(", ")})${onCommit(staged.general)}`;
  const lease = await openWorkplace(context, staged.general, run, {
    build: async (connection) => void (await connection.query(create)),
  });
  try {
    if (staged.defaults.some(({ kind }) => kind === "catalog")) noteLost(context.transaction);
    const splices = await stageSplices(context, plan, staged, table);
    // The client hears of it no more than its notices.
    const output = new NoticesOutput(context.output);
    const scope = new AnswerScope(output, new Preface(undefined), false);
    await sendText(context, lease, splicedText(plan.statement, splices), run, scope);
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
  const times = plan.reads.transactionTimes.filter((t) => t.start < end);
  return withTransactionTime(context, splices, times);
}
