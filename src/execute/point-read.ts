/**
 * The shortest way: a read of at most one row by key, outside a transaction, shares a backend's pipeline with other sessions'.
 * It is read-only, so whatever goes wrong with the shared connection (a bystander's cancel, a lost preparation), it is
 * simply run again on a connection of its own.
 */
import type { PgError } from "../errors/pg-error.ts";
import type { ReadPlan } from "../plan/plan.ts";
import { Answer, AnswerScope } from "./answer.ts";
import { hasBinaryOids } from "./binary-values.ts";
import { clientError } from "./client-error.ts";
import { preparedKey, textForShard } from "./node-text.ts";
import { forgetPrepared, preparedRequest } from "./prepared-request.ts";
import type { ExecutionContext, Outcome, Run } from "./run.ts";
import { StalePlan } from "./stale-plan.ts";
import { WatchedReceiver } from "./watched-receiver.ts";

/** Errors that the shared connection may have and the statement does not: unknown prepared statement, cancelled, connection lost or ended. */
const NOT_ITS_OWN: ReadonlySet<string> = new Set(["26000", "57014", "08006", "57P01", "42P05"]);

/** Undefined: not possible this way (now); nothing has been sent to the client. */
export async function runPointRead(
  context: ExecutionContext,
  node: string,
  shard: number | undefined,
  plan: ReadPlan,
  run: Run,
): Promise<Outcome | undefined> {
  const { transaction } = context;
  if (transaction.kind !== "none" || run.bind === undefined || run.rowsMax > 0) return undefined;
  if (hasBinaryOids(run)) return undefined;
  const { settings } = transaction;
  const shared = context.multiplexer.pick({
    node,
    user: transaction.user,
    database: transaction.database,
    settingsKey: settings.key,
    settingsSql: settings.sql,
    customSettings: settings.customNames,
  });
  if (shared === undefined) return undefined;
  const { connection } = shared;
  const text = textForShard(plan, shard);
  const key = preparedKey(text, settings);
  const answer = new SharedAnswer(
    connection,
    context.output,
    new AnswerScope(context.output, run.preface, true),
  );
  shared.send(
    preparedRequest(connection, key, text.sql, run.parameterTypes, run.bind.tail, "", 0),
    new WatchedReceiver(answer, context.definitions, undefined),
  );
  const running = { cancel: () => connection.cancel() };
  context.running.add(running);
  await answer.done;
  context.running.delete(running);
  const { error } = answer;
  if (error === undefined) return { tag: answer.tag };
  if (error instanceof StalePlan) throw error;
  forgetPrepared(connection, key, error);
  if (answer.rows === 0 && !answer.bound && !context.cancelled && isNotItsOwn(error)) return undefined;
  if (!answer.bound) run.preface.drop();
  throw clientError(error, plan.statement, text.splices);
}

function isNotItsOwn(error: PgError): boolean {
  return NOT_ITS_OWN.has(error.code);
}

/** Never pauses the connection: others' answers come behind. One row waits in the client's buffer instead. */
class SharedAnswer extends Answer {
  protected override waitForClient(): void {}
}
