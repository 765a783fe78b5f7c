/** From a socket to a session: start-up, cancel requests, the limit on clients; and who is there. */
import type net from "node:net";
import { PgError, pgError } from "../../errors/pg-error.ts";
import type { Log } from "../../observe/log.ts";
import { backendKeyData } from "../../protocol/backend-messages.ts";
import type { SessionHost } from "../../session/host.ts";
import {
  goesOnUnnoticed,
  judgeConversation,
  type Loss,
  type Position,
} from "../../session/judge-conversation.ts";
import { KeptSession, readKept, type RestoredSession } from "../../session/kept-session.ts";
import { Session, type Client } from "../../session/session.ts";
import { Status } from "../../protocol/message-types.ts";
import { SessionState, type SessionTable } from "../../shared-memory/session-table.ts";
import { takeMail } from "../connection-mail.ts";
import { letGoOf, sharedHandleOf, socketOf, type RawHandle } from "../raw-handle.ts";
import { Departures } from "./departures.ts";
import { tcpPosition } from "./tcp-position.ts";
import { refuseClient, startClient, type ClientSession, type StartupOptions } from "./client-startup.ts";

const NOTHING = Buffer.alloc(0);

/** To a client whose session lived on connections of the process that died. */
function sessionLost(): PgError {
  return new PgError({
    severity: "FATAL",
    code: "57P02",
    message: "terminating connection because the process that served it has died",
    detail: "The session's temporary tables, cursors, advisory locks or LISTEN went with it.",
    hint: "Connect again.",
  });
}

/** What the rest of the node knows of this worker's clients, and hears of them. */
export interface ClientRegister {
  readonly table: SessionTable;
  /** Of this process. */
  readonly life: number;
  counted(change: 1 | -1): void;
  /** These connections are over. */
  closed(ids: readonly number[]): void;
  /** This session waits for another process. */
  released(id: number): void;
  /** The session of another process is to be cancelled. */
  cancel(id: number): void;
}

export class Reception {
  private readonly host: SessionHost;
  private readonly startup: StartupOptions;
  private readonly clientsMax: number;
  private readonly log: Log;
  private readonly register: ClientRegister;
  private readonly sessions = new Map<number, Session>();
  /** All connections, sessions or not yet. */
  private readonly sockets = new Map<number, net.Socket>();
  private readonly departures = new Departures((id) => this.letGo(id));
  private gone: number[] = [];
  private onEmpty: (() => void) | undefined;

  constructor(
    host: SessionHost,
    startup: StartupOptions,
    clientsMax: number,
    log: Log,
    register: ClientRegister,
  ) {
    this.host = host;
    this.startup = startup;
    this.clientsMax = clientsMax;
    this.log = log;
    this.register = register;
  }

  /** Never throws: what fails is told to the client. */
  receive(socket: net.Socket, id: number): void {
    this.open(socket, id);
    this.accept(socket, id).catch((error: unknown) => {
      if (!(error instanceof PgError))
        this.log.error("a client could not be accepted", { error: String(error) });
      const fields =
        error instanceof PgError
          ? error.fields
          : { code: "XX000", message: "internal error at the start of the session" };
      refuseClient(socket, new PgError({ ...fields, severity: "FATAL" }));
    });
  }

  private open(socket: net.Socket, id: number): void {
    this.sockets.set(id, socket);
    socket.once("close", () => this.closed(id));
  }

  /** Connections of processes that were killed, or have let go of them. Between those of two messages the worker's own sessions have their turn. */
  adoptAll(): void {
    const delivered = takeMail();
    for (const { id, handle } of delivered)
      if (handle === undefined) {
        this.log.warn("a connection is closed: this process may have no more files open", { id });
        this.closed(id);
      } else this.adopt(handle, id);
    if (delivered.length > 0) setImmediate(() => this.adoptAll());
  }

  /** Goes on where the other process stopped, if that can be known for certain. */
  private adopt(handle: RawHandle, id: number): void {
    const { table, life } = this.register;
    // It may be said twice: by a listener that died after it, and by the next one.
    if (this.sockets.has(id) || table.owner(id) !== life || table.state(id) === SessionState.released)
      return handle.close();
    const said = table.conversation(id).state();
    const released = table.state(id) === SessionState.assigned;
    // Who let go of it has looked himself whether all is as he said.
    const position = tcpPosition(handle.fd) ?? (released ? said : undefined);
    const socket = socketOf(handle);
    if (table.state(id) === SessionState.arriving && position?.read === 0) return this.receive(socket, id);
    this.open(socket, id);
    socket.on("error", () => {});
    const verdict = judgeConversation(said, position);
    const kept =
      verdict.do === "go on" && position !== undefined
        ? readKept(this.host.kept, id, position.written)
        : undefined;
    this.log.debug("a connection of another process", { id, released, verdict: verdict.do });
    const isSession = table.isLoggedIn(id) && position !== undefined;
    if (isSession && verdict.do === "go on" && kept !== undefined)
      return this.goOn(socket, id, kept, verdict.loss, position);
    new KeptSession(this.host.kept, id).end();
    if (isSession && verdict.do === "close" && verdict.tell) refuseClient(socket, sessionLost());
    else socket.destroy();
  }

  private goOn(
    socket: net.Socket,
    id: number,
    kept: RestoredSession,
    loss: Loss,
    { read, written }: Position,
  ): void {
    const conversation = this.register.table.conversation(id);
    this.register.table.resume(id);
    // Until the client has heard of its loss, whoever comes after this process has to tell it.
    const status = loss.unaware ? Status.inTransaction : loss.status;
    conversation.goOn({ ...loss, status, read, written });
    const { user, database, options } = kept.state;
    const client = { socket, user, database, options, processId: id, conversation, rest: NOTHING };
    const session = this.begin({ ...client, keyData: NOTHING });
    session.resume(kept, loss);
    this.departures.began(session);
  }

  /** Another process is to go on with this session. */
  handOver(id: number): void {
    const session = this.sessions.get(id);
    if (session !== undefined) this.departures.want(session);
  }

  /** Others are to go on with all sessions, also with those that log in yet. */
  handOverAll(): void {
    this.departures.wantAll(this.sessions.values());
  }

  /** No connection is left. */
  get isEmpty(): boolean {
    return this.sockets.size === 0;
  }

  /** False: something is begun that ends with this process. */
  private letGo(id: number): boolean {
    const [session, socket] = [this.sessions.get(id), this.sockets.get(id)];
    const handle = socket && sharedHandleOf(socket);
    if (session === undefined || socket === undefined || handle === undefined || !session.isIdle)
      return false;
    const said = session.client.conversation.state();
    // What whoever takes over would find.
    const verdict = judgeConversation(said, tcpPosition(handle.fd) ?? said);
    if (!goesOnUnnoticed(verdict) || !session.letGo()) return false;
    letGoOf(socket);
    this.sessions.delete(id);
    this.sockets.delete(id);
    this.register.counted(-1);
    this.register.table.release(id);
    this.register.released(id);
    return true;
  }

  private async accept(socket: net.Socket, id: number): Promise<void> {
    const client = await startClient(socket, this.startup);
    if (client === undefined) return;
    if (client.kind === "cancel") {
      const { pid, key } = client;
      if (this.register.table.mayCancel(pid, key) && !this.cancel(pid)) this.register.cancel(pid);
      client.socket.end();
      return;
    }
    await this.serve(client, id);
  }

  private async serve(
    { socket, user, database, options, protocolMinor, rest }: ClientSession,
    id: number,
  ): Promise<void> {
    const raw = this.sockets.get(id);
    if (raw === undefined || raw.destroyed) return;
    const conversation = this.register.table.conversation(id);
    conversation.begin(raw.bytesRead - raw.readableLength, raw.bytesWritten, Status.idle, socket !== raw);
    const key = this.register.table.activate(id, protocolMinor, this.clientsMax);
    if (key === undefined) {
      const message = "sorry, too many clients already";
      return refuseClient(socket, new PgError({ severity: "FATAL", code: "53300", message }));
    }
    const keyData = backendKeyData(id, key);
    const client = { socket, user, database, options, processId: id, keyData, rest, conversation };
    const session = this.begin(client);
    try {
      await session.start();
      this.departures.began(session);
    } catch (error) {
      session.fatal(error instanceof PgError ? error : pgError("XX000", String(error)));
    }
  }

  private begin(client: Client): Session {
    const id = client.processId;
    this.register.counted(1);
    const session = new Session(this.host, client, () => {
      this.sessions.delete(id);
      this.departures.ended(id);
      this.register.table.close(id);
      this.register.counted(-1);
    });
    this.sessions.set(id, session);
    return session;
  }

  /** False: the session is not here. */
  cancel(id: number): boolean {
    const session = this.sessions.get(id);
    if (session === undefined) return false;
    session.cancel();
    return true;
  }

  /** The connection is closed: the rest of the node forgets it. */
  private closed(id: number): void {
    this.sockets.delete(id);
    this.register.table.close(id);
    if (this.gone.push(id) === 1)
      setImmediate(() => {
        this.register.closed(this.gone);
        this.gone = [];
        if (this.sessions.size === 0) this.onEmpty?.();
      });
  }

  /** Tells the clients to go, and resolves when they have gone. */
  close(): Promise<void> {
    for (const [id, socket] of this.sockets) if (!this.sessions.has(id)) socket.destroy();
    if (this.sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.onEmpty = resolve;
      for (const session of this.sessions.values())
        session.fatal(pgError("57P01", "terminating connection due to administrator command"));
    });
  }
}
