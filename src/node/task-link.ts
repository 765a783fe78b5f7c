/**
 * Between a worker and an executor: one connection over a Unix socket for each task, so that the kernel holds back whoever sends too
 * much, and so that each hears at once when the other has died. Frames are those of PostgreSQL's protocol: a type byte, a length that
 * counts itself, a body.
 */
import type { Socket } from "node:net";
import { join } from "node:path";
import { SNAPSHOT_SYMBOLS } from "../catalog/snapshot-codec.ts";
import type { PgError } from "../errors/pg-error.ts";
import type { ByteSink } from "../execute/client-output.ts";
import type { DependentTask } from "../execute/dependent-task.ts";
import { FrameReader } from "../protocol/frame-reader.ts";
import { decodeGraph, encodeGraph } from "../shared-memory/graph-codec.ts";

export const TaskFrame = {
  /** From the worker: the task, the first frame. */
  task: 0x54,
  /** From the worker: the client wants its statement cancelled. */
  cancel: 0x43,
  /** From the executor: is a table of the statement another one than it was planned for? From the worker: 1 if so, else 0. */
  definitions: 0x44,
  /** From the executor: a server has accepted the statement. */
  begin: 0x42,
  /** From the executor: how far it is. */
  progress: 0x50,
  /** From the executor: whole messages for the client. */
  answer: 0x41,
  /** From the executor: how it went, the last frame. */
  end: 0x45,
} as const;

/** How a task went. */
export interface TaskEnd {
  /** Command tag. */
  readonly tag?: string | undefined;
  readonly error?: PgError | undefined;
  /** The statement has to be planned again. */
  readonly stale?: true;
  /** No server has accepted the statement's parameters. */
  readonly dropped?: true;
  /** A defect: the stack of what was thrown. */
  readonly defect?: string;
}

const HEADER_BYTES = 5;
/** The largest message of a server, and what may have been collected before it. */
const FRAME_BYTES_MAX = 0x7fff_ffff;
/** What the operating system takes as the name of a socket, with some room for the number behind it. */
const PATH_BYTES_MAX = 90;

/** The socket of the executor with this record; the node's memory is a directory that nobody else may enter. */
export function executorSocket(memory: string, slot: number): string {
  return join(memory, `executor-${slot}`);
}

export function canHaveSockets(memory: string): boolean {
  return Buffer.byteLength(memory) <= PATH_BYTES_MAX;
}

function header(type: number, bodyBytes: number): Buffer {
  const head = Buffer.allocUnsafe(HEADER_BYTES);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(bodyBytes + HEADER_BYTES - 1, 1);
  return head;
}

export class TaskLink implements ByteSink {
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
  }

  /** Frames come as ranges of buffers that are not used again; `start` and `end` enclose the body. */
  listen(frame: (type: number, buffer: Buffer, start: number, end: number) => void): void {
    const reader = new FrameReader(
      {
        frame: (type, buffer, start, end) => frame(type, buffer, start + HEADER_BYTES, end),
        invalidLength: () => this.socket.destroy(),
      },
      () => FRAME_BYTES_MAX,
    );
    this.socket.on("data", (chunk: Buffer) => reader.push(chunk));
  }

  send(type: number, body: Buffer): boolean {
    this.socket.cork();
    this.socket.write(header(type, body.length));
    const taken = this.socket.write(body);
    this.socket.uncork();
    return taken;
  }

  /** Whole messages for the client. */
  write(bytes: Buffer): boolean {
    return this.send(TaskFrame.answer, bytes);
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  on(event: "drain" | "close", listener: () => void): unknown {
    return this.socket.on(event, listener);
  }

  /** Stops reading: the other side is held back. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

const PHASES = ["moving data", "running"] as const;
export type TaskPhase = (typeof PHASES)[number];

/** `rows`: in all messages for the client up to those that follow. */
export function encodeProgress(phase: TaskPhase, rows: number): Buffer {
  const bytes = Buffer.allocUnsafe(9);
  bytes.writeUInt8(PHASES.indexOf(phase), 0);
  bytes.writeDoubleBE(rows, 1);
  return bytes;
}

export function decodeProgress(buffer: Buffer, start: number): { phase: TaskPhase; rows: number } {
  return { phase: PHASES[buffer.readUInt8(start)]!, rows: buffer.readDoubleBE(start + 1) };
}

/** Undefined: it holds what cannot travel. */
export function encodeTask(task: DependentTask): Buffer | undefined {
  return encodeGraph(task, { symbols: SNAPSHOT_SYMBOLS });
}

export function decodeTask(bytes: Buffer): DependentTask {
  return decodeGraph(bytes, { symbols: SNAPSHOT_SYMBOLS }) as DependentTask;
}

export function encodeEnd(end: TaskEnd): Buffer {
  const bytes = encodeGraph(end);
  if (bytes === undefined) throw new Error("the end of a task holds something that is no plain data");
  return bytes;
}

export function decodeEnd(bytes: Buffer): TaskEnd {
  return decodeGraph(bytes) as TaskEnd;
}
