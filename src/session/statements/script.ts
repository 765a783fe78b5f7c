/** Runs a DO block that is a script of statements (plan/do-script.ts), each as if the client had sent it, all of them or none. */
import { ConnectionError, PgError, pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { ownRun, type Outcome, type Run } from "../../execute/run.ts";
import { isCaught } from "../../plan/condition-codes.ts";
import type { ScriptStep } from "../../plan/do-script.ts";
import { commandComplete, readDataRow } from "../../protocol/backend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import { parseStatements } from "../../sql/parse.ts";
import { planStatement } from "../plan-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { rollbackToSavepoint } from "./transaction.ts";

const BOOL = 16;
/** What is refused, and what says that a server is gone, is not for a handler: PostgreSQL would not have had it. */
const NOT_CAUGHT = /^(0A000|XX|08|57P|53300)/;

export async function runScript(session: Session, script: readonly ScriptStep[], run: Run): Promise<Outcome> {
  const { transaction, output } = session;
  run.preface.sendTo(output);
  const implicit = !transaction.active;
  if (implicit) transaction.begin("implicit", "BEGIN");
  await runSteps(session, script, 0);
  if (implicit) await session.commit();
  output.push(commandComplete("DO"));
  return { tag: "DO" };
}

async function runSteps(session: Session, steps: readonly ScriptStep[], depth: number): Promise<void> {
  for (const step of steps) {
    if (step.kind === "block") await runBlock(session, step, depth);
    else if (step.kind === "if") await runIf(session, step, depth);
    else
      await inContext(step.sql, `SQL statement "${step.sql}"`, `line ${step.line} at ${step.what}`, () =>
        plan(session, step.sql).then((planned) => runPlan(session, planned, () => {})),
      );
  }
}

async function runBlock(
  session: Session,
  { steps, handlers }: Extract<ScriptStep, { kind: "block" }>,
  depth: number,
): Promise<void> {
  if (handlers.length === 0) return runSteps(session, steps, depth);
  const { transaction } = session;
  const savepoint = `pleiad_block_${depth}`;
  await transaction.savepoint(savepoint);
  try {
    await runSteps(session, steps, depth + 1);
  } catch (error) {
    const caught =
      error instanceof PgError && !(error instanceof ConnectionError) && !NOT_CAUGHT.test(error.code)
        ? handlers.find(({ codes }) => isCaught(codes, error.code))
        : undefined;
    if (caught === undefined || session.context.cancelled) throw error;
    await rollbackToSavepoint(session, savepoint);
    await transaction.release(savepoint);
    return runSteps(session, caught.steps, depth + 1);
  }
  await transaction.release(savepoint);
}

async function runIf(
  session: Session,
  { branches, otherwise }: Extract<ScriptStep, { kind: "if" }>,
  depth: number,
): Promise<void> {
  for (const { condition, line, steps } of branches) {
    const holds = await inContext(condition, `PL/pgSQL expression "${condition}"`, `line ${line} at IF`, () =>
      isTrue(session, condition),
    );
    if (holds) return runSteps(session, steps, depth);
  }
  return runSteps(session, otherwise, depth);
}

async function isTrue(session: Session, condition: string): Promise<boolean> {
  const rows: (string | undefined)[] = [];
  const planned = await plan(session, `SELECT ${condition}`);
  const fields = planned.description?.fields;
  if (fields?.length !== 1 || fields[0]!.typeOid !== BOOL)
    throw refusal("function-writes", "A condition of the DO block is not of type boolean.");
  await runPlan(session, planned, (buffer, start, end) => {
    if (buffer[start] === Backend.dataRow) rows.push(readDataRow(buffer, start, end)[0]?.toString());
  });
  if (rows.length > 1) throw pgError("21000", `query "SELECT ${condition}" returned more than one row`);
  return rows[0] === "t";
}

function plan(session: Session, sql: string): Promise<PlannedStatement> {
  return planStatement(session, parseStatements(sql)[0]!, [], true);
}

async function runPlan(
  session: Session,
  planned: PlannedStatement,
  divertTo: NonNullable<Session["output"]["divertTo"]>,
): Promise<void> {
  const { output } = session;
  output.divertTo = divertTo;
  try {
    await session.runPlanned(planned, ownRun(planned.description?.fields));
  } finally {
    output.divertTo = undefined;
  }
}

/** PostgreSQL's own errors say where in the block they came up. */
async function inContext<T>(sql: string, of: string, place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PgError) || error instanceof ConnectionError || error.code === "0A000")
      throw error;
    const { position, where, ...fields } = error.fields;
    const block = `PL/pgSQL function inline_code_block ${place}`;
    const lines = position === undefined ? [where, of, block] : [where, block];
    throw new PgError({
      ...fields,
      ...(position === undefined ? {} : { internalPosition: position, internalQuery: sql }),
      where: lines.filter((text) => text !== undefined).join("\n"),
    });
  }
}
