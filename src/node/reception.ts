/** From a socket to a session: start-up, cancel requests, the limit on clients; and who is there. */
import type net from "node:net";
import { PgError, pgError } from "../errors/pg-error.ts";
import type { Log } from "../observe/log.ts";
import { backendKeyData } from "../protocol/backend-messages.ts";
import type { SessionHost } from "../session/host.ts";
import { Session } from "../session/session.ts";
import { CancelRegistry } from "./cancel-registry.ts";
import { refuseClient, startClient, type ClientSession, type StartupOptions } from "./client-startup.ts";

export class Reception {
  private readonly host: SessionHost;
  private readonly startup: StartupOptions;
  private readonly clientsMax: number;
  private readonly log: Log;
  private readonly cancels = new CancelRegistry();
  private readonly sessions = new Set<Session>();
  /** Connections that are not sessions yet. */
  private readonly arriving = new Set<net.Socket>();

  constructor(host: SessionHost, startup: StartupOptions, clientsMax: number, log: Log) {
    this.host = host;
    this.startup = startup;
    this.clientsMax = clientsMax;
    this.log = log;
  }

  /** Never throws: what fails is told to the client. */
  receive(socket: net.Socket): void {
    this.arriving.add(socket);
    this.accept(socket)
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

  private async accept(socket: net.Socket): Promise<void> {
    const client = await startClient(socket, this.startup);
    if (client === undefined) return;
    if (client.kind === "cancel") {
      this.cancels.cancel(client.pid, client.key);
      client.socket.end();
      return;
    }
    if (this.sessions.size >= this.clientsMax) {
      const message = "sorry, too many clients already";
      refuseClient(client.socket, new PgError({ severity: "FATAL", code: "53300", message }));
      return;
    }
    await this.serve(client);
  }

  private async serve({
    socket,
    user,
    database,
    options,
    protocolMinor,
    rest,
  }: ClientSession): Promise<void> {
    const registration = this.cancels.register(protocolMinor, () => session.cancel());
    const { pid: processId, key } = registration;
    const session = new Session(
      this.host,
      { socket, user, database, options, processId, keyData: backendKeyData(processId, key), rest },
      () => {
        this.sessions.delete(session);
        registration.release();
      },
    );
    this.sessions.add(session);
    try {
      await session.start();
    } catch (error) {
      session.fatal(error instanceof PgError ? error : pgError("XX000", String(error)));
    }
  }

  /** Tells the clients to go. */
  close(): void {
    for (const session of this.sessions)
      session.fatal(pgError("57P01", "terminating connection due to administrator command"));
    for (const socket of this.arriving) socket.destroy();
  }
}
