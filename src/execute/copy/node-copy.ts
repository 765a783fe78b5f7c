/** One node's part of a COPY FROM: opens it there, collects records into large messages, hears the node's errors. */
import type { Receiver } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import { readCommandTag } from "../../protocol/backend-messages.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { copyDone, copyFail, query } from "../../protocol/frontend-messages.ts";
import { Backend, Frontend } from "../../protocol/message-types.ts";
import type { Lease } from "../../transaction/lease.ts";
import { LineIndex } from "./line-index.ts";

const BATCH_BYTES = 64 * 1024;
const HEADER_BYTES = 5;

export class NodeCopy implements Receiver {
  readonly node: string;
  readonly lease: Lease;
  readonly lines = new LineIndex();
  /** Rows that the node has stored. */
  rows = 0;
  error: PgError | undefined;
  /** Notices of the node, for the caller to pass on. */
  onNotice: ((frame: Buffer) => void) | undefined;
  onError: (() => void) | undefined;
  /** Resolves when the node waits for data, or has refused. */
  readonly opened: Promise<void>;
  readonly done: Promise<void>;
  private settleOpened!: () => void;
  private settleDone!: () => void;
  private isDone = false;
  private finishing = false;
  private batch: Buffer | undefined;
  private used = HEADER_BYTES;
  private full = false;
  private onDrained: (() => void) | undefined;
  /** Frames of the client that pass through as they are. */
  private chunk: Buffer | undefined;
  private chunkStart = 0;
  private chunkEnd = 0;

  constructor(node: string, lease: Lease) {
    this.node = node;
    this.lease = lease;
    this.opened = new Promise((resolve) => (this.settleOpened = resolve));
    this.done = new Promise((resolve) => (this.settleDone = resolve));
  }

  open(sql: Buffer): void {
    const { connection } = this.lease;
    connection.onDrain = () => {
      this.full = false;
      this.onDrained?.();
    };
    connection.send(query(sql), this);
  }

  frame(type: number, buffer: Buffer, start: number, end: number): void {
    if (type === Backend.copyInResponse) this.settleOpened();
    else if (type === Backend.commandComplete)
      this.rows = Number(readCommandTag(buffer, start, end).split(" ")[1] ?? 0);
    else if (type === Backend.noticeResponse) this.onNotice?.(buffer.subarray(start, end));
    else if (type === Backend.errorResponse)
      this.fail(new PgError(parseErrorFields(buffer, start + HEADER_BYTES, end)));
  }

  private fail(error: PgError): void {
    if (this.error !== undefined) return;
    this.error = error;
    this.full = false;
    this.settleOpened();
    this.onDrained?.();
    this.onError?.();
  }

  ready(): void {
    this.end();
  }

  lost(error: PgError): void {
    this.fail(error);
    this.end();
  }

  private end(): void {
    this.isDone = true;
    this.lease.connection.onDrain = undefined;
    this.settleOpened();
    this.settleDone();
  }

  /** The node cannot take more before `drained`. */
  get isFull(): boolean {
    return this.full;
  }

  drained(): Promise<void> {
    if (!this.full) return Promise.resolve();
    return new Promise((resolve) => {
      this.onDrained = () => {
        this.onDrained = undefined;
        resolve();
      };
    });
  }

  /** A record in block[start, end), which is the client's lines from `line` on. */
  add(block: Buffer, start: number, end: number, line: number, lines: number): void {
    const size = end - start;
    if (this.batch === undefined || this.used + size > this.batch.length) {
      this.flush();
      this.batch = Buffer.allocUnsafeSlow(Math.max(BATCH_BYTES, size + HEADER_BYTES));
    }
    block.copy(this.batch, this.used, start, end);
    this.used += size;
    this.lines.add(line, lines);
  }

  flush(): void {
    const { batch, used } = this;
    if (batch === undefined || used === HEADER_BYTES) return;
    batch[0] = Frontend.copyData;
    batch.writeInt32BE(used - 1, 1);
    this.batch = undefined;
    this.used = HEADER_BYTES;
    this.lines.sent(used);
    this.write(used === batch.length ? batch : batch.subarray(0, used));
  }

  /** A whole CopyData frame of the client in buffer[start, end). */
  pass(buffer: Buffer, start: number, end: number): void {
    if (this.chunk === buffer && this.chunkEnd === start) {
      this.chunkEnd = end;
      return;
    }
    this.flushPassed();
    this.chunk = buffer;
    this.chunkStart = start;
    this.chunkEnd = end;
  }

  flushPassed(): void {
    if (this.chunk !== undefined) this.write(this.chunk.subarray(this.chunkStart, this.chunkEnd));
    this.chunk = undefined;
  }

  private write(bytes: Buffer): void {
    if (this.isDone || this.finishing || this.error !== undefined) return;
    if (!this.lease.connection.write(bytes)) this.full = true;
  }

  /** All data were added. */
  finish(): void {
    if (this.isDone || this.finishing) return;
    this.flush();
    this.flushPassed();
    this.finishing = true;
    this.lease.connection.write(copyDone);
  }

  /** Nothing of this COPY shall stay. */
  abort(reason: string): void {
    if (this.isDone || this.finishing) return;
    this.flushPassed();
    this.finishing = true;
    this.lease.connection.write(copyFail(reason));
  }
}
