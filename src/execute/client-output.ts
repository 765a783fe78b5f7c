/**
 * What goes to the client. Pieces are collected and leave in few writes; adjacent ranges of one chunk stay one piece,
 * so a stream of rows passes through as the chunks it came in. When the client reads slowly, `full` says so and the
 * sources pause (row S12 of the failure modes: a client that never reads costs a fixed amount of memory).
 */
import { Backend } from "../protocol/message-types.ts";
import type { AnswerCopy } from "./answer-copy.ts";

/** Told of every write, so that who takes over from this process knows what the client has got. */
export interface WriteCounter {
  /** So many bytes of whole messages are about to be written. */
  writes(bytes: number): void;
}

/** Where the bytes go: the client's socket, or what carries them there. */
export interface ByteSink {
  /** False: wait for "drain" before writing much more. */
  write(bytes: Buffer): boolean;
  cork(): void;
  uncork(): void;
  end(): void;
  on(event: "drain" | "close", listener: () => void): unknown;
}

/** Collected bytes that are written without waiting for the end of the statement. */
const FLUSH_BYTES = 64 * 1024;
/** Up to this size one copy is cheaper than a vector of pieces. */
const JOIN_BYTES = 16 * 1024;

const ALWAYS_THE_CLIENTS: ReadonlySet<number> = new Set([
  Backend.noticeResponse,
  Backend.parameterStatus,
  Backend.notificationResponse,
]);

export class ClientOutput {
  private readonly socket: ByteSink;
  private readonly counter: WriteCounter | undefined;
  private pieces: Buffer[] = [];
  private bytes = 0;
  private chunk: Buffer | undefined;
  private chunkStart = 0;
  private chunkEnd = 0;
  /** The socket's buffer is full: nobody should produce more before `drained`. */
  full = false;
  private waiting: (() => void)[] = [];
  closed = false;
  /** Rows of the running statement that went this way. */
  rowsSent = 0;

  constructor(socket: ByteSink, counter?: WriteCounter) {
    this.socket = socket;
    this.counter = counter;
    socket.on("drain", () => this.release());
    socket.on("close", () => {
      this.closed = true;
      this.release();
    });
  }

  private release(): void {
    this.full = false;
    const waiting = this.waiting;
    this.waiting = [];
    for (const resume of waiting) resume();
  }

  /** Calls back once the client has read what was written (at once if it has). */
  whenDrained(resume: () => void): void {
    if (!this.full) resume();
    else this.waiting.push(resume);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.whenDrained(resolve));
  }

  /** Set while statements run whose answers are not the client's: gets their frames, except what is always the client's. */
  divertTo: ((buffer: Buffer, start: number, end: number) => void) | undefined;

  /** Gets everything that the client gets, while set. */
  copyTo: AnswerCopy | undefined;

  push(buffer: Buffer): void {
    this.append(buffer, 0, buffer.length);
  }

  append(buffer: Buffer, start: number, end: number): void {
    if (this.divertTo !== undefined && !ALWAYS_THE_CLIENTS.has(buffer[start]!))
      return this.divertTo(buffer, start, end);
    if (this.copyTo !== undefined) this.copyTo.add(buffer, start, end);
    if (this.chunk === buffer && this.chunkEnd === start) {
      this.chunkEnd = end;
    } else {
      this.closePiece();
      this.chunk = buffer;
      this.chunkStart = start;
      this.chunkEnd = end;
    }
    this.bytes += end - start;
    if (this.bytes >= FLUSH_BYTES) this.flush();
  }

  private closePiece(): void {
    if (this.chunk === undefined) return;
    const whole = this.chunkStart === 0 && this.chunkEnd === this.chunk.length;
    this.pieces.push(whole ? this.chunk : this.chunk.subarray(this.chunkStart, this.chunkEnd));
    this.chunk = undefined;
  }

  /** Hands everything to the socket. */
  flush(): void {
    this.closePiece();
    if (this.pieces.length === 0) return;
    const pieces = this.pieces;
    const bytes = this.bytes;
    this.pieces = [];
    this.bytes = 0;
    if (this.closed) return;
    this.counter?.writes(bytes);
    let taken: boolean;
    if (pieces.length === 1) {
      taken = this.socket.write(pieces[0]!);
    } else if (bytes <= JOIN_BYTES) {
      taken = this.socket.write(Buffer.concat(pieces, bytes));
    } else {
      this.socket.cork();
      taken = true;
      for (const piece of pieces) taken = this.socket.write(piece);
      this.socket.uncork();
    }
    if (!taken) this.full = true;
  }

  end(): void {
    this.flush();
    this.socket.end();
  }
}
