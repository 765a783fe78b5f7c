/**
 * One connection to a server. Requests are pipelined: each is some bytes that make the server answer with exactly one
 * ReadyForQuery, and a receiver for what comes until then. Frames are handed out as ranges of the chunk they arrived in.
 */
import net from "node:net";
import type { Server } from "../config/topology.ts";
import { pgError, type PgError } from "../errors/pg-error.ts";
import { PgError as PgErrorClass } from "../errors/pg-error.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { FrameReader } from "../protocol/frame-reader.ts";
import { cancelRequest, query as queryMessage, startup, terminate } from "../protocol/frontend-messages.ts";
import { readDataRow } from "../protocol/backend-messages.ts";
import { Backend, Status, type TransactionStatus } from "../protocol/message-types.ts";

/** Hears the answer to one request. Buffers are only valid as long as the receiver keeps them referenced; none is reused. */
export interface Receiver {
  /** A whole frame in buffer[start, end), type byte included; ReadyForQuery, ParameterStatus and notifications excepted. */
  frame(type: number, buffer: Buffer, start: number, end: number): void;
  /** ReadyForQuery: the request is done. */
  ready(status: TransactionStatus): void;
  /** The connection broke before the request was done: what it did is unknown. */
  lost(error: PgError): void;
}

export interface ConnectOptions {
  readonly user: string;
  readonly database: string;
  readonly applicationName?: string;
}

/** The largest frame that a server may send: PostgreSQL's own limit of 1 GB for a value, and some. */
const FRAME_BYTES_MAX = 0x7fff_fffe;

export class BackendConnection {
  readonly server: Server;
  readonly user: string;
  readonly database: string;
  processId = 0;
  private secret = Buffer.alloc(0);
  /** Status of the last ReadyForQuery. */
  status: TransactionStatus = Status.idle;
  /** Fingerprint of the session settings in force here; undefined = not known, set all again. */
  settingsKey: string | undefined = "";
  /** Custom settings (app.tenant) that were ever set here: a server's session does not forget that they exist. */
  readonly customSettings = new Set<string>();
  /** Prepared statements here: what they stand for → their name. Oldest first. */
  readonly prepared = new Map<string, string>();
  private preparedCount = 0;
  private readonly socket: net.Socket;
  private readonly reader: FrameReader;
  private readonly receivers: Receiver[] = [];
  private head = 0;
  /** When the request that runs now came to the head of the pipeline, and when the server was last heard, by performance.now(). */
  headSince = 0;
  private heardAt = 0;
  private closedBy: PgError | undefined;
  private pausedBy = 0;
  private onClosed: ((error: PgError) => void) | undefined;
  /** A cancel request is on its way: nobody else may get this connection before it has arrived (row S9). */
  cancelling: Promise<void> | undefined;
  onNotification: ((frame: Buffer) => void) | undefined;

  private constructor(server: Server, options: ConnectOptions, socket: net.Socket) {
    this.server = server;
    this.user = options.user;
    this.database = options.database;
    this.socket = socket;
    this.reader = new FrameReader(
      {
        frame: (type, buffer, start, end) => this.frame(type, buffer, start, end),
        invalidLength: () => this.fail(this.brokenError("sent a malformed message")),
      },
      () => FRAME_BYTES_MAX,
    );
  }

  /** Connects and logs in. Throws PgError: the server's own, or 08006 when it cannot be reached. */
  static connect(server: Server, options: ConnectOptions): Promise<BackendConnection> {
    return new Promise((resolve, reject) => {
      const socket = server.host.startsWith("/")
        ? net.connect({ path: `${server.host}/.s.PGSQL.${server.port}` })
        : net.connect({ host: server.host, port: server.port, noDelay: true });
      const connection = new BackendConnection(server, options, socket);
      let failure: PgError | undefined;
      connection.receivers.push({
        frame: (type, buffer, start, end) => {
          if (type === Backend.authentication) {
            if (buffer.readInt32BE(start + 5) !== 0)
              failure = pgError("08006", `node "${server.name}" asks for a password`, {
                hint: "Let the user of the coordinator log in without one (peer or trust on the socket).",
              });
          } else if (type === Backend.backendKeyData) {
            connection.processId = buffer.readInt32BE(start + 5);
            connection.secret = Buffer.from(buffer.subarray(start + 9, end));
          } else if (type === Backend.errorResponse) {
            failure = new PgErrorClass(parseErrorFields(buffer, start + 5, end));
          }
          if (failure !== undefined) connection.fail(failure);
        },
        ready: () => resolve(connection),
        lost: (error) => reject(failure ?? error),
      });
      socket.once("connect", () => {
        socket.write(
          startup({
            user: options.user,
            database: options.database,
            ...(options.applicationName === undefined ? {} : { application_name: options.applicationName }),
            client_encoding: "UTF8",
          }),
        );
      });
      socket.on("data", (chunk: Buffer) => {
        connection.heardAt = performance.now();
        connection.reader.push(chunk);
      });
      socket.on("error", (error) => connection.fail(connection.brokenError(error.message)));
      socket.on("close", () => connection.fail(connection.brokenError("closed the connection")));
      socket.on("drain", () => connection.onDrain?.());
    });
  }

  /** Called when the socket takes more after `send` or `write` returned false. */
  onDrain: (() => void) | undefined;

  private brokenError(what: string): PgError {
    return pgError("08006", `connection to node "${this.server.name}" failed: ${what}`, {
      hint: "The statement may be run again once the node is back; see `pleiad status`.",
    });
  }

  get closed(): boolean {
    return this.closedBy !== undefined;
  }

  /** Requests under way. */
  get depth(): number {
    return this.receivers.length - this.head;
  }

  whenClosed(listener: (error: PgError) => void): void {
    if (this.closedBy !== undefined) listener(this.closedBy);
    else this.onClosed = listener;
  }

  /** Sends a request; false when the socket's buffer is full (wait for onDrain before writing much more). */
  send(bytes: Buffer, receiver: Receiver): boolean {
    if (this.closedBy !== undefined) {
      receiver.lost(this.closedBy);
      return true;
    }
    this.expect(receiver);
    return this.socket.write(bytes);
  }

  /** Announces a request whose bytes follow by `write`, in the same order. */
  expect(receiver: Receiver): void {
    if (this.closedBy !== undefined) {
      receiver.lost(this.closedBy);
      return;
    }
    if (this.depth === 0) this.headSince = performance.now();
    this.receivers.push(receiver);
  }

  /** More bytes of the request last sent (COPY data). */
  write(bytes: Buffer): boolean {
    return this.closedBy !== undefined || this.socket.write(bytes);
  }

  /** Lets several sends leave in one system call. */
  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  /** Stops reading (back-pressure); calls nest. */
  pause(): void {
    if (this.pausedBy++ === 0) this.socket.pause();
  }

  resume(): void {
    if (this.pausedBy > 0 && --this.pausedBy === 0) this.socket.resume();
  }

  /** A name for a statement to be prepared here, and the names that must be closed to stay under the limit. */
  namePrepared(key: string, countMax: number): { name: string; evicted: string[] } {
    const evicted: string[] = [];
    while (this.prepared.size >= countMax) {
      const [oldest, name] = this.prepared.entries().next().value!;
      this.prepared.delete(oldest);
      evicted.push(name);
    }
    const name = `p${++this.preparedCount}`;
    this.prepared.set(key, name);
    return { name, evicted };
  }

  /**
   * Sends a request of Pleiad's own and hands its frames to `onFrame`, errors excepted. Rejects, once the request is done, with the
   * first error of the server, or with the loss of the connection.
   */
  exchange(bytes: Buffer, onFrame: Receiver["frame"] = () => {}): Promise<void> {
    return new Promise((resolve, reject) => {
      let error: PgError | undefined;
      this.send(bytes, {
        frame: (type, buffer, start, end) => {
          if (type === Backend.errorResponse)
            error ??= new PgErrorClass(parseErrorFields(buffer, start + 5, end));
          else onFrame(type, buffer, start, end);
        },
        ready: () => (error === undefined ? resolve() : reject(error)),
        lost: reject,
      });
    });
  }

  /** The same for requests that give rows in text form: those of the last result. */
  async exchangeRows(bytes: Buffer): Promise<(string | null)[][]> {
    let rows: (string | null)[][] = [];
    await this.exchange(bytes, (type, buffer, start, end) => {
      if (type === Backend.dataRow)
        rows.push(readDataRow(buffer, start, end).map((v) => (v === null ? null : v.toString())));
      else if (type === Backend.rowDescription) rows = [];
    });
    return rows;
  }

  /** Runs SQL of Pleiad's own (simple protocol) and gives the rows of the last result, in text form. Throws the server's error. */
  query(sql: string): Promise<(string | null)[][]> {
    return this.exchangeRows(queryMessage(sql));
  }

  /** Asks the server, over a connection of its own, to cancel what runs here. Resolves when the request was delivered. */
  cancel(): Promise<void> {
    // One that was sent before may arrive after this one.
    const delivered = Promise.all([this.cancelling, this.requestCancel()]);
    const settled = delivered.then(() => {
      if (this.cancelling === settled) this.cancelling = undefined;
    });
    this.cancelling = settled;
    return settled;
  }

  private requestCancel(): Promise<void> {
    return new Promise((resolve) => {
      const socket = this.server.host.startsWith("/")
        ? net.connect({ path: `${this.server.host}/.s.PGSQL.${this.server.port}` })
        : net.connect({ host: this.server.host, port: this.server.port });
      socket.once("connect", () => socket.write(cancelRequest(this.processId, this.secret)));
      socket.on("error", () => resolve());
      socket.on("close", () => resolve());
      socket.resume();
    });
  }

  /** Says goodbye and closes. */
  close(): void {
    if (this.closedBy === undefined) this.socket.end(terminate);
    this.fail(this.brokenError("closed"));
  }

  /** Breaks the connection: the server ends its transaction. */
  destroy(reason = "dropped"): void {
    this.fail(this.brokenError(reason));
  }

  private frame(type: number, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case Backend.readyForQuery: {
        const receiver = this.receivers[this.head]!;
        this.head++;
        if (this.head === this.receivers.length) {
          this.receivers.length = 0;
          this.head = 0;
        } else if (this.head > 256) {
          this.receivers.splice(0, this.head);
          this.head = 0;
        }
        this.headSince = this.heardAt;
        this.status = buffer[start + 5]! as TransactionStatus;
        receiver.ready(this.status);
        return;
      }
      case Backend.parameterStatus:
        return;
      case Backend.notificationResponse:
        this.onNotification?.(Buffer.from(buffer.subarray(start, end)));
        return;
      default: {
        const receiver = this.receivers[this.head];
        if (receiver !== undefined) receiver.frame(type, buffer, start, end);
        else if (type === Backend.errorResponse)
          // The server ends an idle connection: shutdown, or an administrator's command.
          this.fail(new PgErrorClass(parseErrorFields(buffer, start + 5, end)));
      }
    }
  }

  private fail(error: PgError): void {
    if (this.closedBy !== undefined) return;
    this.closedBy = error;
    this.reader.stop();
    this.socket.destroySoon();
    const waiting = this.receivers.splice(this.head);
    this.receivers.length = 0;
    this.head = 0;
    for (const receiver of waiting) receiver.lost(error);
    this.onClosed?.(error);
  }
}
