/**
 * Passes COPY TO data of servers on to the client: CopyData frames as they come. Where several nodes answer, their data
 * become one: one CopyOutResponse, one header, one trailer, one tag.
 */
import type { Preface } from "../run.ts";
import type { BackendConnection, Receiver } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import {
  commandComplete,
  copyDataMessage,
  copyDoneMessage,
  readCommandTag,
} from "../../protocol/backend-messages.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { Backend } from "../../protocol/message-types.ts";
import type { ClientOutput } from "../client-output.ts";

const FRAME_HEADER_BYTES = 5;
/** Signature, flags and an empty extension. */
const BINARY_HEADER = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
const BINARY_TRAILER = Buffer.from([0xff, 0xff]);

/** What all nodes' answers to one COPY TO have in common. */
export class CopyOutScope {
  readonly output: ClientOutput;
  readonly binary: boolean;
  /** The first line of each answer is a header. */
  readonly header: boolean;
  private readonly preface: Preface;
  private begun = false;
  headerSent = false;
  rows = 0;

  constructor(output: ClientOutput, preface: Preface, binary: boolean, header: boolean) {
    this.output = output;
    this.preface = preface;
    this.binary = binary;
    this.header = header;
  }

  /** The first node's CopyOutResponse, in buffer[start, end), is the client's. */
  begin(buffer: Buffer, start: number, end: number): void {
    if (this.begun) return;
    this.begun = true;
    this.preface.sendTo(this.output);
    this.output.append(buffer, start, end);
    if (this.binary) this.output.push(copyDataMessage(BINARY_HEADER));
  }

  /** All nodes are done. */
  end(): string {
    if (this.binary) this.output.push(copyDataMessage(BINARY_TRAILER));
    this.output.push(copyDoneMessage);
    const tag = `COPY ${this.rows}`;
    this.output.push(commandComplete(tag));
    return tag;
  }
}

export class CopyOutAnswer implements Receiver {
  private readonly connection: BackendConnection;
  private readonly scope: CopyOutScope;
  private first = true;
  private paused = false;
  error: PgError | undefined;
  readonly done: Promise<void>;
  private finish!: () => void;

  constructor(connection: BackendConnection, scope: CopyOutScope) {
    this.connection = connection;
    this.scope = scope;
    this.done = new Promise((resolve) => (this.finish = resolve));
  }

  frame(type: number, buffer: Buffer, start: number, end: number): void {
    const { scope } = this;
    switch (type) {
      case Backend.copyOutResponse:
        return scope.begin(buffer, start, end);
      case Backend.copyData:
        this.data(buffer, start, end);
        if (scope.output.full && !this.paused) this.waitForClient();
        return;
      case Backend.commandComplete:
        scope.rows += Number(readCommandTag(buffer, start, end).split(" ")[1] ?? 0);
        return;
      case Backend.noticeResponse:
        scope.output.append(buffer, start, end);
        return;
      case Backend.errorResponse:
        this.error ??= new PgError(parseErrorFields(buffer, start + FRAME_HEADER_BYTES, end));
    }
  }

  private data(buffer: Buffer, start: number, end: number): void {
    const { scope } = this;
    const first = this.first;
    this.first = false;
    if (scope.binary) {
      // A server writes its header and the first row as one message, and the trailer as the last.
      const from = start + FRAME_HEADER_BYTES + (first ? BINARY_HEADER.length : 0);
      if (end - from === BINARY_TRAILER.length && buffer.readInt16BE(from) === -1) return;
      if (first) {
        if (end > from) scope.output.push(copyDataMessage(buffer.subarray(from, end)));
        return;
      }
    } else if (first && scope.header) {
      if (scope.headerSent) return;
      scope.headerSent = true;
    }
    scope.output.append(buffer, start, end);
  }

  private waitForClient(): void {
    this.paused = true;
    this.connection.pause();
    this.scope.output.whenDrained(() => {
      this.paused = false;
      this.connection.resume();
    });
  }

  ready(): void {
    this.finish();
  }

  lost(error: PgError): void {
    this.error ??= error;
    this.finish();
  }
}
