/**
 * A connection that hands out the server's frames as they came. The oracle needs what drivers throw away (whole command
 * tags, origin of columns, states of ReadyForQuery); the fault tests need to stop in the middle of a message.
 */
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { FrameReader, frame, int32, startup, terminate, type Frame } from "./frames.ts";
import { ScramClient } from "./scram.ts";

export interface Endpoint {
  /** Host name, address, or directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  readonly database: string;
}

/** postgres://user:password@host:port/database; a Unix socket as ?host=/directory. */
export function endpointOf(url: string): Endpoint {
  const parsed = new URL(url);
  return {
    host: parsed.searchParams.get("host") ?? (parsed.hostname || "127.0.0.1"),
    port: Number(parsed.searchParams.get("port") ?? (parsed.port || "5432")),
    user: decodeURIComponent(parsed.username || "postgres"),
    password: parsed.password === "" ? undefined : decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)) || "postgres",
  };
}

export function urlOf(endpoint: Endpoint): string {
  const password = endpoint.password === undefined ? "" : `:${encodeURIComponent(endpoint.password)}`;
  const local = endpoint.host.startsWith("/");
  const host = local ? "" : `${endpoint.host}:${endpoint.port}`;
  const tail = local ? `?host=${encodeURIComponent(endpoint.host)}&port=${endpoint.port}` : "";
  return `postgres://${encodeURIComponent(endpoint.user)}${password}@${host}/${encodeURIComponent(endpoint.database)}${tail}`;
}

/** The connection ended before the answer was complete. */
export class ConnectionLostError extends Error {
  readonly sqlstate: string;
  constructor(reason: string, sqlstate = "08006") {
    super(`connection lost: ${reason}`);
    this.sqlstate = sqlstate;
  }
}

export class WireConnection {
  readonly socket: Socket;
  readonly endpoint: Endpoint;
  readonly parameters = new Map<string, string>();
  /** Body of BackendKeyData, for cancel requests. */
  cancelKey: Buffer = Buffer.alloc(0);
  readonly #reader = new FrameReader();
  readonly #arrived: Frame[] = [];
  #wake: (() => void) | undefined;
  #lost: Error | undefined;

  private constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.socket = endpoint.host.startsWith("/")
      ? connect(`${endpoint.host}/.s.PGSQL.${endpoint.port}`)
      : connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
    this.socket.on("data", (chunk) => {
      this.#arrived.push(...this.#reader.push(chunk));
      this.#wake?.();
    });
    this.socket.on("error", (error) => this.#end(error.message));
    this.socket.on("close", () => this.#end("closed by the server"));
  }

  static async connect(endpoint: Endpoint, settings: Record<string, string> = {}): Promise<WireConnection> {
    const connection = new WireConnection(endpoint);
    connection.send(startup({ user: endpoint.user, database: endpoint.database, ...settings }));
    await connection.#authenticate();
    return connection;
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(frames.length === 1 && frames[0] ? frames[0] : Buffer.concat(frames));
  }

  async next(): Promise<Frame> {
    for (;;) {
      const arrived = this.#arrived.shift();
      if (arrived) {
        if (arrived.type === "S") {
          const [name = "", value = ""] = arrived.body.toString().split("\0");
          this.parameters.set(name, value);
        }
        return arrived;
      }
      if (this.#lost) throw this.#lost;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** All frames up to and including the first of the given type. */
  async until(...types: readonly string[]): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (;;) {
      const arrived = await this.next();
      frames.push(arrived);
      if (types.includes(arrived.type)) return frames;
    }
  }

  /** Asks the server, over a connection of its own, to cancel what runs here. */
  async cancel(): Promise<void> {
    const { host, port } = this.endpoint;
    const socket = host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect({ host, port });
    await new Promise<void>((resolve) => {
      socket.on("close", () => resolve());
      socket.on("error", () => resolve());
      socket.write(Buffer.concat([int32(8 + this.cancelKey.length), int32(80877102), this.cancelKey]));
    });
  }

  /** Says good-bye. */
  async close(): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = new Promise<void>((resolve) => this.socket.once("close", () => resolve()));
    this.socket.end(terminate());
    this.socket.resume();
    await closed;
  }

  /** Vanishes without a word, as a killed client does. */
  vanish(): void {
    this.socket.resetAndDestroy();
  }

  #end(reason: string): void {
    this.#lost ??= new ConnectionLostError(reason);
    this.#wake?.();
  }

  async #authenticate(): Promise<void> {
    const password = this.endpoint.password ?? "";
    const scram = new ScramClient(password);
    for (;;) {
      const { type, body } = await this.next();
      if (type === "E") {
        const fields = body.toString().split("\0");
        const field = (code: string): string => fields.find((text) => text.startsWith(code))?.slice(1) ?? "";
        this.socket.destroy();
        throw new ConnectionLostError(field("M"), field("C"));
      }
      if (type === "K") this.cancelKey = Buffer.from(body);
      if (type === "Z") return;
      if (type !== "R") continue;
      const method = body.readInt32BE(0);
      if (method === 3) this.send(frame("p", password));
      if (method === 5) this.send(frame("p", md5Password(this.endpoint.user, password, body.subarray(4))));
      if (method === 10) {
        const first = Buffer.from(scram.first());
        this.send(frame("p", "SCRAM-SHA-256", int32(first.length), first));
      }
      if (method === 11) this.send(frame("p", Buffer.from(scram.final(body.toString("utf8", 4)))));
      if (method === 12) scram.verify(body.toString("utf8", 4));
    }
  }
}

function md5Password(user: string, password: string, salt: Buffer): string {
  const inner = createHash("md5")
    .update(password + user)
    .digest("hex");
  return `md5${createHash("md5").update(inner).update(salt).digest("hex")}`;
}
