/** All connections are read into one buffer: whatever comes, each gets its own bytes, and keeps them. */
import { once } from "node:events";
import net from "node:net";
import { expect, test } from "vitest";
import { handleOf, socketOf } from "./raw-handle.ts";

const CONNECTIONS = 8;
const BYTES_EACH = 1_000_000;

test("S3: what several clients send at the same time never mixes, also when reading stops in between", async () => {
  const received: Promise<Buffer>[] = [];
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted) => {
    received.push(readAll(socketOf(handleOf(accepted))));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const clients = Array.from({ length: CONNECTIONS }, (_, i) => {
    const client = net.connect(port, "127.0.0.1");
    // Pieces of all sizes; each byte says whose it is.
    let left = BYTES_EACH;
    for (let size = 1; left > 0; size = (size * 7) % 100_003) {
      const bytes = Math.min(left, size);
      client.write(Buffer.alloc(bytes, i));
      left -= bytes;
    }
    client.end();
    return once(client, "close");
  });
  await Promise.all(clients);
  server.close();
  const whole = await Promise.all(received);
  expect(whole.map((bytes) => bytes.length)).toEqual(Array.from(whole, () => BYTES_EACH));
  for (const bytes of whole) expect(bytes.equals(Buffer.alloc(BYTES_EACH, bytes[0]))).toBe(true);
  expect(new Set(whole.map((bytes) => bytes[0])).size).toBe(CONNECTIONS);
});

/** Keeps every chunk as it came until the end. */
function readAll(socket: net.Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (chunks.length % 5 !== 0) return;
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    socket.on("end", () => {
      socket.end();
      resolve(Buffer.concat(chunks));
    });
  });
}
