/**
 * The shortest way: a read of at most one row by key, outside a transaction, shares a backend's pipeline with other sessions'.
 * It is read-only, so whatever goes wrong with the shared connection (a bystander's cancel, a lost preparation), it is
 * simply run again on a connection of its own.
 */
import type { PgError } from "../errors/pg-error.ts";
import type { ReadPlan } from "../plan/plan.ts";
import { Backend } from "../protocol/message-types.ts";
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
  if (!answer.passing && !context.cancelled && isNotItsOwn(error)) {
    context.multiplexer.runAgain++;
    return undefined;
  }
  answer.pass();
  if (!answer.bound) run.preface.drop();
  throw clientError(error, plan.statement, text.splices);
}

function isNotItsOwn(error: PgError): boolean {
  return NOT_ITS_OWN.has(error.code);
}

type Frame = readonly [type: number, buffer: Buffer, start: number, end: number];

/**
 * Keeps BindComplete and the row until the end of the answer: where a cancel that was meant for another session's statement comes
 * in between, nothing of it was sent. Never pauses the connection, since others' answers come behind.
 */
class SharedAnswer extends Answer {
  private bindComplete: Frame | undefined;
  private row: Frame | undefined;
  /** The client gets the answer as it comes. */
  passing = false;

  override frame(type: number, buffer: Buffer, start: number, end: number): void {
    if (!this.passing && type === Backend.bindComplete) this.bindComplete = [type, buffer, start, end];
    else if (!this.passing && type === Backend.dataRow && this.row === undefined)
      this.row = [type, buffer, start, end];
    else {
      if (type !== Backend.errorResponse && type !== Backend.parseComplete) this.pass();
      super.frame(type, buffer, start, end);
    }
  }

  /** Sends what was kept. */
  pass(): void {
    if (this.passing) return;
    this.passing = true;
    if (this.bindComplete !== undefined) super.frame(...this.bindComplete);
    if (this.row !== undefined) super.frame(...this.row);
  }

  protected override waitForClient(): void {}
}
