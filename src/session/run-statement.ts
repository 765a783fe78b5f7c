/** Sends a planned statement to whoever runs its kind. */
import { statementCancelled, transactionAborted } from "../errors/pg-error.ts";
import { runRead } from "../execute/run-read.ts";
import { runOnCatalog } from "../execute/run-on-catalog.ts";
import type { Outcome, Run } from "../execute/run.ts";
import { refusal } from "../errors/refusal.ts";
import { noteDrawing } from "./last-values.ts";
import type { Reach } from "../shared-memory/writer-states.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import { runCached } from "./run-cached.ts";
import type { Session } from "./session.ts";
import { withCatalogState } from "./statements/catalog-state.ts";
import { runCall, runDo } from "./statements/block.ts";
import { runCopy } from "./statements/copy.ts";
import { runClose, runDeclare, runFetch } from "./statements/cursor.ts";
import { isDefinition, runDefinition } from "./statements/ddl.ts";
import { runExplain } from "./statements/explain.ts";
import { runDeallocate, runExecute, runPrepare } from "./statements/prepare.ts";
import { runSetConstraints } from "./statements/set-constraints.ts";
import { runLock } from "./statements/lock.ts";
import { runListen, runNotify, runUnlisten } from "./statements/notify.ts";
import { followingSettings } from "./statements/set-config.ts";
import { runSet } from "./statements/set.ts";
import { runTransactionStatement, transactionKind } from "./statements/transaction.ts";
import { runDiscard } from "./statements/discard.ts";
import { concernsTemporaries, runTemporaryDefinition } from "./statements/temporary.ts";
import { runShow } from "./statements/show.ts";
import { runWriting } from "./statements/write.ts";

export type StatementHandler = (session: Session, planned: PlannedStatement, run: Run) => Promise<Outcome>;

const HANDLERS: ReadonlyMap<string, StatementHandler> = new Map<string, StatementHandler>([
  ["TransactionStmt", runTransactionStatement],
  ["VariableSetStmt", runSet],
  ["VariableShowStmt", runShow],
  ["ConstraintsSetStmt", runSetConstraints],
  ["PrepareStmt", runPrepare],
  ["ExecuteStmt", runExecute],
  ["DeallocateStmt", runDeallocate],
  ["DiscardStmt", runDiscard],
  ["CopyStmt", runCopy],
  ["DeclareCursorStmt", runDeclare],
  ["FetchStmt", runFetch],
  ["ClosePortalStmt", runClose],
  ["ExplainStmt", runExplain],
  ["ListenStmt", runListen],
  ["NotifyStmt", runNotify],
  ["UnlistenStmt", runUnlisten],
  ["LockStmt", runLock],
  ["DoStmt", runDo],
  ["CallStmt", runCall],
]);

/** Statements without rows or definitions of their own; what EXECUTE runs, and what a transaction has written, counts by itself. */
const WRITE_NOTHING: ReadonlySet<string> = new Set([
  "TransactionStmt",
  "VariableSetStmt",
  "VariableShowStmt",
  "PrepareStmt",
  "ExecuteStmt",
  "DeallocateStmt",
  "ClosePortalStmt",
  "ListenStmt",
  "NotifyStmt",
  "UnlistenStmt",
]);

export function runStatement(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  if (session.lostTransaction !== undefined && planned.tag === "TransactionStmt")
    return reportLoss(session, planned, run);
  if (session.transaction.failed && planned.tag !== "TransactionStmt") throw transactionAborted();
  if (session.context.cancelled) throw statementCancelled();
  session.execution.enter("running");
  // A portal that was not read to its end goes on where it stopped, whatever it is.
  if (run.portal?.resume !== undefined) {
    session.admittance.enterAtOnce();
    run.preface.sendTo(session.output);
    return run.portal.resume(run.rowsMax);
  }
  session.watch.begin(planned);
  noteDrawing(session, planned);
  if (planned.plan?.kind === "read" && !planned.plan.writes && session.refusedTemporaries.isEmpty)
    return session.reported.usesResultCache
      ? runCached(session, planned, planned.plan, run)
      : runRead(session.context, planned.plan, run);
  return runWatched(session, planned, run);
}

/** Also COMMIT hears of it, for the tag of a ROLLBACK is easily missed; Session.fail() says what the client is told. */
async function reportLoss(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const kind = transactionKind(planned);
  if (kind === "TRANS_STMT_ROLLBACK") {
    session.lostTransaction = undefined;
    return runStatement(session, planned, run);
  }
  if (kind === "TRANS_STMT_COMMIT") await session.rollback();
  throw transactionAborted();
}

/** A statement that may concern temporary objects which were refused. */
async function runWatched(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { tree } = planned.statement;
  session.refusedTemporaries.check(tree);
  try {
    return await dispatch(session, planned, run);
  } catch (error) {
    session.refusedTemporaries.note(tree, error);
    throw error;
  }
}

async function dispatch(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { plan } = planned;
  await session.admittance.enterFor(planned);
  // What stands alone is committed by the time that its answer comes.
  const reads = (plan?.kind === "read" || plan?.kind === "catalog") && !plan.writes;
  if (!reads && !session.transaction.active) session.client.conversation.mayCommit();
  if (reads || WRITE_NOTHING.has(planned.tag)) return runPlan(session, planned, run);
  const inTransaction = () => session.transaction.active;
  return session.writing.during(reachOf(planned), inTransaction, () => runPlan(session, planned, run));
}

/** Rows are written in the session's database; what else is done may concern roles, or other databases. */
function reachOf({ plan, tag }: PlannedStatement): Reach {
  return plan?.kind === "write" || tag === "CopyStmt" ? "database" : "everywhere";
}

async function runPlan(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { plan } = planned;
  if (plan?.kind === "read") return runRead(session.context, plan, run);
  if (plan?.kind === "write") return runWriting(session, plan, run);
  if (plan?.kind === "catalog") {
    return followingSettings(session, plan.settingCalls, run, () =>
      withCatalogState(session, plan, (writes) => runOnCatalog(session.context, plan.statement, writes, run)),
    );
  }
  const handler = HANDLERS.get(planned.tag) ?? (await definitionHandler(session, planned));
  if (handler === undefined) throw refusal("statement-kind", `The statement is a ${planned.tag}.`);
  return handler(session, planned, run);
}

async function definitionHandler(
  session: Session,
  planned: PlannedStatement,
): Promise<StatementHandler | undefined> {
  if (!isDefinition(planned)) return undefined;
  if (await concernsTemporaries(session, planned)) return runTemporaryDefinition;
  // What is dropped with CASCADE may be a temporary object.
  if (session.temporaries.active) session.temporaries.noteChange();
  return runDefinition;
}
