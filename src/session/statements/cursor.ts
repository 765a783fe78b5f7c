/** DECLARE, FETCH, MOVE and CLOSE: the client's own words, on the server where the cursor lives. */
import { PgError, pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { AnswerScope } from "../../execute/answer.ts";
import { checkPrivileges } from "../../execute/check-privileges.ts";
import { clientError } from "../../execute/client-error.ts";
import { closeWorkplace, openWorkplace } from "../../execute/general.ts";
import { locate, onlyNode } from "../../execute/locate.ts";
import { splicedText, textAsWritten, textForShard } from "../../execute/node-text.ts";
import { complete } from "../../execute/run-on-catalog.ts";
import { Preface, type Outcome, type Run } from "../../execute/run.ts";
import { sendText } from "../../execute/send-text.ts";
import { requireSameDefinitions } from "../../execute/stale-plan.ts";
import { atTransactionTime, refuseHiddenTimes } from "../../execute/transaction-time.ts";
import { classify } from "../../plan/classify.ts";
import type { CatalogPlan, ReadPlan } from "../../plan/plan.ts";
import { rowDescription } from "../../protocol/backend-messages.ts";
import { applySplices, shiftSplices } from "../../sql/splice.ts";
import type { Splice } from "../../sql/statement.ts";
import { quoteIdentifier } from "../../sql/quote.ts";
import { isWord, nextToken } from "../../sql/tokens.ts";
import { preludeDone, type Lease } from "../../transaction/lease.ts";
import type { Node } from "@pgsql/types";
import { Cursor, type FetchStmt } from "../cursors.ts";
import { planStatement } from "../plan-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { innerStatement } from "./inner-statement.ts";
import { refuseSettingCalls } from "./set-config.ts";

interface DeclareCursorStmt {
  readonly portalname: string;
  readonly options: number;
  readonly query: Node;
}

/** CURSOR_OPT_BINARY and CURSOR_OPT_HOLD of PostgreSQL's parsenodes.h. */
const BINARY = 0x1;
const HOLD = 0x20;

/** Where a cursor was opened, and what its statement became there. */
interface Place {
  readonly lease: Lease;
  readonly own: boolean;
  readonly splices: readonly Splice[];
}

export async function runDeclare(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { statement } = planned;
  const declare = (statement.tree as { DeclareCursorStmt: DeclareCursorStmt }).DeclareCursorStmt;
  const { portalname: name, options } = declare;
  const holdable = (options & HOLD) !== 0;
  if (!holdable && !session.transaction.active)
    throw pgError("25P01", "DECLARE CURSOR can only be used in transaction blocks");
  const offset = queryOffset(statement.text);
  const inner = innerStatement(statement, declare.query, offset, statement.text.length);
  if (classify(inner.tree) === "write")
    throw pgError("0A000", "DECLARE CURSOR must not contain data-modifying statements in WITH");
  if (classify(inner.tree) !== "read") throw refusal("statement-kind", "DECLARE CURSOR of SELECT INTO.");
  const { plan, description } = await planStatement(session, inner, [], true);
  if (plan === undefined || plan.kind === "write") throw refusal("statement-kind");
  // What the session knows was put into another text than the one that DECLARE sends.
  if (plan.statement !== inner) throw refusal("shell-statistics");
  if (session.cursors.has(name)) throw pgError("42P03", `cursor "${name}" already exists`);
  const place = await openPlace(session, plan, offset, holdable, run);
  try {
    await place.lease.connection.query(applySplices(statement.text, place.splices).toString());
    if (!place.own) await requireStill(session, place.lease, name);
  } catch (error) {
    if (place.own) await closeWorkplace(place.lease);
    await requireSameDefinitions(session.context.definitions);
    throw error instanceof PgError ? clientError(error, statement, place.splices) : error;
  }
  session.cursors.add(
    new Cursor(session.cursors, {
      name,
      statement: `${statement.text.toString()};`,
      fields: description?.fields ?? [],
      binary: (options & BINARY) !== 0,
      holdable,
      lease: place.lease,
      ownsLease: place.own,
    }),
  );
  return complete(session.context, run, "DECLARE CURSOR");
}

/** The cursor of a plan that is out of date goes again. */
async function requireStill({ context }: Session, { connection }: Lease, name: string): Promise<void> {
  try {
    await requireSameDefinitions(context.definitions);
  } catch (error) {
    await connection.query(`CLOSE ${quoteIdentifier(name)}`);
    throw error;
  }
}

/** Byte offset behind FOR: the query's text. */
function queryOffset(text: Buffer): number {
  let token = nextToken(text, 0)!;
  // The name comes right behind DECLARE and may be any word.
  token = nextToken(text, nextToken(text, token.end)!.end)!;
  while (!isWord(text, token, "for")) token = nextToken(text, token.end)!;
  return token.end;
}

async function openPlace(
  session: Session,
  plan: ReadPlan | CatalogPlan,
  offset: number,
  holdable: boolean,
  run: Run,
): Promise<Place> {
  const { context } = session;
  if (plan.kind === "catalog") {
    refuseSettingCalls(plan.settingCalls);
    // It would outlive the transaction on the one connection that the session works on.
    if (holdable && session.temporaries.active) throw refusal("temporary-cursor");
    if (holdable) return { lease: await apart(session, "catalog"), own: true, splices: [] };
    return { lease: await joined(session, "catalog", plan.writes), own: false, splices: [] };
  }
  if (holdable && plan.locks !== "no")
    throw pgError("0A000", "DECLARE CURSOR WITH HOLD ... FOR UPDATE is not supported", {
      detail: "Holdable cursors must be READ ONLY.",
    });
  refuseHiddenTimes(context, plan);
  if (plan.views !== undefined) await checkPrivileges(context, plan, run);
  const location = locate(plan.uses, run, context.snapshot());
  const node = holdable ? undefined : onlyNode(context, plan, location);
  if (node !== undefined) {
    const there = textForShard(plan, location.shard);
    const text = await atTransactionTime(context, plan.transactionTimes, there, false);
    // FOR UPDATE locks rows when they are fetched.
    const lease = await joined(session, node, plan.writes || plan.locks !== "no");
    return { lease, own: false, splices: shiftSplices(text.splices, offset) };
  }
  if (plan.general instanceof PgError) throw plan.general;
  await checkPrivileges(context, plan, run);
  const whole = splicedText(plan.statement, plan.general.splices);
  const text = await atTransactionTime(context, plan.transactionTimes, whole, false);
  const lease = await openWorkplace(context, plan.general, run);
  return { lease, own: true, splices: shiftSplices(text.splices, offset) };
}

/** The transaction's own connection to a node. */
async function joined(session: Session, node: string, writes: boolean): Promise<Lease> {
  const lease = await session.transaction.lease(node, writes);
  await preludeDone(lease);
  return lease;
}

/** A connection in a transaction of its own. */
async function apart(session: Session, node: string): Promise<Lease> {
  const lease = await session.transaction.leaseApart(node);
  try {
    await preludeDone(lease);
    await lease.connection.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
  } catch (error) {
    lease.release();
    throw error;
  }
  return lease;
}

export async function runFetch(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { portalname, ismove } = (planned.statement.tree as { FetchStmt: FetchStmt }).FetchStmt;
  const cursor = session.cursors.find(portalname);
  const { context } = session;
  const describes = run.bind === undefined && ismove !== true;
  const preface = describes
    ? new Preface(rowDescription(cursor.fields, cursor.binary ? [1] : []))
    : run.preface;
  const scope = new AnswerScope(context.output, preface, true);
  const result = {
    fields: cursor.fields,
    formats: run.bind?.resultFormats ?? (cursor.binary ? [1] : []),
  };
  const text = textAsWritten(planned.statement);
  const answer = await sendText(context, cursor.lease, text, run, scope, { result });
  return { tag: answer.tag };
}

export async function runClose(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { portalname } = (planned.statement.tree as { ClosePortalStmt: { portalname?: string } })
    .ClosePortalStmt;
  if (portalname === undefined) {
    for (const cursor of session.cursors.all()) await session.cursors.close(cursor);
    return complete(session.context, run, "CLOSE CURSOR ALL");
  }
  await session.cursors.close(session.cursors.find(portalname));
  return complete(session.context, run, "CLOSE CURSOR");
}
