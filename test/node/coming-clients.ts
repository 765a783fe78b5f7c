/** Clients that come and go in all the ways that clients do, for tests and benchmarks of what they leave behind. */
import { connect } from "node:net";
import { WireConnection, type Endpoint } from "../wire/connection.ts";
import { query, startup } from "../wire/frames.ts";

/** Opens a connection of which the server hears nothing but this, and closes it: by a reset, or in good order. */
function sayOnly({ host, port }: Endpoint, bytes: Buffer, reset: boolean): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.on("error", () => {});
    socket.once("close", () => resolve());
    socket.once("connect", () => {
      if (bytes.length > 0) socket.write(bytes);
      if (reset) socket.resetAndDestroy();
      else socket.end().resume();
    });
  });
}

async function answered(wire: WireConnection, sql: string): Promise<void> {
  wire.send(query(sql));
  const frames = await wire.until("Z");
  if (frames.some(({ type }) => type === "E")) throw new Error(`${sql} failed`);
}

async function closed(wire: WireConnection): Promise<void> {
  if (!wire.socket.destroyed) await new Promise((resolve) => wire.socket.once("close", resolve));
}

/** By name; `read` is a statement that succeeds. */
const WAYS: Readonly<Record<string, (at: Endpoint, read: string) => Promise<void>>> = {
  "says good-bye": async (at, read) => {
    const wire = await WireConnection.connect(at);
    await answered(wire, read);
    await wire.close();
  },
  "vanishes after its answer": async (at, read) => {
    const wire = await WireConnection.connect(at);
    await answered(wire, read);
    wire.vanish();
    await closed(wire);
  },
  "vanishes in a block, while a statement runs": async (at, read) => {
    const wire = await WireConnection.connect(at);
    await answered(wire, "BEGIN");
    wire.send(query(read));
    wire.vanish();
    await closed(wire);
  },
  "closes its side and reads its last answer": async (at, read) => {
    const wire = await WireConnection.connect(at);
    wire.send(query(read));
    wire.socket.end();
    await wire.until("Z");
    await closed(wire);
  },
  "says nothing": (at) => sayOnly(at, Buffer.alloc(0), false),
  "stops within its first packet": (at) => sayOnly(at, Buffer.from([0, 0]), true),
  "vanishes in the middle of its log-in": ({ host, port, user, database }) =>
    sayOnly({ host, port, user, database }, startup({ user, database }), true),
  "closes its side in the middle of its log-in": ({ host, port, user, database }) =>
    sayOnly({ host, port, user, database }, startup({ user, database }), false),
  "wants a database that is not there": async (at) => {
    await WireConnection.connect({ ...at, database: "no_such_database" }).then(
      () => Promise.reject(new Error("there is no such database")),
      () => {},
    );
  },
};

/** So many clients, one way after the other, some at the same time. */
export async function comeAndGo(at: Endpoint, read: string, count: number, atOnce: number): Promise<void> {
  const ways = Object.values(WAYS);
  let next = 0;
  const one = async () => {
    while (next < count) await ways[next++ % ways.length]!(at, read);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}
