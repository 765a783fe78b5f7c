/**
 * SET and RESET: the catalog node checks and runs the statement; then the session remembers the value, and every backend
 * connection that works for the session later gets it first.
 */
import { refusal } from "../../errors/refusal.ts";
import { runOnLease } from "../../execute/run-on-catalog.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { Lease } from "../../transaction/lease.ts";
import { isCustom } from "../../transaction/settings.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { readOneSnapshot } from "./transaction.ts";

interface VariableSetStmt {
  readonly kind: string;
  readonly name?: string;
  readonly is_local?: boolean;
}

const TRANSACTION_MODES: ReadonlySet<string> = new Set([
  "transaction_isolation",
  "transaction_read_only",
  "transaction_deferrable",
]);
/** What SET SESSION CHARACTERISTICS AS TRANSACTION sets. */
const TRANSACTION_DEFAULTS = [
  "default_transaction_isolation",
  "default_transaction_read_only",
  "default_transaction_deferrable",
] as const;

export async function runSet(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const statement = (planned.statement.tree as { VariableSetStmt: VariableSetStmt }).VariableSetStmt;
  const { transaction } = session;
  const name = statement.name?.toLowerCase() ?? "";
  const local = statement.is_local === true;
  const lease = await transaction.lease("catalog", false);
  const before = transaction.settings.key;
  const isolation = isolationSet(statement);
  if (isolation === "serializable") throw refusal("serializable");
  transaction.connections.willSet([name]);
  try {
    const outcome = await runOnLease(session.context, lease, planned.statement, run);
    const sql = planned.statement.text.toString();
    if (TRANSACTION_MODES.has(name) || (statement.kind === "VAR_SET_MULTI" && name === "transaction")) {
      if (transaction.active) {
        await onOtherParticipants(session, sql);
        transaction.addToBegin(sql);
        if (isolation === "repeatable read") await readOneSnapshot(session);
      }
      return outcome;
    }
    // PostgreSQL warned that SET LOCAL means nothing here.
    if (local && !transaction.active) return outcome;
    await onOtherParticipants(session, sql);
    await follow(session, statement, name, local, lease);
    return outcome;
  } finally {
    const changed = transaction.settings.key !== before;
    if (changed || transaction.active) lease.connection.settingsKey = undefined;
    lease.release();
    if (changed) await session.reported.sendChanged();
  }
}

/** Brings the session's memory to what the catalog node's session has become. */
async function follow(
  session: Session,
  statement: VariableSetStmt,
  name: string,
  local: boolean,
  lease: Lease,
): Promise<void> {
  const { transaction, startupSettings } = session;
  if (statement.kind === "VAR_RESET_ALL") {
    let settings = startupSettings.keepingCustomOf(transaction.settings);
    for (const kept of ["role", "session_authorization"])
      settings = settings.with(kept, transaction.settings.get(kept));
    transaction.changeSettings(settings, false);
  } else if (statement.kind === "VAR_SET_MULTI") {
    for (const setting of TRANSACTION_DEFAULTS) await remember(session, setting, local, lease);
  } else if (statement.kind === "VAR_RESET" || statement.kind === "VAR_SET_DEFAULT") {
    const value = startupSettings.get(name) ?? (isCustom(name) ? "" : undefined);
    transaction.changeSettings(transaction.settings.with(name, value), local, name);
    // The servers' sessions know nothing of the client's startup options: RESET went to the servers' own default.
    if (value !== undefined && value !== "" && transaction.active)
      await transaction.onAll(`SELECT set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, ${local})`);
  } else {
    await remember(session, name, local, lease);
  }
  if (name === "session_authorization")
    transaction.changeSettings(transaction.settings.with("role", undefined), local, "role");
}

/** The isolation level that SET TRANSACTION, SET SESSION CHARACTERISTICS or SET …isolation names, if any. */
function isolationSet(statement: VariableSetStmt): string | undefined {
  const name = statement.name?.toLowerCase() ?? "";
  if (statement.kind !== "VAR_SET_MULTI" && !name.endsWith("transaction_isolation")) return undefined;
  return /"(serializable|repeatable read)"/i.exec(JSON.stringify(statement))?.[1]?.toLowerCase();
}

/** The value in force now, in the form that set_config() takes. */
async function remember(session: Session, name: string, local: boolean, lease: Lease): Promise<void> {
  const { transaction } = session;
  const [row] = await lease.connection.query(`SELECT current_setting(${quoteLiteral(name)}, true)`);
  transaction.changeSettings(transaction.settings.with(name, row?.[0] ?? undefined), local, name);
}

async function onOtherParticipants(session: Session, sql: string): Promise<void> {
  const { transaction } = session;
  await Promise.all(
    transaction.nodes
      .filter((node) => node !== "catalog")
      .map((node) => transaction.participant(node)!.connection.query(sql)),
  );
}
