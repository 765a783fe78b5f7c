/** The rows of a server's COPY TO STDOUT, handed out as if a client sent them. */
import type { BackendConnection, Receiver } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { query } from "../../protocol/frontend-messages.ts";
import { Backend, Frontend } from "../../protocol/message-types.ts";
import type { ClientFrame, CopySource } from "../copy/client-data.ts";
import type { ExecutionContext } from "../run.ts";

/** Frames that may wait before the server is paused. */
const WAITING_MAX = 1_000;
const HEADER_BYTES = 5;
const NOTHING = Buffer.alloc(0);

export class ServerCopySource implements CopySource, Receiver {
  private readonly context: ExecutionContext;
  private readonly connection: BackendConnection;
  private frames: ClientFrame[] = [];
  private head = 0;
  private waiting: ((frame: ClientFrame | undefined) => void) | undefined;
  private paused = false;
  private ended = false;
  private interrupted = false;
  private readonly done: Promise<void>;
  private settle!: () => void;
  error: PgError | undefined;

  constructor(context: ExecutionContext, connection: BackendConnection, sql: string) {
    this.context = context;
    this.connection = connection;
    this.done = new Promise((resolve) => (this.settle = resolve));
    context.running.add(connection);
    connection.send(query(sql), this);
  }

  take(): ClientFrame | Promise<ClientFrame | undefined> | undefined {
    if (this.interrupted) return undefined;
    const frame = this.frames[this.head];
    if (frame !== undefined) {
      this.head++;
      if (this.head === this.frames.length) {
        this.frames = [];
        this.head = 0;
        this.resume();
      }
      return frame;
    }
    if (this.ended)
      return this.error === undefined
        ? { type: Frontend.copyDone, buffer: NOTHING, start: 0, end: 0 }
        : undefined;
    return new Promise((resolve) => (this.waiting = resolve));
  }

  interrupt(): void {
    this.interrupted = true;
    this.frames = [];
    this.head = 0;
    this.resume();
    this.wake(undefined);
  }

  /** The server's answer is read to its end, so that the connection can be used for something else. */
  async close(): Promise<void> {
    if (!this.ended) {
      this.interrupt();
      void this.connection.cancel();
    }
    await this.done;
    this.context.running.delete(this.connection);
  }

  frame(type: number, buffer: Buffer, start: number, end: number): void {
    if (type === Backend.copyData)
      this.arrive({ type: Frontend.copyData, buffer, start: start + HEADER_BYTES, end });
    else if (type === Backend.errorResponse)
      this.error ??= new PgError(parseErrorFields(buffer, start + HEADER_BYTES, end));
  }

  private arrive(frame: ClientFrame): void {
    if (this.interrupted) return;
    if (this.waiting !== undefined) return this.wake(frame);
    this.frames.push(frame);
    if (!this.paused && this.frames.length - this.head >= WAITING_MAX) {
      this.paused = true;
      this.connection.pause();
    }
  }

  private resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.connection.resume();
  }

  private wake(frame: ClientFrame | undefined): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.(frame);
  }

  ready(): void {
    this.ended = true;
    if (this.waiting !== undefined) {
      const frame = this.take();
      if (!(frame instanceof Promise)) this.wake(frame);
    }
    this.settle();
  }

  lost(error: PgError): void {
    this.error ??= error;
    this.ready();
  }
}
