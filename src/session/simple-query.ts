/** The simple protocol: a query string of one statement or several, answered to the ReadyForQuery. */
import { GivenUp, PgError, pgError } from "../errors/pg-error.ts";
import { Preface, type Run } from "../execute/run.ts";
import { emptyQueryResponse, rowDescription } from "../protocol/backend-messages.ts";
import { escapedText } from "./escaped-text.ts";
import { hotStatements, type HotRun } from "./hot-statements.ts";
import type { ClientMessage } from "./message-queue.ts";
import { planQueryString, planStatement } from "./plan-statement.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import { mayRunAfresh, runAfresh } from "./run-afresh.ts";
import { runStatement } from "./run-statement.ts";
import type { Session } from "./session.ts";

/** Never throws: what fails is reported to the client. */
export async function simpleQuery(session: Session, message: ClientMessage): Promise<void> {
  try {
    const written = textOf(message);
    session.beginStatement(written, false);
    const text = escapedText(session, written);
    const hot = findHot(session, text);
    if (hot === undefined || !(await runHot(session, text, hot))) await runString(session, text);
  } catch (error) {
    await session.fail(error);
  }
  session.ready();
}

function textOf({ buffer, start, end }: ClientMessage): Buffer {
  if (end <= start || buffer[end - 1] !== 0) throw pgError("08P01", "invalid string in message");
  if (buffer.indexOf(0, start) !== end - 1) throw pgError("08P01", "invalid message format");
  return buffer.subarray(start, end - 1);
}

async function runString(session: Session, text: Buffer): Promise<void> {
  const planned = await planQueryString(session, text, [], false);
  if (planned.length === 0) session.output.push(emptyQueryResponse);
  else if (planned.length === 1) {
    const fresh = planned[0]!;
    if (!(await learn(session, text, fresh))) await runSimple(session, fresh);
  } else await runSeveral(session, planned);
}

function findHot(session: Session, text: Buffer): HotRun | undefined {
  if (!mayBeHot(session) || !session.refusedTemporaries.isEmpty) return undefined;
  return hotStatements(session.catalog)?.find(session.hotCircumstances(), text);
}

/** True: the statement is answered. */
async function runHot(session: Session, text: Buffer, hot: HotRun): Promise<boolean> {
  session.requireUtf8(text);
  session.view.use(hot.planned.snapshot, hot.planned.version);
  const wasActive = session.transaction.active;
  try {
    await runStatement(session, hot.planned, hot.run);
    return true;
  } catch (error) {
    if (!(error instanceof PgError) || error instanceof GivenUp) throw error;
    if (await mayRunAfresh(session, hot.run, wasActive, error)) return false;
    // A read of which nothing was sent: as it is written it gets PostgreSQL's own error, at its own place.
    const again =
      hot.planned.plan?.kind === "read" && session.transaction.kind === "none" && !hot.run.preface.isEmpty;
    if (again && !session.context.cancelled) return false;
    throw hot.inOriginalTerms(error);
  }
}

/** Prepares the plan that statements like this one will share; true: this one has run by it. */
async function learn(session: Session, text: Buffer, written: PlannedStatement): Promise<boolean> {
  if (!mayBeHot(session) || session.transaction.asksItsOwn) return false;
  const always = session.host.liftLiterals === "always";
  const learned = await hotStatements(session.catalog)?.learn(session, text, written, always);
  const hot = learned === true && always ? findHot(session, text) : undefined;
  return hot !== undefined && runHot(session, text, hot);
}

/** Plans are shared where they are everybody's: not with definitions of this transaction's own, nor with temporary objects. */
function mayBeHot({ transaction, host, temporaries }: Session): boolean {
  return (
    host.liftLiterals !== "never" && !transaction.failed && !transaction.changedCatalog && !temporaries.active
  );
}

/** The statements of one string are one transaction, unless they say otherwise (row S5). */
async function runSeveral(session: Session, statements: readonly PlannedStatement[]): Promise<void> {
  const { transaction } = session;
  for (const { statement } of statements) {
    if (transaction.kind === "none") transaction.begin("implicit", "BEGIN");
    session.waits.since = Date.now();
    await runSimple(session, await planStatement(session, statement, [], false));
  }
  if (transaction.kind === "implicit") await session.commit();
}

async function runSimple(session: Session, first: PlannedStatement): Promise<void> {
  await runAfresh(session, simpleRun(first), async () =>
    simpleRun(await planStatement(session, first.statement, [], false)),
  );
}

function simpleRun(planned: PlannedStatement): { planned: PlannedStatement; run: Run } {
  const fields = planned.description?.fields;
  const run: Run = {
    bind: undefined,
    parameterTypes: [],
    fields,
    preface: new Preface(fields === undefined ? undefined : rowDescription(fields, [])),
    rowsMax: 0,
    portal: undefined,
  };
  return { planned, run };
}
