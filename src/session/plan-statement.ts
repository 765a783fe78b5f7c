/** From a query string to planned statements: parse, describe, plan; kept by text under the circumstances that give it its meaning. */
import { refusal } from "../errors/refusal.ts";
import { callsSetConfig } from "../plan/setting-calls.ts";
import { findAdminCall } from "../admin/find-call.ts";
import { PgError, pgError, transactionAborted } from "../errors/pg-error.ts";
import type { Snapshot } from "../catalog/snapshot.ts";
import { planRead } from "../plan/plan-read.ts";
import { classify } from "../plan/classify.ts";
import type { CatalogPlan, ReadPlan } from "../plan/plan.ts";
import { parseStatements } from "../sql/parse.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import { requireRights } from "../execute/check-privileges.ts";
import { clientError } from "../execute/client-error.ts";
import { describeText } from "./describe-statement.ts";
import type { Description, PlannedStatement } from "./planned-statement.ts";
import type { Session } from "./session.ts";
import { mentionsLastValues, withLastValues, withValuesDrawn } from "./last-values.ts";
import { withSizes } from "./relation-sizes.ts";
import { withSessionViews } from "./session-views.ts";
import { describeFetch } from "./cursors.ts";
import { planTemporaryWrite } from "../plan/write/plan-temporary.ts";
import { planWrite } from "../plan/write/plan-write.ts";
import { sourceToDescribe } from "../plan/write/source-width.ts";
import { hiddenMark } from "./view-rights.ts";

/** Longer texts are planned each time: they are seldom sent twice. */
const CACHED_TEXT_BYTES_MAX = 32 * 1024;

/** Everything of the session that a plan depends on, besides the text. */
async function circumstances(session: Session, parameterTypes: readonly number[]): Promise<string> {
  const searchPath = await session.view.searchPath();
  const { settings } = session.transaction;
  return [
    searchPath.join(","),
    session.transaction.user,
    settings.get("role") ?? "",
    settings.get("session_authorization") ?? "",
    settings.get("transform_null_equals") ?? "",
    settings.get("standard_conforming_strings") ?? "",
    parameterTypes.join(","),
  ].join("\0");
}

/** Splits and plans a query string. Throws what PostgreSQL would say of the first faulty statement only when that one is reached: see Session. */
async function parseQueryString(session: Session, text: Buffer): Promise<readonly ParsedStatement[]> {
  const query = session.decode(text);
  try {
    return parseStatements(query);
  } catch (error) {
    // PostgreSQL words its own syntax errors: the text is prepared, never run, on the catalog node. That node's log then has the
    // text, so what may hold a password (row X2) is left to the parser's words.
    if (
      error instanceof PgError &&
      error.code === "42601" &&
      error.fields.hint === undefined &&
      !/password/i.test(query)
    )
      await describeText(session.transaction, text, []);
    throw error;
  }
}

export async function planQueryString(
  session: Session,
  text: Buffer,
  parameterTypes: readonly number[],
  extended: boolean,
): Promise<readonly PlannedStatement[]> {
  const cacheable =
    text.length <= CACHED_TEXT_BYTES_MAX &&
    !session.transaction.changedCatalog &&
    !session.temporaries.active;
  const key = cacheable
    ? `${extended ? "x" : "q"}${await circumstances(session, parameterTypes)}\0${text.toString("latin1")}`
    : "";
  if (cacheable) {
    const kept = session.catalog.plansFor(key);
    if (kept !== undefined) return kept;
  }
  const statements = await parseQueryString(session, text);
  if (extended && statements.length > 1)
    throw pgError("42601", "cannot insert multiple commands into a prepared statement");
  if (statements.length !== 1)
    return statements.map((statement) => unplanned(session, session.view.snapshot(), statement));
  const planned = await planStatement(session, statements[0]!, parameterTypes, extended);
  // A statement that shows something of this session is another one by now.
  const asWritten = planned.statement === statements[0];
  if (cacheable && asWritten && (planned.plan !== undefined || planned.tag === "TransactionStmt"))
    session.catalog.keepPlans(planned.snapshot, key, [planned]);
  return [planned];
}

function unplanned(session: Session, snapshot: Snapshot, statement: ParsedStatement): PlannedStatement {
  return {
    statement,
    tag: Object.keys(statement.tree)[0]!,
    description: undefined,
    plan: undefined,
    snapshot,
    version: session.view.version,
  };
}

/** Describes and plans one statement that reads or writes rows; others are taken as they are by their own handlers. */
export async function planStatement(
  session: Session,
  statement: ParsedStatement,
  parameterTypes: readonly number[],
  extended: boolean,
): Promise<PlannedStatement> {
  for (;;) {
    const planned = await planOnce(session, statement, parameterTypes, extended);
    session.watch.concernPlan(planned.plan);
    // Its description waits behind definitions that are about to commit: it must not be newer than the plan.
    if (planned.version === session.catalog.version || planned.plan === undefined) return planned;
  }
}

async function planOnce(
  session: Session,
  statement: ParsedStatement,
  parameterTypes: readonly number[],
  extended: boolean,
): Promise<PlannedStatement> {
  // As PostgreSQL does: names in it are not even looked up, and nothing can be asked within a transaction that has failed.
  if (session.transaction.failed && !("TransactionStmt" in statement.tree)) throw transactionAborted();
  session.execution.enter("planning");
  session.host.counts.plansMade++;
  const snapshot = await session.view.loadSnapshot();
  const base = unplanned(session, snapshot, statement);
  if (classify(statement.tree) === "write") {
    if (mentionsLastValues(statement)) {
      await describe(session, statement, parameterTypes);
      const valued = await withLastValues(session, statement);
      if (valued !== statement) return ofItsMoment(session, valued, parameterTypes, extended);
    }
    return { ...base, ...(await planWriting(session, statement, parameterTypes)) };
  }
  if (classify(statement.tree) !== "read") {
    if (extended && base.tag === "FetchStmt")
      return { ...base, description: describeFetch(session.cursors, statement) };
    if (extended && base.tag === "ExecuteStmt")
      return { ...base, description: executeDescription(session, statement) };
    if (!extended || !DESCRIBED.has(base.tag)) return base;
    return { ...base, description: await describe(session, statement, parameterTypes) };
  }
  if (findAdminCall(statement) !== undefined)
    return { ...base, description: await describe(session, statement, parameterTypes) };
  const own = await withSizes(session, await withSessionViews(session, statement));
  if (own !== statement) return ofItsMoment(session, own, parameterTypes, extended);
  let plan: ReadPlan | CatalogPlan;
  let description: Description | undefined;
  if (extended) description = await describe(session, statement, parameterTypes);
  try {
    const context = await session.view.planContext(description?.parameterTypes ?? []);
    plan = planRead(statement, context);
    const mark = plan.kind === "read" ? await hiddenMark(session.transaction, plan.views) : undefined;
    if (mark !== undefined) plan = planRead(statement, { ...context, hiddenMark: mark });
  } catch (error) {
    // What PostgreSQL itself says against the statement comes first.
    if (description === undefined) await describe(session, statement, parameterTypes);
    throw error;
  }
  if (plan.kind === "read") description ??= await describe(session, statement, parameterTypes);
  if (mentionsLastValues(statement)) {
    const valued =
      plan.kind === "read" ? await withLastValues(session, statement) : withValuesDrawn(session, statement);
    if (valued !== statement) return ofItsMoment(session, valued, parameterTypes, extended);
  }
  return { ...base, plan, description };
}

/** Plans a text into which something was put that holds for this execution only. */
async function ofItsMoment(
  session: Session,
  statement: ParsedStatement,
  parameterTypes: readonly number[],
  extended: boolean,
): Promise<PlannedStatement> {
  return { ...(await planStatement(session, statement, parameterTypes, extended)), ofItsMoment: true };
}

/** PostgreSQL has the first word: the statement is described before it is planned. */
async function planWriting(
  session: Session,
  statement: ParsedStatement,
  parameterTypes: readonly number[],
): Promise<Pick<PlannedStatement, "plan" | "description">> {
  const description = await describe(session, statement, parameterTypes);
  if (callsSetConfig(statement.tree)) throw refusal("set-config-beside-tables");
  const context = await session.view.planContext(description.parameterTypes);
  const temporary = session.temporaries.active ? planTemporaryWrite(statement, context) : undefined;
  if (temporary !== undefined) return { plan: temporary, description };
  const source = sourceToDescribe(statement);
  const columns =
    source && (await describeText(session.transaction, source, description.parameterTypes)).fields;
  const plan = planWrite(statement, context, columns?.length);
  const reads = plan.command === "WITH" ? plan.alone?.reads : plan.reads;
  if (reads?.views === undefined) return { plan, description };
  await requireRights(session.transaction, statement, description.parameterTypes, reads.readByFunctions);
  const mark = await hiddenMark(session.transaction, reads.views);
  if (mark === undefined) return { plan, description };
  return { plan: planWrite(statement, { ...context, hiddenMark: mark }, columns?.length), description };
}

/** EXECUTE gives the columns of the statement that the session has prepared under that name. */
function executeDescription(session: Session, statement: ParsedStatement): Description | undefined {
  const { name } = (statement.tree as { ExecuteStmt: { name: string } }).ExecuteStmt;
  const fields = session.prepared.get(name)?.planned?.description?.fields;
  return fields === undefined ? undefined : { parameterTypes: [], fields };
}

/** Statements besides SELECT that have parameters or results. */
const DESCRIBED: ReadonlySet<string> = new Set(["SelectStmt", "VariableShowStmt", "ExplainStmt", "CallStmt"]);

async function describe(
  session: Session,
  statement: ParsedStatement,
  parameterTypes: readonly number[],
): Promise<Description> {
  try {
    return await describeText(session.transaction, statement.text, parameterTypes);
  } catch (error) {
    if (error instanceof PgError) throw clientError(error, statement, []);
    throw error;
  }
}
