/**
 * Stands before the receiver of a statement's answer and looks at the first message behind the server's locks. If a definition
 * has been committed since the statement was planned, the answer is held back until it is known whether it concerns the
 * statement: then it goes on as if nothing had been, or all of it is dropped and the receiver hears of a StalePlan.
 */
import type { BackendConnection, Receiver } from "../backend/backend-connection.ts";
import type { PgError } from "../errors/pg-error.ts";
import { Backend, type TransactionStatus } from "../protocol/message-types.ts";
import { StalePlan, type DefinitionCheck } from "./stale-plan.ts";

type Frame = readonly [type: number, buffer: Buffer, start: number, end: number];

/** A server sends these before, or whether or not, it has the statement's locks. */
const SAYS_NOTHING: ReadonlySet<number> = new Set([
  Backend.closeComplete,
  Backend.parseComplete,
  Backend.noticeResponse,
]);

export class WatchedReceiver implements Receiver {
  private readonly receiver: Receiver;
  private readonly definitions: DefinitionCheck;
  /** Paused while the answer is held back; undefined where other statements' answers come behind. */
  private readonly connection: BackendConnection | undefined;
  private passing = false;
  private held: Frame[] | undefined;
  private dropping = false;
  private endedWith: TransactionStatus | undefined;

  constructor(receiver: Receiver, definitions: DefinitionCheck, connection: BackendConnection | undefined) {
    this.receiver = receiver;
    this.definitions = definitions;
    this.connection = connection;
  }

  frame(type: number, buffer: Buffer, start: number, end: number): void {
    if (this.passing) this.receiver.frame(type, buffer, start, end);
    else if (this.dropping) return;
    else if (this.held !== undefined) this.held.push([type, buffer, start, end]);
    else if (SAYS_NOTHING.has(type)) this.receiver.frame(type, buffer, start, end);
    else if (this.definitions.mayHaveChanged()) {
      this.held = [[type, buffer, start, end]];
      this.connection?.pause();
      void this.judge();
    } else {
      this.passing = true;
      this.receiver.frame(type, buffer, start, end);
    }
  }

  private async judge(): Promise<void> {
    let failure: PgError | undefined;
    try {
      if (await this.definitions.haveChanged()) failure = new StalePlan();
    } catch {
      // Nobody can say: as if it had.
      failure = new StalePlan();
    }
    const held = this.held ?? [];
    this.held = undefined;
    this.passing = failure === undefined;
    this.dropping = failure !== undefined;
    this.connection?.resume();
    if (this.passing) for (const frame of held) this.receiver.frame(...frame);
    if (this.endedWith !== undefined) this.end(this.endedWith);
  }

  ready(status: TransactionStatus): void {
    if (this.held === undefined) this.end(status);
    else this.endedWith = status;
  }

  private end(status: TransactionStatus): void {
    if (this.dropping) this.receiver.lost(new StalePlan());
    else this.receiver.ready(status);
  }

  lost(error: PgError): void {
    this.held = undefined;
    this.receiver.lost(error);
  }
}
