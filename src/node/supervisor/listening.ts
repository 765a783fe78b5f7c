/**
 * The socket on which clients connect: made by the first listener, and kept here for those that come after it. While there is none, the
 * kernel lets connections wait.
 */
import type { RawHandle } from "../raw-handle.ts";
import type { Child } from "./child.ts";

/** Why nobody can listen there. */
export class CannotListen extends Error {
  /** The operating system's code: EADDRINUSE, EACCES … */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

interface Asked {
  readonly host: string;
  readonly port: number;
  resolve(port: number): void;
  reject(error: Error): void;
}

export class Listening {
  private asked: Asked | undefined;
  /** Where clients connect, once they can. */
  address: string | undefined;
  private socket: RawHandle | undefined;

  /** Gives the port (0 took any). Throws CannotListen. */
  begin(listener: Child, host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.asked = { host, port, resolve, reject };
      listener.send({ kind: "listen", host, port });
    });
  }

  begun(port: number, socket: RawHandle): void {
    this.socket = socket;
    if (this.asked !== undefined) this.address = `${this.asked.host}:${port}`;
    this.asked?.resolve(port);
    this.asked = undefined;
  }

  failed(code: string, message: string): void {
    this.asked?.reject(new CannotListen(code, message));
    this.asked = undefined;
  }

  /** From now on this one is the listener; of the connections in `held` there are handles. */
  goOn(listener: Child, held: readonly number[]): void {
    if (this.socket !== undefined) listener.send({ kind: "take over", held }, this.socket);
    else if (this.asked !== undefined) {
      const { host, port } = this.asked;
      listener.send({ kind: "listen", host, port });
    }
  }

  /** Nobody is let in any more. */
  end(): void {
    this.socket?.close();
  }
}
