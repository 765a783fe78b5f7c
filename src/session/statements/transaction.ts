/** BEGIN, COMMIT, ROLLBACK, savepoints, and two-phase commit by the client (refused). */
import { pgError, transactionAborted } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { complete } from "../../execute/run-on-catalog.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import { noticeResponse } from "../../protocol/error-response.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";

interface TransactionStmt {
  readonly kind: string;
  readonly savepoint_name?: string;
  readonly chain?: boolean;
  readonly options?: readonly {
    readonly DefElem?: {
      readonly defname?: string;
      readonly arg?: { readonly A_Const?: { readonly sval?: { readonly sval?: string } } };
    };
  }[];
}

/** The isolation level that a BEGIN asks for, or the session's default. */
function isolationOf(session: Session, statement: TransactionStmt): string {
  for (const { DefElem } of statement.options ?? []) {
    if (DefElem?.defname === "transaction_isolation")
      return DefElem.arg?.A_Const?.sval?.sval?.toLowerCase() ?? "";
  }
  return session.transaction.settings.get("default_transaction_isolation") ?? "read committed";
}

/** REPEATABLE READ sees one state of all nodes: each takes its snapshot at the first statement. */
export async function readOneSnapshot(session: Session): Promise<void> {
  const { dataNodes } = await session.view.loadSnapshot();
  session.transaction.readSnapshotOf([...dataNodes, "catalog"]);
}

export async function rollbackToSavepoint(session: Session, name: string): Promise<void> {
  const { transaction } = session;
  const { settings } = transaction;
  await transaction.rollbackTo(name);
  if (transaction.changedCatalog) session.view.changed();
  session.temporaries.transactionEnded();
  if (settings !== transaction.settings) await session.reported.sendChanged();
}

/** As PostgreSQL's parser names it: TRANS_STMT_COMMIT … */
export function transactionKind(planned: PlannedStatement): string {
  return (planned.statement.tree as { TransactionStmt: TransactionStmt }).TransactionStmt.kind;
}

export async function runTransactionStatement(
  session: Session,
  planned: PlannedStatement,
  run: Run,
): Promise<Outcome> {
  const statement = (planned.statement.tree as { TransactionStmt: TransactionStmt }).TransactionStmt;
  const { transaction, context } = session;
  switch (statement.kind) {
    case "TRANS_STMT_BEGIN":
    case "TRANS_STMT_START": {
      const tag = statement.kind === "TRANS_STMT_BEGIN" ? "BEGIN" : "START TRANSACTION";
      if (transaction.failed) throw transactionAborted();
      if (transaction.kind === "explicit") {
        warn(session, "25001", "there is already a transaction in progress");
        return complete(context, run, tag);
      }
      const isolation = isolationOf(session, statement);
      if (isolation === "serializable") throw refusal("serializable");
      transaction.begin("explicit", planned.statement.text.toString());
      if (isolation === "repeatable read") await readOneSnapshot(session);
      return complete(context, run, tag);
    }
    case "TRANS_STMT_COMMIT":
      return commit(session, run, statement.chain === true);
    case "TRANS_STMT_ROLLBACK":
      return rollback(session, run, statement.chain === true);
    case "TRANS_STMT_SAVEPOINT":
      requireBlock(session, "SAVEPOINT");
      if (transaction.failed) throw transactionAborted();
      await transaction.savepoint(statement.savepoint_name!);
      return complete(context, run, "SAVEPOINT");
    case "TRANS_STMT_RELEASE":
      requireBlock(session, "RELEASE SAVEPOINT");
      if (transaction.failed) throw transactionAborted();
      await transaction.release(statement.savepoint_name!);
      return complete(context, run, "RELEASE");
    case "TRANS_STMT_ROLLBACK_TO":
      requireBlock(session, "ROLLBACK TO SAVEPOINT");
      await rollbackToSavepoint(session, statement.savepoint_name!);
      return complete(context, run, "ROLLBACK");
    default:
      throw refusal("client-two-phase-commit");
  }
}

async function commit(session: Session, run: Run, chain: boolean): Promise<Outcome> {
  const { transaction, context } = session;
  if (transaction.kind !== "explicit") {
    if (chain) throw pgError("25P01", "COMMIT AND CHAIN can only be used in transaction blocks");
    warn(session, "25P01", "there is no transaction in progress");
    if (transaction.kind === "implicit") await session.commit();
    return complete(context, run, "COMMIT");
  }
  const modes = transaction.beginStatement;
  const failed = transaction.failed;
  if (failed) await session.rollback();
  else await session.commit();
  if (chain) transaction.begin("explicit", modes);
  return complete(context, run, failed ? "ROLLBACK" : "COMMIT");
}

async function rollback(session: Session, run: Run, chain: boolean): Promise<Outcome> {
  const { transaction, context } = session;
  if (transaction.kind !== "explicit") {
    if (chain) throw pgError("25P01", "ROLLBACK AND CHAIN can only be used in transaction blocks");
    warn(session, "25P01", "there is no transaction in progress");
    if (transaction.kind === "implicit") await session.rollback();
    return complete(context, run, "ROLLBACK");
  }
  const modes = transaction.beginStatement;
  await session.rollback();
  if (chain) transaction.begin("explicit", modes);
  return complete(context, run, "ROLLBACK");
}

function requireBlock(session: Session, what: string): void {
  if (session.transaction.kind !== "explicit")
    throw pgError("25P01", `${what} can only be used in transaction blocks`);
}

function warn(session: Session, code: string, message: string): void {
  session.output.push(noticeResponse({ severity: "WARNING", code, message }));
}
