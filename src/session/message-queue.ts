/** The client's messages, one at a time and in order, however they arrive; reading stops while many wait. */
import type { Duplex } from "node:stream";
import { pgError, type PgError } from "../errors/pg-error.ts";
import { FrameReader } from "../protocol/frame-reader.ts";
import type { Conversation, HeldMessage } from "../shared-memory/conversation.ts";
import { Frontend } from "../protocol/message-types.ts";

/** A frame: `start` and `end` enclose the body. */
export interface ClientMessage {
  readonly type: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Its first bytes went with another process: only its type is known. */
  readonly lost?: true;
}

export interface MessageQueueEvents {
  protocolError(error: PgError): void;
  /** The client sends no more, and waits for an answer or has gone. */
  finished(): void;
  closed(): void;
}

const NOTHING = Buffer.alloc(0);

/** PostgreSQL's own limits: 1 GB for messages that carry data or text, 10,000 bytes for the rest (PQ_LARGE_MESSAGE_LIMIT, PQ_SMALL_MESSAGE_LIMIT). */
const LARGE_BYTES_MAX = 0x3fff_ffff;
const SMALL_BYTES_MAX = 10_000;
const LARGE = traitOf([
  Frontend.query,
  Frontend.functionCall,
  Frontend.bind,
  Frontend.parse,
  Frontend.copyData,
]);
const KNOWN = traitOf(Object.values(Frontend));

/** Each is answered by a ReadyForQuery of its own. */
const ANSWERED = traitOf([Frontend.query, Frontend.sync]);
const UNTIL_SYNC = traitOf([
  Frontend.parse,
  Frontend.bind,
  Frontend.describe,
  Frontend.execute,
  Frontend.close,
  Frontend.flush,
  Frontend.functionCall,
]);

/** By type: does it have the trait? Asked several times of every message. */
function traitOf(types: readonly number[]): readonly boolean[] {
  return Array.from({ length: 256 }, (_, type) => types.includes(type));
}

/** Of the extended protocol: others follow, to the Sync. */
export function isUntilSync(type: number): boolean {
  return UNTIL_SYNC[type]!;
}

/** Bytes of waiting messages beyond which the socket is not read. */
const WAITING_BYTES_MAX = 1 << 20;

export class MessageQueue {
  private readonly socket: Duplex;
  private readonly handle: (message: ClientMessage) => Promise<void> | void;
  private readonly events: MessageQueueEvents;
  private readonly conversation: Conversation;
  private readonly reader: FrameReader;
  private queue: ClientMessage[] = [];
  private head = 0;
  private waitingBytes = 0;
  private busy = false;
  private paused = false;
  private stopped = false;
  private taker: ((message: ClientMessage | undefined) => void) | undefined;
  private failure: PgError | undefined;
  private finished = false;
  private started = false;
  /** Called whenever nothing that has come waits, or is worked at, any more. */
  whenIdle: (() => void) | undefined;

  constructor(
    socket: Duplex,
    conversation: Conversation,
    handle: (message: ClientMessage) => Promise<void> | void,
    events: MessageQueueEvents,
  ) {
    this.socket = socket;
    this.conversation = conversation;
    this.handle = handle;
    this.events = events;
    this.reader = new FrameReader(
      {
        frame: (type, buffer, start, end) => this.arrive({ type, buffer, start: start + 5, end }),
        skipped: (type) => this.arrive({ type, buffer: NOTHING, start: 0, end: 0, lost: true }),
        invalidLength: () => this.refuse(pgError("08P01", "invalid message length")),
      },
      (type) => (LARGE[type]! ? LARGE_BYTES_MAX : SMALL_BYTES_MAX),
    );
  }

  start(rest: Buffer): void {
    this.started = true;
    this.socket.on("data", (chunk: Buffer) => {
      this.conversation.received(chunk.length);
      this.read(chunk);
    });
    this.socket.on("end", () => this.finish());
    this.socket.on("close", () => this.close());
    this.socket.on("error", () => this.close());
    // It may have gone while the session began: that is not said again.
    if (this.socket.destroyed) return this.close();
    if (rest.length > 0) this.read(rest);
    // So may its side of the connection be closed: that is not said again either.
    if (this.socket.readableEnded) return this.finish();
    this.socket.resume();
  }

  /** The same in the middle of a message of which another process has read the first bytes. */
  startWithin(held: HeldMessage): void {
    if (held.needed > 0) {
      this.reader.skip(held.needed - held.bytes, held.head.readInt32BE());
      this.start(Buffer.alloc(0));
    } else this.start(held.head);
  }

  private read(bytes: Buffer): void {
    const { reader } = this;
    reader.push(bytes);
    const held = reader.heldBytes;
    this.conversation.understood(held, reader.neededBytes, held > 0 ? reader.heldHead : 0);
    this.wake();
  }

  /** The client sends no more, but may still read: what it has sent is answered first. */
  private finish(): void {
    this.finished = true;
    if (!this.busy) this.close();
    else {
      this.wake();
      this.events.finished();
    }
  }

  /** The client sends no more. */
  get isFinished(): boolean {
    return this.finished;
  }

  private close(): void {
    if (this.stopped) return;
    this.taker?.(undefined);
    this.events.closed();
  }

  stop(): void {
    this.stopped = true;
    this.reader.stop();
    this.queue = [];
    this.head = 0;
    this.taker?.(undefined);
    this.taker = undefined;
  }

  private refuse(error: PgError): void {
    this.failure ??= error;
  }

  private arrive(message: ClientMessage): void {
    if (this.stopped) return;
    if (!KNOWN[message.type]) {
      this.reader.stop();
      this.refuse(pgError("08P01", `invalid frontend message type ${message.type}`));
      return;
    }
    if (ANSWERED[message.type]) this.conversation.requested("answered by itself");
    else if (UNTIL_SYNC[message.type]) this.conversation.requested("until Sync");
    this.queue.push(message);
    this.waitingBytes += message.end - message.start;
    if (this.waitingBytes > WAITING_BYTES_MAX && !this.paused) {
      this.paused = true;
      this.socket.pause();
    }
  }

  private shift(): ClientMessage | undefined {
    if (this.head >= this.queue.length) return undefined;
    const message = this.queue[this.head]!;
    this.head++;
    if (this.head === this.queue.length) {
      this.queue = [];
      this.head = 0;
    } else if (this.head > 1024) {
      this.queue.splice(0, this.head);
      this.head = 0;
    }
    this.waitingBytes -= message.end - message.start;
    if (this.paused && this.waitingBytes < WAITING_BYTES_MAX / 2) {
      this.paused = false;
      this.socket.resume();
    }
    return message;
  }

  /** The type of the message that comes next, if it has arrived. */
  peekType(): number | undefined {
    return this.queue[this.head]?.type;
  }

  /** Everything that was read is done with; what the last bytes are the beginning of, the conversation says. */
  get isIdle(): boolean {
    return (
      this.started &&
      !this.busy &&
      !this.stopped &&
      !this.finished &&
      this.failure === undefined &&
      this.head === this.queue.length
    );
  }

  /** For a handler that consumes messages itself (COPY): the next one, undefined when the client has gone. */
  take(): ClientMessage | Promise<ClientMessage | undefined> | undefined {
    const message = this.shift();
    if (message !== undefined) return this.taken(message);
    if (this.stopped || this.finished || this.failure !== undefined) return undefined;
    return new Promise((resolve) => {
      this.taker = resolve;
    });
  }

  /** Whatever comes within a COPY is part of it: nothing else answers it. */
  private taken(message: ClientMessage): ClientMessage {
    if (ANSWERED[message.type]) this.conversation.requestIgnored();
    return message;
  }

  /** Lets a take() that waits for the client return at once, without a message. */
  interrupt(): void {
    const { taker } = this;
    this.taker = undefined;
    taker?.(undefined);
  }

  private wake(): void {
    if (this.taker !== undefined) {
      const message = this.shift();
      if (message === undefined && this.failure === undefined && !this.finished) return;
      const taker = this.taker;
      this.taker = undefined;
      taker(message && this.taken(message));
      return;
    }
    if (!this.busy) this.run();
  }

  /** Handles message after message, in one go as far as none has to be waited for. */
  private readonly run = (): void => {
    this.busy = true;
    for (let message = this.shift(); message !== undefined && !this.stopped; message = this.shift()) {
      const handled = this.handle(message);
      if (handled !== undefined) {
        void handled.then(this.run);
        return;
      }
    }
    this.busy = false;
    if (this.stopped) return;
    if (this.failure !== undefined) this.events.protocolError(this.failure);
    else if (this.finished) this.close();
    else this.whenIdle?.();
  };
}
