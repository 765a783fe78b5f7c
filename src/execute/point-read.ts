/**
 * The shortest way: a read of at most one row by key, outside a transaction, shares a backend's pipeline with other sessions'.
 * It is read-only, so whatever goes wrong with the shared connection (a bystander's cancel, a lost preparation), it is
 * simply run again on a connection of its own.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { ReadPlan } from "../plan/plan.ts";
import { Backend } from "../protocol/message-types.ts";
import { AnswerReceiver, AnswerScope } from "./answer.ts";
import { hasBinaryOids } from "./binary-values.ts";
import { clientError } from "./client-error.ts";
import { preparedKey, textForShard, type NodeText } from "./node-text.ts";
import { forgetPrepared, preparedRequest } from "./prepared-request.ts";
import type { ExecutionContext, Outcome, Run } from "./run.ts";
import { StalePlan } from "./stale-plan.ts";
import { WatchedReceiver } from "./watched-receiver.ts";

/** Errors that the shared connection may have and the statement does not: unknown prepared statement, cancelled, connection lost or ended. */
const NOT_ITS_OWN: ReadonlySet<string> = new Set(["26000", "57014", "08006", "57P01", "42P05"]);

/** Undefined: not possible this way (now). `alone` runs it on a connection of its own; it is only called while nothing has been sent to the client. */
export function runPointRead(
  context: ExecutionContext,
  node: string,
  shard: number | undefined,
  plan: ReadPlan,
  run: Run,
  alone: () => Promise<Outcome>,
): Promise<Outcome> | undefined {
  const { transaction } = context;
  if (transaction.kind !== "none" || run.bind === undefined || run.rowsMax > 0) return undefined;
  if (hasBinaryOids(run)) return undefined;
  const shared = context.lanes.pick(node);
  if (shared === undefined) return undefined;
  const { connection } = shared;
  const text = textForShard(plan, shard);
  const key = preparedKey(text, transaction.settings);
  const { tail } = run.bind;
  return new Promise((resolve, reject) => {
    const answer = new SharedAnswer(context, connection, run, () => {
      try {
        resolve(outcomeOf(answer, text, key, context, run) ?? Promise.resolve().then(alone));
      } catch (error) {
        reject(error as Error);
      }
    });
    context.running.add(answer);
    shared.send(
      preparedRequest(connection, key, text.sql, run.parameterTypes, tail, "", 0),
      new WatchedReceiver(answer, context.definitions, undefined),
    );
  });
}

/** Undefined: what failed was the shared connection, and the client has been sent nothing. */
function outcomeOf(
  answer: SharedAnswer,
  text: NodeText,
  key: string | undefined,
  context: ExecutionContext,
  run: Run,
): Outcome | undefined {
  const { error } = answer;
  if (error === undefined) return { tag: answer.tag };
  if (error instanceof StalePlan) throw error;
  forgetPrepared(answer.connection, key, error);
  if (!answer.passing && !context.cancelled && NOT_ITS_OWN.has(error.code)) {
    context.lanes.countRunAgain();
    return undefined;
  }
  answer.pass();
  if (!answer.bound) run.preface.drop();
  throw clientError(error, text.statement, text.splices);
}

/**
 * Keeps BindComplete and the row until the end of the answer: where a cancel that was meant for another session's statement comes
 * in between, nothing of it was sent. Never pauses the connection, since others' answers come behind.
 */
class SharedAnswer extends AnswerReceiver {
  private readonly context: ExecutionContext;
  private readonly onEnd: () => void;
  private bindIsKept = false;
  private row: Buffer | undefined;
  private rowStart = 0;
  private rowEnd = 0;
  /** The client gets the answer as it comes. */
  passing = false;

  constructor(context: ExecutionContext, connection: BackendConnection, run: Run, onEnd: () => void) {
    super(connection, context.output, new AnswerScope(context.output, run.preface, true));
    this.context = context;
    this.onEnd = onEnd;
  }

  override frame(type: number, buffer: Buffer, start: number, end: number): void {
    if (!this.passing) {
      if (type === Backend.bindComplete) {
        this.bindIsKept = true;
        return;
      }
      if (type === Backend.dataRow && this.row === undefined) {
        this.row = buffer;
        this.rowStart = start;
        this.rowEnd = end;
        return;
      }
      if (type !== Backend.errorResponse && type !== Backend.parseComplete) this.pass();
    }
    super.frame(type, buffer, start, end);
  }

  /** Sends what was kept. */
  pass(): void {
    if (this.passing) return;
    this.passing = true;
    if (this.bindIsKept) this.begin();
    if (this.row !== undefined) super.frame(Backend.dataRow, this.row, this.rowStart, this.rowEnd);
  }

  /** The client's cancel request has come. */
  cancel(): Promise<void> {
    return this.connection.cancel();
  }

  protected override finish(): void {
    this.context.running.delete(this);
    this.onEnd();
  }

  protected override waitForClient(): void {}
}
