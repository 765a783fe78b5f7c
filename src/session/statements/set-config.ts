/**
 * set_config() in a SELECT: it runs on the catalog node; then the session remembers the values that are in force there, and
 * the other nodes of the transaction get them.
 */
import { refusal } from "../../errors/refusal.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import { booleanOf, type SettingCall } from "../../plan/setting-calls.ts";
import { formatOf } from "../../protocol/frontend-messages.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { Session } from "../session.ts";

interface Change {
  readonly name: string;
  readonly local: boolean;
}

/** Modes of a transaction are no settings, although set_config() takes them. */
const TRANSACTION_MODE = /^transaction_/;

/** Runs a statement with these calls. */
export async function followingSettings(
  session: Session,
  calls: readonly SettingCall[],
  run: Run,
  execute: () => Promise<Outcome>,
): Promise<Outcome> {
  if (calls.length === 0) return execute();
  const changes = changesOf(calls, run);
  const { transaction } = session;
  // What the statement does and what it did are seen over the same connection.
  const alone = transaction.kind === "none";
  if (alone) transaction.begin("implicit", "BEGIN");
  transaction.connections.willSet(changes.map(({ name }) => name));
  const outcome = await execute();
  for (const change of changes) await follow(session, change);
  await session.reported.sendChanged();
  if (alone && outcome.tag !== undefined) await session.commit();
  return outcome;
}

/** For statements (COPY, DECLARE, EXPLAIN) whose query runs where the session does not follow. */
export function refuseSettingCalls(calls: readonly SettingCall[]): void {
  if (calls.length > 0) throw refusal("set-config-beside-tables");
}

async function follow(session: Session, { name, local }: Change): Promise<void> {
  const { transaction } = session;
  const lease = await transaction.lease("catalog", false);
  const [row] = await lease.connection.query(
    `SELECT pg_catalog.current_setting(${quoteLiteral(name)}, true)`,
  );
  const value = row?.[0] ?? undefined;
  if (value === undefined) return;
  if (name.endsWith("transaction_isolation") && value === "serializable") throw refusal("serializable");
  transaction.changeSettings(transaction.settings.with(name, value), local, name);
  const sql = `SELECT pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, ${local})`;
  await Promise.all(
    transaction.nodes
      .filter((node) => node !== "catalog")
      .map((node) => transaction.participant(node)!.connection.query(sql)),
  );
}

function changesOf(calls: readonly SettingCall[], run: Run): Change[] {
  const changes = new Map<string, Change>();
  for (const call of calls) {
    const name = "text" in call.name ? call.name.text : valueOf(call.name.parameter, run)?.toString();
    const local = typeof call.local === "boolean" ? call.local : booleanIn(call.local.parameter, run);
    // PostgreSQL has its own word for a name that is null.
    if (name === undefined) continue;
    const lower = name.toLowerCase();
    const other = changes.get(lower);
    if (TRANSACTION_MODE.test(lower) || (other !== undefined && other.local !== local))
      throw refusal("set-config-of-unknown", `Setting "${name}".`);
    changes.set(lower, { name: lower, local });
  }
  return [...changes.values()];
}

function valueOf(parameter: number, run: Run): Buffer | undefined {
  return run.bind?.values[parameter - 1] ?? undefined;
}

function booleanIn(parameter: number, run: Run): boolean {
  const value = valueOf(parameter, run);
  if (value === undefined) return false;
  const binary = formatOf(run.bind!.parameterFormats, parameter - 1) === 1;
  const local = binary ? value[0] !== 0 : booleanOf(value.toString());
  if (local === undefined) throw refusal("set-config-of-unknown");
  return local;
}
