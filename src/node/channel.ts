/** A process's end of its channel to the supervisor. */
import type { RawHandle } from "./raw-handle.ts";
import type { FromProcess, ProcessStart, ToProcess } from "./messages.ts";

const LOOK_FOR_SUPERVISOR_MS = 200;

export type Listener = (message: ToProcess, handle: RawHandle | undefined) => void;

export class Channel {
  private listener: Listener | undefined;
  /** What came before anybody listened. */
  private early: [ToProcess, RawHandle | undefined][] = [];
  /** Resolves with the supervisor's first message. */
  readonly start: Promise<ProcessStart>;

  constructor() {
    let begin: (start: ProcessStart) => void = () => {};
    this.start = new Promise((resolve) => (begin = resolve));
    process.on("message", (message: ToProcess, handle: unknown) => {
      if (message.kind === "start") begin(message.start);
      else if (this.listener === undefined) this.early.push([message, handle as RawHandle | undefined]);
      else this.listener(message, handle as RawHandle | undefined);
    });
    // Without its supervisor a process serves nobody (row N6). Node does not always say that the channel is closed: not while a
    // connection waits in it.
    const supervisor = process.ppid;
    process.on("disconnect", () => process.exit(1));
    setInterval(() => {
      if (process.ppid !== supervisor || !process.connected) process.exit(1);
    }, LOOK_FOR_SUPERVISOR_MS);
  }

  listen(listener: Listener): void {
    this.listener = listener;
    for (const [message, handle] of this.early.splice(0)) listener(message, handle);
  }

  /** Resolves when it has left this process. The supervisor may be gone: then this process ends too. */
  send(message: FromProcess, handle?: RawHandle): Promise<void> {
    return new Promise((resolve) => {
      if (!process.connected || !process.send) return resolve();
      // Node's types know sockets and servers only (raw-handle.ts).
      process.send(message, handle as never, undefined, () => resolve());
    });
  }
}
