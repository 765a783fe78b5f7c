/**
 * Reads a client's first messages from a socket, exactly as many bytes as they have: what follows stays in the socket for whoever
 * comes next, be it TLS or the session.
 */
import type { Socket } from "node:net";

/** undefined: the client went away before it had sent that many. */
export function readBytes(socket: Socket, count: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const settle = (bytes: Buffer | undefined) => {
      socket.off("readable", attempt).off("end", lost).off("close", lost);
      resolve(bytes);
    };
    const lost = () => settle(undefined);
    const attempt = () => {
      const bytes = socket.read(count) as Buffer | null;
      // At the stream's end read() hands out what is left, even if it is less.
      if (bytes !== null) settle(bytes.length === count ? bytes : undefined);
    };
    if (count === 0) return resolve(Buffer.alloc(0));
    if (socket.destroyed || socket.readableEnded) return resolve(undefined);
    socket.on("readable", attempt).once("end", lost).once("close", lost);
    if (socket.readableLength >= count) attempt();
  });
}

/** What has arrived and was not asked for. Attaching a "data" listener afterwards brings the rest. */
export function takeRest(socket: Socket): Buffer {
  return (socket.read() as Buffer | null) ?? Buffer.alloc(0);
}
