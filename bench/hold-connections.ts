/**
 * A process that opens client connections and holds them: `tsx bench/hold-connections.ts`, told by messages what to do. Each
 * connection is a real one, logged in. Apart from the benchmark's own process, whose limit of open files it does not share.
 */
import { connect, type Socket } from "node:net";
import type { Endpoint } from "../test/wire/connection.ts";
import { query, startup, terminate } from "../test/wire/frames.ts";

/** To the process. */
export type HoldRequest =
  | { readonly do: "open"; readonly at: Endpoint; readonly count: number }
  /** Every connection asks something and must be answered. */
  | { readonly do: "ask" }
  | { readonly do: "close" };

/** Its answer. */
export interface HoldReply {
  /** Connections that are open, or that were answered. */
  readonly count: number;
  readonly ms: number;
  /** Why others are not. */
  readonly failures: readonly string[];
}

/** Connections that are being opened at the same time. */
const AT_ONCE = 64;
/** ReadyForQuery, idle. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const QUESTION = query("SELECT 1");

const held = new Set<Socket>();

/** Resolves when the session is ready; rejects with what the server said instead. */
function open(at: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(at.port, at.host);
    socket.write(startup({ user: at.user, database: at.database }));
    socket.once("error", reject).once("close", () => reject(new Error("closed by the server")));
    answered(socket, reject, () => resolve(socket));
  });
}

/** Calls `done` at the next ReadyForQuery. */
function answered(socket: Socket, failed: (error: Error) => void, done: () => void): void {
  const hear = (chunk: Buffer) => {
    if (chunk[0] === 0x45) failed(new Error(chunk.toString("latin1", 5).replaceAll("\0", " ")));
    if (!chunk.subarray(-READY.length).equals(READY)) return;
    socket.off("data", hear);
    done();
  };
  socket.on("data", hear);
}

async function openMany(at: Endpoint, count: number): Promise<string[]> {
  const failures: string[] = [];
  let begun = 0;
  const one = async () => {
    while (begun++ < count && failures.length < AT_ONCE) {
      try {
        const socket = await open(at);
        socket.removeAllListeners("error").removeAllListeners("close");
        socket.on("error", () => {}).once("close", () => held.delete(socket));
        held.add(socket);
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return failures;
}

async function askAll(): Promise<string[]> {
  const failures: string[] = [];
  await Promise.all(
    [...held].map(
      (socket) =>
        new Promise<void>((resolve) => {
          const failed = (error: Error) => {
            failures.push(error.message);
            resolve();
          };
          socket.once("close", () => failed(new Error("closed by the server")));
          answered(socket, failed, () => {
            socket.removeAllListeners("close");
            socket.once("close", () => held.delete(socket));
            resolve();
          });
          socket.write(QUESTION);
        }),
    ),
  );
  return failures;
}

async function closeAll(): Promise<string[]> {
  await Promise.all(
    [...held].map((socket) => {
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.end(terminate());
      socket.resume();
      return closed;
    }),
  );
  return [];
}

async function answer(request: HoldRequest): Promise<void> {
  const start = performance.now();
  const failures =
    request.do === "open"
      ? await openMany(request.at, request.count)
      : request.do === "ask"
        ? await askAll()
        : await closeAll();
  const count = request.do === "ask" ? held.size - failures.length : held.size;
  process.send?.({ count, ms: performance.now() - start, failures } satisfies HoldReply);
}

process.on("message", (request: HoldRequest) => void answer(request));
process.on("disconnect", () => process.exit(0));
