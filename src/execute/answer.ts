/**
 * Passes a server's answer on to the client: rows as the bytes they are, everything with OIDs of that server replaced
 * or left out. This is the hot path: one object per statement, no decoding of rows.
 */
import type { BackendConnection, Receiver } from "../backend/backend-connection.ts";
import { PgError } from "../errors/pg-error.ts";
import { readCommandTag } from "../protocol/backend-messages.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { Backend, type TransactionStatus } from "../protocol/message-types.ts";
import type { ClientOutput } from "./client-output.ts";
import type { Preface } from "./run.ts";

/** What the answers of one statement have in common: one for a routed statement, several for a gathered one. */
export class AnswerScope {
  readonly output: ClientOutput;
  readonly preface: Preface;
  /** Rows that may still be passed on. */
  rowsLeft = Number.POSITIVE_INFINITY;
  /** False where several nodes' answers become one and the caller writes the tag. */
  readonly forwardTag: boolean;
  /** True for answers of the catalog node: its RowDescription is the one clients see. */
  readonly forwardDescription: boolean;

  /** `preface` is sent before everything else once a server has accepted the statement: BindComplete, RowDescription. */
  constructor(output: ClientOutput, preface: Preface, forwardTag: boolean, forwardDescription = false) {
    this.output = output;
    this.preface = preface;
    this.forwardTag = forwardTag;
    this.forwardDescription = forwardDescription;
  }

  begin(): void {
    this.preface.sendTo(this.output);
  }
}

/** What becomes of an answer's messages, whoever waits for its end. */
export abstract class AnswerReceiver implements Receiver {
  private readonly output: ClientOutput;
  readonly connection: BackendConnection;
  private readonly scope: AnswerScope;
  private paused = false;
  tag: string | undefined;
  suspended = false;
  rows = 0;
  /** The server has taken the Bind: what fails now fails in Execute. */
  bound = false;
  error: PgError | undefined;

  /** Gives a row that holds OIDs of the server's types the catalog's, in place (binary-values.ts). */
  readonly translate: ((buffer: Buffer, start: number) => void) | undefined;

  constructor(
    connection: BackendConnection,
    output: ClientOutput,
    scope: AnswerScope,
    translate?: (buffer: Buffer, start: number) => void,
  ) {
    this.translate = translate;
    this.connection = connection;
    this.output = output;
    this.scope = scope;
  }

  /** The answer has come to its end, or the connection is lost. */
  protected abstract finish(): void;

  frame(type: number, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case Backend.dataRow:
        if (this.scope.rowsLeft <= 0) return;
        if (this.translate !== undefined && !this.translated(buffer, start)) return;
        this.scope.rowsLeft--;
        if (this.rows++ === 0) this.scope.begin();
        this.output.rowsSent++;
        this.output.append(buffer, start, end);
        if (this.output.full && !this.paused) this.waitForClient();
        return;
      case Backend.commandComplete:
        this.tag = readCommandTag(buffer, start, end);
        this.forwardEnd(buffer, start, end);
        return;
      case Backend.portalSuspended:
        this.suspended = true;
        this.forwardEnd(buffer, start, end);
        return;
      case Backend.emptyQueryResponse:
        this.forwardEnd(buffer, start, end);
        return;
      case Backend.bindComplete:
        return this.begin();
      case Backend.errorResponse:
        this.error ??= new PgError(parseErrorFields(buffer, start + 5, end));
        return;
      case Backend.noticeResponse:
        this.output.append(buffer, start, end);
        return;
      case Backend.rowDescription:
        if (this.scope.forwardDescription) this.output.append(buffer, start, end);
        return;
      default:
        // ParseComplete, CloseComplete, NoData: the client has the catalog's, from the preface.
        return;
    }
  }

  /** The Bind was taken: what waits for it goes to the client. */
  protected begin(): void {
    this.bound = true;
    this.scope.begin();
  }

  /** False, with the error to be told, when the row cannot be shown to the client. */
  private translated(buffer: Buffer, start: number): boolean {
    if (this.error !== undefined) return false;
    try {
      this.translate!(buffer, start);
      return true;
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.error = error;
      return false;
    }
  }

  private forwardEnd(buffer: Buffer, start: number, end: number): void {
    if (!this.scope.forwardTag || this.error !== undefined) return;
    this.scope.begin();
    this.output.append(buffer, start, end);
  }

  protected waitForClient(): void {
    this.paused = true;
    this.connection.pause();
    this.output.whenDrained(() => {
      this.paused = false;
      this.connection.resume();
    });
  }

  ready(_status: TransactionStatus): void {
    this.finish();
  }

  lost(error: PgError): void {
    this.error ??= error;
    this.finish();
  }
}

/** An answer whose end is awaited. */
export class Answer extends AnswerReceiver {
  private resolve!: () => void;
  readonly done = new Promise<void>((resolve) => {
    this.resolve = resolve;
  });

  protected finish(): void {
    this.resolve();
  }
}
