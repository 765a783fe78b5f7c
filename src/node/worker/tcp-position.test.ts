import { once } from "node:events";
import net from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { handleOf, socketOf, type RawHandle } from "../raw-handle.ts";
import { tcpPosition } from "./tcp-position.ts";

let server: net.Server;
let client: net.Socket;
/** The server's end, which nobody reads until a socket is made of it. */
let handle: RawHandle;

beforeEach(async () => {
  server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[net.Socket]>;
  client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  client.setNoDelay(true);
  await once(client, "connect");
  const [socket] = await accepted;
  handle = handleOf(socket);
});

afterEach(() => {
  client.destroy();
  server.close();
});

const position = () => tcpPosition(handle.fd);

/** Until the kernel says so: what the peer has sent arrives when it likes. */
async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** Everything that the client has sent has come to this side, read or not. */
async function arrived(socket: net.Socket, bytes: number): Promise<void> {
  let read = socket.bytesRead;
  while (read < bytes) {
    await once(socket, "data");
    read = socket.bytesRead;
  }
}

function write(socket: net.Socket, bytes: number): Promise<void> {
  return new Promise((resolve, reject) =>
    socket.write(Buffer.alloc(bytes, 7), (error) => (error ? reject(error) : resolve())),
  );
}

describe.skipIf(process.platform !== "linux")("N1: a connection's position", () => {
  test("begins at nothing, whatever has come and was not read", async () => {
    expect(position()).toEqual({ read: 0, written: 0 });
    await write(client, 1_000);
    const socket = socketOf(handle);
    socket.once("readable", () => {});
    await waitFor(() => socket.bytesRead === 1_000);
    expect(position()).toEqual({ read: 1_000, written: 0 });
    socket.destroy();
  });

  test("does not count what is unread", async () => {
    const socket = socketOf(handle);
    socket.resume();
    await write(client, 10);
    await arrived(socket, 10);
    (handle as RawHandle & { readStop(): void }).readStop();
    await write(client, 5_000);
    // The peer has its answer from this side's kernel: the bytes are here.
    await waitFor(() => tcpPosition(clientFd())?.written === 5_010 + 1);
    expect(position()).toEqual({ read: 10, written: 0 });
    socket.destroy();
  });

  test("is what was read and written, in pieces of any size", async () => {
    const socket = socketOf(handle);
    socket.on("data", () => {});
    client.on("data", () => {});
    let [read, written] = [0, 0];
    for (const [comes, goes] of [
      [1, 1],
      [1, 70_000],
      [300_000, 5],
      [4, 4],
      [2_000_000, 1_000_000],
    ] as const) {
      await Promise.all([write(client, comes), write(socket, goes)]);
      read += comes;
      written += goes;
      await arrived(socket, read);
      expect(position()).toEqual({ read, written });
    }
    expect({ read: socket.bytesRead, written: socket.bytesWritten }).toEqual({ read, written });
    socket.destroy();
  });

  test("counts what the kernel has taken and the peer has not read", async () => {
    const socket = socketOf(handle);
    socket.resume();
    client.pause();
    let taken = 0;
    // Until the kernel takes no more: the last one stays in this process.
    while (socket.writableLength === 0) {
      socket.write(Buffer.alloc(10_000));
      taken += 10_000;
    }
    const { written } = position()!;
    expect(written).toBe(
      taken - (socket as unknown as { _handle: { writeQueueSize: number } })._handle.writeQueueSize,
    );
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(taken);
    client.resume();
    await waitFor(() => position()?.written === taken);
    socket.destroy();
  });

  test("is the same after the client has closed its side", async () => {
    const socket = socketOf(handle);
    socket.resume();
    await write(socket, 300);
    client.resume();
    client.end(Buffer.alloc(200));
    await once(socket, "end");
    expect(position()).toEqual({ read: 200, written: 300 });
    await write(socket, 50);
    expect(position()).toEqual({ read: 200, written: 350 });
    socket.destroy();
  });

  test("is the same when the end came with bytes that nobody has read", async () => {
    await write(client, 200);
    client.end(Buffer.alloc(100));
    await once(client, "finish");
    // Its kernel has heard that this side has all of it, the end included.
    await waitFor(() => tcpPosition(clientFd())?.written === 302);
    expect(position()).toEqual({ read: 0, written: 0 });
    handle.close();
  });

  test("is not known of what is no TCP connection", () => {
    expect(tcpPosition(-1)).toBeUndefined();
    expect(tcpPosition(2)).toBeUndefined();
  });
});

function clientFd(): number {
  return (client as unknown as { _handle: RawHandle })._handle.fd;
}
