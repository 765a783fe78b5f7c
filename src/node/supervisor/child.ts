/** One record of the table of processes and the process that has it: started again, with growing delays, for as long as the node runs. */
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { closeSync } from "node:fs";
import { afterEnd, noRestarts } from "../../operations/restart-delay.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { ProcessKind } from "../../shared-memory/process-table.ts";
import type { FromProcess, ProcessStart, ToProcess } from "../messages.ts";
import type { RawHandle } from "../raw-handle.ts";
import { ConnectionMail, MAIL_FD, type Addressed } from "../connection-mail.ts";

/** A process that was told to stop and does not is killed. */
const STOP_MS_MAX = 3_000;

export interface ChildOptions {
  readonly kind: ProcessKind;
  /** Its record. */
  readonly slot: number;
  readonly memory: NodeMemory;
  /** The command line of a child process, to which its kind is added. */
  readonly command: readonly string[];
  /** What it has to know, besides its slot and life. */
  readonly start: Omit<ProcessStart, "slot" | "life">;
  message(child: Child, message: FromProcess, handle: RawHandle | undefined): void;
  /** Its lines for the log. */
  wrote(text: string): void;
  /** How long its next process may wait at least, others having what it did. */
  delayMsMin(child: Child): number;
  /** It has ended before the node's end; it is started again after so long, or has retired. */
  ended(child: Child, reason: string, delayMs: number | "retired"): void;
  /** It serves (again). */
  ready(child: Child): void;
}

export class Child {
  readonly kind: ProcessKind;
  readonly slot: number;
  private readonly options: ChildOptions;
  private process: ChildProcess | undefined;
  private mail: ConnectionMail | undefined;
  private stopping = false;
  private retiring = false;
  private restarts = -1;
  private history = noRestarts;
  /** When the process began, in milliseconds since 1970. */
  startedAt = 0;
  /** Of the program that it runs, as it says itself. */
  version = "";
  private timer: NodeJS.Timeout | undefined;
  private unfinishedLine = "";
  /** What has not left yet. Node forgets handles that wait for a process when it ends, and would keep them open. */
  private readonly sending = new Set<(error: Error | null) => void>();
  /** Of the process that runs now, or ran last. */
  life = 0;
  /** Rejects when the first process of this record cannot begin. */
  readonly firstReady: Promise<void>;
  private begun: { resolve(): void; reject(error: Error): void } | undefined;

  constructor(options: ChildOptions) {
    this.options = options;
    this.kind = options.kind;
    this.slot = options.slot;
    this.firstReady = new Promise((resolve, reject) => (this.begun = { resolve, reject }));
    this.begin();
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  private begin(): void {
    const { options } = this;
    this.restarts++;
    this.startedAt = Date.now();
    this.life = options.memory.processes.begin(options.slot, this.kind, this.restarts);
    this.mail = this.kind === "worker" ? ConnectionMail.open() : undefined;
    const stdio: StdioOptions = ["ignore", "ignore", "pipe", "ipc"];
    if (this.mail !== undefined) stdio[MAIL_FD] = this.mail.other;
    let child: ChildProcess;
    try {
      child = spawn(process.execPath, [...options.command, this.kind], { stdio });
    } catch (error) {
      return void setImmediate(() => this.exited(String(error)));
    } finally {
      if (this.mail !== undefined) closeSync(this.mail.other);
    }
    this.process = child;
    if (child.pid !== undefined) options.memory.processes.setPid(options.slot, child.pid);
    // Where the process could not be made there is neither, and no "exit" either.
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.log(text));
    child.on("message", (message: FromProcess, handle: unknown) =>
      this.heard(message, handle as RawHandle | undefined),
    );
    child.on("error", (error) => {
      if (child.pid === undefined) this.exited(error.message);
    });
    child.once("exit", (code, signal) => this.exited(signal ?? `code ${code}`));
    this.send({ kind: "start", start: { ...options.start, slot: options.slot, life: this.life } });
  }

  private log(text: string): void {
    const end = text.lastIndexOf("\n") + 1;
    if (end > 0) this.options.wrote(this.unfinishedLine + text.slice(0, end));
    this.unfinishedLine = end > 0 ? text.slice(end) : this.unfinishedLine + text;
  }

  private heard(message: FromProcess, handle: RawHandle | undefined): void {
    const { options } = this;
    if (message.kind === "begun") this.version = message.version;
    else if (message.kind === "ready") {
      options.memory.processes.setReady(options.slot);
      options.ready(this);
      this.begun?.resolve();
      this.begun = undefined;
    } else if (message.kind === "failed") this.begun?.reject(new Error(message.message));
    else options.message(this, message, handle);
  }

  private exited(reason: string): void {
    const { options } = this;
    this.process = undefined;
    this.mail?.close();
    this.mail = undefined;
    options.memory.processes.end(options.slot);
    options.memory.forgetProcess(options.slot, this.life);
    for (const sent of this.sending) sent(new Error("it has ended"));
    if (this.stopping) return;
    if (this.retiring) return options.ended(this, reason, "retired");
    if (this.begun !== undefined)
      return this.begun.reject(new Error(`the ${this.kind} process ended (${reason})`));
    const next = afterEnd(this.history, Date.now() - this.startedAt);
    this.history = next.history;
    const delayMs = Math.max(next.delayMs, options.delayMsMin(this));
    options.ended(this, reason, delayMs);
    this.timer = setTimeout(() => this.begin(), delayMs);
  }

  /** `sent` is called when the message has left this process, or cannot. */
  send(message: ToProcess, handle?: RawHandle, sent: (error: Error | null) => void = () => {}): void {
    const child = this.process;
    if (child === undefined || !child.connected) return void setImmediate(sent, new Error("not running"));
    const once = (error: Error | null) => {
      if (this.sending.delete(once)) sent(error);
    };
    this.sending.add(once);
    // Node's types know sockets and servers only (raw-handle.ts).
    child.send(message, handle as never, undefined, once);
  }

  /** Whether connections can be handed to it at all (connection-mail.ts). */
  get hasMail(): boolean {
    return this.mail !== undefined;
  }

  /** Hands connections to a worker to go on with. How many it gets, from the first on; undefined: it gets none any more. */
  deliver(connections: readonly Addressed[]): number | undefined {
    const sent = this.mail?.send(connections);
    if (sent !== undefined && sent > 0) this.send({ kind: "mail" });
    return sent;
  }

  /** As if it had died by itself. */
  kill(): void {
    this.process?.kill("SIGKILL");
  }

  /** Tells it to stop, and resolves when it has ended. */
  stop(): Promise<void> {
    this.stopping = true;
    return this.end({ kind: "stop" }, STOP_MS_MAX);
  }

  /** Another takes its place: it gives away what it has, for so long, and is not started again. Resolves when it has ended. */
  retire(ms: number): Promise<void> {
    this.retiring = true;
    return this.end({ kind: "retire", ms }, ms + STOP_MS_MAX);
  }

  private async end(message: ToProcess, msMax: number): Promise<void> {
    clearTimeout(this.timer);
    const child = this.process;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    this.send(message);
    const timer = setTimeout(() => child.kill("SIGKILL"), msMax);
    await ended;
    clearTimeout(timer);
  }
}
