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

export class Answer implements Receiver {
  private readonly output: ClientOutput;
  private readonly connection: BackendConnection;
  private readonly scope: AnswerScope;
  private paused = false;
  tag: string | undefined;
  suspended = false;
  rows = 0;
  /** The server has taken the Bind: what fails now fails in Execute. */
  bound = false;
  error: PgError | undefined;
  readonly done: Promise<void>;
  private finish!: () => void;

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
    this.done = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

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
        this.bound = true;
        this.scope.begin();
        return;
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
