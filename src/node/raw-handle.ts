/**
 * Client connections on their way between processes. What travels is libuv's own handle and not Node's socket around it: a
 * socket that arrives begins to read at once, a handle stays unread until somebody makes a socket of it. Node's cluster module
 * passes connections in the same way.
 */
import { Socket, type Server, type SocketConstructorOpts } from "node:net";

export interface RawHandle {
  readonly fd: number;
  close(): void;
}

/** Takes the handle out of a socket that has read nothing (pauseOnConnect). */
export function handleOf(socket: Socket): RawHandle {
  const holder = socket as unknown as { _handle: RawHandle | null };
  const handle = holder._handle;
  if (handle === null) throw new Error("the connection is closed already");
  holder._handle = null;
  return handle;
}

/** The handle of a server that listens, which keeps it. */
export function handleOfServer(server: Server): RawHandle {
  return (server as unknown as { _handle: RawHandle })._handle;
}

/** The handle of a socket that keeps it; undefined: it is closed. */
export function sharedHandleOf(socket: Socket): RawHandle | undefined {
  return (socket as unknown as { _handle: RawHandle | null })._handle ?? undefined;
}

/** Closes this process's handle of a connection that others have too: nothing more is read, and the client hears nothing. The socket is of no use any more. */
export function letGoOf(socket: Socket): void {
  const handle = sharedHandleOf(socket);
  socket.removeAllListeners();
  socket.on("error", () => {});
  (socket as unknown as { _handle: RawHandle | null })._handle = null;
  handle?.close();
  socket.destroy();
}

/**
 * Where the kernel puts what it has for any connection, one at a time. By itself Node takes 64 KB of memory for each read and gives
 * back what was too much: most of what a read costs when a statement has a hundred bytes.
 */
const landing = Buffer.allocUnsafeSlow(65_536);

export function socketOf(handle: RawHandle): Socket {
  const socket: Socket = new Socket({
    handle,
    readable: true,
    writable: true,
    // A client may send its last statement, close its side, and still read the answer.
    allowHalfOpen: true,
    onread: {
      buffer: landing,
      callback: (bytes: number) => {
        const chunk = Buffer.allocUnsafe(bytes);
        landing.copy(chunk, 0, 0, bytes);
        return socket.push(chunk);
      },
    },
  } as SocketConstructorOpts);
  return socket;
}
