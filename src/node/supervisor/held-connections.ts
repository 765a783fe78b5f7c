/**
 * The supervisor's own handles of the clients' connections. It neither reads nor writes, but a connection lives as long as anybody has a
 * handle of it: so that of the listener and the workers each may die, or be replaced, at any time.
 */
import type { RawHandle } from "../raw-handle.ts";

interface Held {
  readonly handle: RawHandle;
  /** How often it is on its way right now: libuv must not find a closed handle when it comes to send it. */
  lent: number;
  over: boolean;
}

export class HeldConnections {
  private readonly held = new Map<number, Held>();

  keep(id: number, handle: RawHandle): void {
    this.held.set(id, { handle, lent: 0, over: false });
  }

  /** The handle, to be sent; `sent` is to be called when that is done or has failed. Undefined: there is no such connection. */
  lend(id: number): { readonly handle: RawHandle; sent(): void } | undefined {
    const held = this.held.get(id);
    if (held === undefined) return undefined;
    held.lent++;
    return {
      handle: held.handle,
      sent: () => {
        held.lent--;
        if (held.over && held.lent === 0) held.handle.close();
      },
    };
  }

  /** Undefined: there is no such connection. */
  fd(id: number): number | undefined {
    return this.held.get(id)?.handle.fd;
  }

  /** The connection is over. */
  close(id: number): void {
    const held = this.held.get(id);
    if (held === undefined) return;
    this.held.delete(id);
    held.over = true;
    if (held.lent === 0) held.handle.close();
  }

  closeAll(): void {
    for (const id of this.ids()) this.close(id);
  }

  ids(): number[] {
    return [...this.held.keys()];
  }
}
