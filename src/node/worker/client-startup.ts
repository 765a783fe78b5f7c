/**
 * The start of a client's connection, from the first byte to the authenticated session: encryption, cancel requests, the startup
 * packet, authentication. Nobody is trusted here yet, so everything is bounded: bytes, rounds and time.
 */
import type { Socket } from "node:net";
import { pgError, type PgError } from "../../errors/pg-error.ts";
import { errorResponse } from "../../protocol/error-response.ts";
import {
  readFirstPacket,
  startupPacketBytesMax,
  type FirstPacket,
  type StartupPacket,
} from "../../protocol/startup-packet.ts";
import { parseStartupSwitches } from "../../protocol/startup-switches.ts";
import { asFatal, authenticate, ClientGone, type AuthenticationSetup } from "./client-authentication.ts";
import { encrypt, type ServerTls } from "./server-tls.ts";
import { readBytes, takeRest } from "./startup-bytes.ts";

export interface StartupOptions extends AuthenticationSetup {
  /** undefined: connections are never encrypted. */
  readonly tls: ServerTls | undefined;
  /** From the first byte to AuthenticationOk; like PostgreSQL's authentication_timeout. */
  readonly deadlineMs?: number;
  /** For the log: who was not let in, and why. `error` is what the client was told, if it was told anything. */
  readonly refused?: (address: string | undefined, reason: string, error: PgError | undefined) => void;
}

export interface ClientSession {
  readonly kind: "session";
  /** Plain or encrypted; has a listener for "error", so that an error is never uncaught. Attach "data" to go on. */
  readonly socket: Socket;
  readonly user: string;
  readonly database: string;
  /** Settings, names in lower case: switches of `options` first, then parameters of their own. */
  readonly options: Map<string, string>;
  readonly protocolMinor: 0 | 2;
  readonly tls: boolean;
  /** What the client sent already after its last message of authentication. */
  readonly rest: Buffer;
}

export type ClientStartup =
  | ClientSession
  /** The caller ends `socket` once the cancel has been passed on: clients wait for that. */
  | { readonly kind: "cancel"; readonly pid: number; readonly key: Buffer; readonly socket: Socket };

const deadlineMsDefault = 60_000;
/** How long a client that was refused may take to read why and to close. */
const lingerMs = 1_000;
/** First byte of a TLS handshake: a client that does not ask before (sslnegotiation=direct). */
const tlsHandshakeByte = 0x16;
const [yes, no] = [Buffer.from("S"), Buffer.from("N")];

/** Ends the connection without a word: whoever is there does not speak the protocol, or must learn nothing. */
class Silence extends Error {}

/** undefined: it was refused or went away, and the socket is closed. Never rejects for anything that a client does. */
export async function startClient(socket: Socket, setup: StartupOptions): Promise<ClientStartup | undefined> {
  const start = new Start(socket, setup);
  try {
    return await start.run();
  } catch (error) {
    start.refuse(error);
    return undefined;
  } finally {
    start.over();
  }
}

/** Sends the error and closes; reads on for a moment, because closing over unread bytes would destroy the error on its way. */
export function refuseClient(socket: Socket, error: PgError): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
  socket.end(errorResponse(error.fields));
  socket.resume();
}

class Start {
  private readonly setup: StartupOptions;
  private readonly raw: Socket;
  private readonly timer: NodeJS.Timeout;
  private readonly address: string | undefined;
  /** The raw socket, then the encrypted one on top of it. */
  private socket: Socket;
  private tls = false;
  private timedOut = false;
  private authenticating = false;

  constructor(socket: Socket, setup: StartupOptions) {
    this.raw = socket;
    this.socket = socket;
    this.setup = setup;
    this.address = socket.remoteAddress;
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    // Stays for good: an error is always followed by "close", which is what everybody looks at.
    socket.on("error", () => {});
    this.timer = setTimeout(() => this.timeOut(), setup.deadlineMs ?? deadlineMsDefault);
  }

  over(): void {
    clearTimeout(this.timer);
  }

  async run(): Promise<ClientStartup> {
    const { address } = this;
    const packet = await this.negotiate();
    if (packet.kind === "cancel") {
      return { kind: "cancel", pid: packet.processId, key: packet.secret, socket: this.socket };
    }
    const { startup } = packet;
    if (startup.negotiation !== undefined) this.socket.write(startup.negotiation);
    checkStartup(startup);
    const { user, database, protocolMinor } = startup;
    const endPoint = this.tls ? this.setup.tls?.endPoint : undefined;
    this.authenticating = true;
    await authenticate(this.socket, { user, database, address, tls: this.tls, endPoint }, this.setup);
    if (this.timedOut) throw new Silence("the startup deadline passed");
    // Not before: what is wrong with settings concerns only who may log in.
    const options = new Map([...parseStartupSwitches(startup.switches ?? ""), ...startup.settings]);
    const { socket, tls } = this;
    return { kind: "session", socket, user, database, options, protocolMinor, tls, rest: takeRest(socket) };
  }

  refuse(error: unknown): void {
    if (this.timedOut) return this.report("the startup deadline passed", undefined);
    if (error instanceof Silence || error instanceof ClientGone) {
      this.raw.destroy();
      return this.report(error.message, undefined);
    }
    const told = asFatal(error);
    refuseClient(this.socket, told);
    this.report(error instanceof Error ? error.message : String(error), told);
  }

  private report(reason: string, told: PgError | undefined): void {
    this.setup.refused?.(this.address, reason, told);
  }

  private timeOut(): void {
    this.timedOut = true;
    if (this.authenticating) {
      refuseClient(this.socket, asFatal(pgError("57014", "canceling authentication due to timeout")));
    } else {
      this.raw.destroy();
    }
  }

  /** Answers requests for encryption until the client says what it wants. Each of them may come once. */
  private async negotiate(): Promise<Extract<FirstPacket, { kind: "cancel" | "startup" }>> {
    await this.encryptDirectly();
    const asked = new Set<string>();
    for (;;) {
      const body = await this.readPacket();
      const packet = readFirstPacket(body, this.tls);
      if (packet.kind === "cancel" || packet.kind === "startup") return packet;
      if (packet.kind === "nonsense") throw new Silence("a cancel request without key");
      if (asked.has(packet.kind)) throw new Silence("the client asked for encryption again and again");
      asked.add(packet.kind);
      const accepted = packet.kind === "tls-request" && this.setup.tls !== undefined;
      // Whoever sends on before he has the answer was not waiting for it: the bytes may be somebody else's, to be
      // taken for the encrypted client's own (CVE-2021-23214).
      if (this.socket.readableLength > 0) {
        const encryption = packet.kind === "tls-request" ? "SSL" : "GSSAPI encryption";
        throw pgError("08P01", `received unencrypted data after ${encryption} request`, {
          detail:
            "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
        });
      }
      this.socket.write(accepted ? yes : no);
      if (accepted) await this.encrypt(false);
    }
  }

  private async encryptDirectly(): Promise<void> {
    const first = await readBytes(this.raw, 1);
    if (first === undefined) throw new Silence("the client sent nothing");
    this.raw.unshift(first);
    if (first[0] !== tlsHandshakeByte) return;
    if (this.setup.tls === undefined) throw new Silence("a TLS handshake, but TLS is off");
    await this.encrypt(true);
  }

  private async encrypt(direct: boolean): Promise<void> {
    const encrypted = await encrypt(this.raw, this.setup.tls!, direct);
    if (encrypted === undefined) throw new Silence("the TLS handshake failed");
    this.socket = encrypted;
    this.tls = true;
  }

  private async readPacket(): Promise<Buffer> {
    const head = await readBytes(this.socket, 4);
    if (head === undefined) throw new Silence("the client went away before its startup packet");
    const length = head.readInt32BE(0) - 4;
    if (length < 4 || length > startupPacketBytesMax) throw new Silence("invalid length of startup packet");
    const body = await readBytes(this.socket, length);
    if (body === undefined) throw new Silence("incomplete startup packet");
    return body;
  }
}

function checkStartup(startup: StartupPacket): void {
  if (startup.user === "") throw pgError("28000", "no PostgreSQL user name specified in startup packet");
  const { replication } = startup;
  if (replication === undefined || /^(false|off|no|0|f|n)$/i.test(replication)) return;
  throw pgError("0A000", "replication connections are not supported");
}
