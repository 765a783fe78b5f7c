/** From a socket to a session: start-up, cancel requests, the limit on clients; and who is there. */
import type net from "node:net";
import { PgError, pgError } from "../../errors/pg-error.ts";
import type { Log } from "../../observe/log.ts";
import { backendKeyData } from "../../protocol/backend-messages.ts";
import type { SessionHost } from "../../session/host.ts";
import { Session } from "../../session/session.ts";
import type { SessionTable } from "../../shared-memory/session-table.ts";
import { refuseClient, startClient, type ClientSession, type StartupOptions } from "./client-startup.ts";

/** What the rest of the node knows of this worker's clients, and hears of them. */
export interface ClientRegister {
  readonly table: SessionTable;
  counted(change: 1 | -1): void;
  /** These connections are over. */
  closed(ids: readonly number[]): void;
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
  /** Connections that are not sessions yet. */
  private readonly arriving = new Set<net.Socket>();
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
    this.arriving.add(socket);
    socket.once("close", () => this.closed(id));
    this.accept(socket, id)
      .catch((error: unknown) => {
        if (!(error instanceof PgError))
          this.log.error("a client could not be accepted", { error: String(error) });
        const fields =
          error instanceof PgError
            ? error.fields
            : { code: "XX000", message: "internal error at the start of the session" };
        refuseClient(socket, new PgError({ ...fields, severity: "FATAL" }));
      })
      .finally(() => this.arriving.delete(socket));
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
    if (this.register.table.active >= this.clientsMax) {
      const message = "sorry, too many clients already";
      refuseClient(client.socket, new PgError({ severity: "FATAL", code: "53300", message }));
      return;
    }
    await this.serve(client, id);
  }

  private async serve(
    { socket, user, database, options, protocolMinor, rest }: ClientSession,
    id: number,
  ): Promise<void> {
    if (socket.destroyed) return;
    const key = this.register.table.activate(id, protocolMinor);
    this.register.counted(1);
    const session = new Session(
      this.host,
      { socket, user, database, options, processId: id, keyData: backendKeyData(id, key), rest },
      () => {
        this.sessions.delete(id);
        this.register.table.close(id);
        this.register.counted(-1);
      },
    );
    this.sessions.set(id, session);
    try {
      await session.start();
    } catch (error) {
      session.fatal(error instanceof PgError ? error : pgError("XX000", String(error)));
    }
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
    for (const socket of this.arriving) socket.destroy();
    if (this.sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.onEmpty = resolve;
      for (const session of this.sessions.values())
        session.fatal(pgError("57P01", "terminating connection due to administrator command"));
    });
  }
}
