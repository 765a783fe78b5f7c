/**
 * A statement whose WITH writes, over several nodes: its steps run one after the other in one transaction, and what a step
 * returns is put into the texts of those that read it. On one PostgreSQL all parts see the moment before the statement. So a
 * step must not read or change a table that an earlier one wrote; only for the main SELECT the tables are brought to a workplace
 * before the first write.
 */
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { checkPrivileges } from "../../execute/check-privileges.ts";
import { closeWorkplace, openWorkplace, runOnWorkplace } from "../../execute/general.ts";
import { splicedText } from "../../execute/node-text.ts";
import { innerRun, type ExecutionContext, type Outcome, type Run } from "../../execute/run.ts";
import { requireSameDefinitions, StalePlan } from "../../execute/stale-plan.ts";
import { runOnCatalog } from "../../execute/run-on-catalog.ts";
import { runRead } from "../../execute/run-read.ts";
import { CapturedOutput, TaglessOutput } from "../../execute/write/captured-output.ts";
import { runForText } from "../../execute/run-for-text.ts";
import { runWrite } from "../../execute/write/run-write.ts";
import { withTransactionTime } from "../../execute/transaction-time.ts";
import type { CatalogPlan, ReadPlan } from "../../plan/plan.ts";
import type { WritePlan, WritingWithPlan } from "../../plan/write-plan.ts";
import type { WithStep } from "../../plan/write/with-parts.ts";
import { commandComplete } from "../../protocol/backend-messages.ts";
import { parseStatements } from "../../sql/parse.ts";
import type { Lease } from "../../transaction/lease.ts";
import { planStatement } from "../plan-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { columnsOfPart, entryOfRows, type PartColumn } from "./rows-of-part.ts";
import { affectedTables, linkedByKeys, readTables, writtenTable } from "./touched-tables.ts";

/** Rows that a step may hand on. */
const ROWS_MAX = 10_000;

interface Step {
  readonly step: WithStep;
  /** Planned with entries that have no rows yet. */
  readonly planned: PlannedStatement;
  readonly columns: readonly PartColumn[];
}

export async function runWritingWith(session: Session, plan: WritingWithPlan, run: Run): Promise<Outcome> {
  if (plan.parts instanceof PgError) throw plan.parts;
  if (run.rowsMax > 0 && run.fields !== undefined) throw refusal("write-rows-limit");
  const { transaction } = session;
  const opened = !transaction.active;
  if (opened) transaction.begin("implicit", "BEGIN");
  const steps = await planSteps(session, plan.parts.steps, run);
  const early = await mustReadEarly(session, steps);
  const linked = await linkedByKeys(
    session,
    steps.flatMap(({ planned }) => writtenTable(planned.plan) ?? []),
  );
  const main = steps.at(-1)!;
  const entries = emptyEntries(session, steps);
  const workplace = early ? await openEarly(session, main.planned, run) : undefined;
  try {
    for (const step of steps.slice(0, -1)) {
      const rows = await runStep(session, step, entries, run);
      if (step.step.name !== undefined && step.columns.length > 0)
        entries.set(step.step.name, entryOfRows(session, step.step.name, step.columns, rows));
    }
    const output = new TaglessOutput(session.output);
    const context = { ...session.context, output };
    const tag =
      workplace === undefined
        ? await runMain(session, context, main, entries, run)
        : await runEarlyMain(session, context, main, entries, workplace, run);
    await requireSameDefinitions(context.definitions);
    if (opened) await session.commit();
    session.output.push(commandComplete(tag!));
    return { tag };
  } catch (error) {
    if (!(error instanceof PgError) || error instanceof StalePlan) throw error;
    if (error.code === "23503" && linked)
      throw refusal("writing-with-many-nodes", "Foreign keys are checked behind each part.");
    // Positions are those of texts that the client did not write.
    throw new PgError({ ...error.fields, position: undefined });
  } finally {
    if (workplace !== undefined) await closeWorkplace(workplace);
  }
}

async function planSteps(session: Session, list: readonly WithStep[], run: Run): Promise<Step[]> {
  const steps: Step[] = [];
  for (const step of list) {
    const planned = await planText(session, step.text(rowsIn(emptyEntries(session, steps))), run);
    const fields = step.name === undefined ? undefined : planned.description?.fields;
    const columns = fields === undefined ? [] : await columnsOfPart(session, fields, step.columnAliases);
    steps.push({ step, planned, columns });
  }
  return steps;
}

async function planText(session: Session, text: string, run: Run): Promise<PlannedStatement> {
  return planStatement(session, parseStatements(text)[0]!, run.parameterTypes, true);
}

function emptyEntries(session: Session, steps: readonly Step[]): Map<string, string> {
  return new Map(
    steps.flatMap(({ step: { name }, columns }) =>
      name === undefined || columns.length === 0
        ? []
        : [[name, entryOfRows(session, name, columns, [])] as const],
    ),
  );
}

function rowsIn(entries: ReadonlyMap<string, string>): (name: string) => string {
  return (name) => {
    const entry = entries.get(name);
    if (entry === undefined) throw refusal("writing-with-many-nodes");
    return entry;
  };
}

/** Does the main SELECT read what the others write? Throws where another step does. */
async function mustReadEarly(session: Session, steps: readonly Step[]): Promise<boolean> {
  const written = new Set<number>();
  for (const [i, { planned }] of steps.entries()) {
    const { plan } = planned;
    const clash = [...readTables(session.view.snapshot(), plan)].some((oid) => written.has(oid));
    if (clash && (i < steps.length - 1 || plan?.kind === "write")) throw refusal("writing-with-same-table");
    if (clash) return true;
    const target = writtenTable(plan);
    if (target?.hasTriggers === true)
      throw refusal("writing-with-many-nodes", `Table "${target.name}" has triggers.`);
    if (target === undefined) continue;
    for (const oid of await affectedTables(session, target)) written.add(oid);
  }
  return false;
}

/** Results in text form, whatever the client asked for; nothing but rows is of interest. */
function innerText(run: Run): Run {
  const { bind } = run;
  const formats = bind === undefined ? 0 : 2 + 2 * bind.resultFormats.length;
  return {
    ...innerRun(run),
    bind: bind && {
      ...bind,
      tail: Buffer.concat([bind.tail.subarray(0, bind.tail.length - formats), Buffer.from([0, 0])]),
      resultFormats: [],
    },
  };
}

async function runStep(
  session: Session,
  { step, planned }: Step,
  entries: ReadonlyMap<string, string>,
  run: Run,
): Promise<CapturedOutput["rows"]> {
  const output = new CapturedOutput(session.output, ROWS_MAX);
  await runPlan(
    session,
    { ...session.context, output },
    await withRows(session, step, planned, entries, run),
    {
      ...innerText(run),
      fields: planned.description?.fields,
    },
  );
  if (output.overflown) throw refusal("writing-with-rows", `Entry "${step.name ?? ""}".`);
  return output.rows;
}

/** The plan of the step's text over the rows that are there by now. */
async function withRows(
  session: Session,
  step: WithStep,
  planned: PlannedStatement,
  entries: ReadonlyMap<string, string>,
  run: Run,
): Promise<PlannedStatement["plan"]> {
  if (step.reads.length === 0) return planned.plan;
  return (await planText(session, step.text(rowsIn(entries)), run)).plan;
}

const LAST_VALUES = /\b(?:currval|lastval)\b/i;

async function runPlan(
  session: Session,
  context: ExecutionContext,
  plan: ReadPlan | WritePlan | CatalogPlan | undefined,
  whole: Run,
): Promise<string | undefined> {
  // A part does not use all of the statement's parameters.
  const run = plan === undefined ? whole : runForText(whole, plan.statement.text);
  if (plan?.kind === "read") return (await runRead(context, plan, run)).tag;
  if (plan?.kind === "write") return (await runWrite(context, plan, run)).tag;
  if (plan?.kind !== "catalog") throw refusal("statement-kind");
  if (LAST_VALUES.test(plan.statement.text.toString())) throw refusal("writing-with-many-nodes");
  // Numbers that are drawn belong to the session.
  if (plan.writes) await session.transaction.pin("catalog");
  return (await runOnCatalog(context, plan.statement, plan.writes, run)).tag;
}

async function runMain(
  session: Session,
  context: ExecutionContext,
  { step, planned }: Step,
  entries: ReadonlyMap<string, string>,
  run: Run,
): Promise<string | undefined> {
  return runPlan(session, context, await withRows(session, step, planned, entries, run), run);
}

async function openEarly(session: Session, planned: PlannedStatement, run: Run): Promise<Lease> {
  const { plan } = planned;
  if (plan?.kind !== "read") throw refusal("writing-with-many-nodes");
  if (plan.general instanceof PgError) throw plan.general;
  await checkPrivileges(session.context, plan, run);
  return openWorkplace(session.context, plan.general, run);
}

/** The plan is the one whose tables were brought to the workplace; its text gets the rows that have come since. */
async function runEarlyMain(
  session: Session,
  context: ExecutionContext,
  { step }: Step,
  entries: ReadonlyMap<string, string>,
  workplace: Lease,
  run: Run,
): Promise<string | undefined> {
  const { plan } = await planText(session, step.text(rowsIn(entries)), run);
  if (plan?.kind !== "read") throw refusal("writing-with-many-nodes");
  if (plan.general instanceof PgError) throw plan.general;
  const splices = await withTransactionTime(context, plan.general.splices, plan.transactionTimes);
  return (await runOnWorkplace(context, workplace, splicedText(plan.statement, splices), run)).tag;
}
