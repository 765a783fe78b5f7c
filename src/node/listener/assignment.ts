/** Which worker serves which connection: the one that has the fewest. */
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import { SessionState } from "../../shared-memory/session-table.ts";
import type { RawHandle } from "../raw-handle.ts";

/** How often it is looked whether a worker is ready again. */
const LOOK_AGAIN_MS = 20;

export interface AssignmentActions {
  /** Sends the connection to the worker of this life; `new`: no worker has had it. */
  give(id: number, life: number, handle: RawHandle, isNew: boolean): void;
  /** There is no room for it. */
  refuse(handle: RawHandle): void;
}

export class Assignment {
  private readonly memory: NodeMemory;
  private readonly serving: number;
  private readonly actions: AssignmentActions;
  /** Our duplicates of the clients' connections. */
  private readonly handles = new Map<number, RawHandle>();
  /** Connections of each worker, by its life. */
  private readonly load = new Map<number, number>();
  /** Connections for which no worker is ready. */
  private readonly waiting = new Set<number>();
  private looking: NodeJS.Timeout | undefined;

  /** `serving`: workers that get connections at the same time. */
  constructor(memory: NodeMemory, serving: number, actions: AssignmentActions) {
    this.memory = memory;
    this.forgetLost();
    this.serving = serving;
    this.actions = actions;
  }

  accept(handle: RawHandle): void {
    const id = this.memory.sessions.allot();
    if (id === undefined) return this.actions.refuse(handle);
    this.handles.set(id, handle);
    this.assign(id);
  }

  /** Its worker has died before it had the connection. */
  returned(id: number, life: number): void {
    // Its end may have been heard first: then the connection is another's already.
    if (this.handles.has(id) && this.memory.sessions.owner(id) === life) this.assign(id);
  }

  /** Another listener had it, and has died. */
  hold(id: number, handle: RawHandle): void {
    if (!this.memory.sessions.isCurrent(id) || this.handles.has(id)) return handle.close();
    this.handles.set(id, handle);
    this.count(this.memory.sessions.owner(id), 1);
  }

  /** Its worker is done with it. */
  closed(id: number): void {
    this.handles.get(id)?.close();
    this.handles.delete(id);
    const { sessions } = this.memory;
    if (!sessions.isCurrent(id)) return;
    this.count(sessions.owner(id), -1);
    sessions.free(id);
  }

  /** What a worker served that has died goes to others. */
  workerEnded(life: number): void {
    const { sessions } = this.memory;
    this.load.delete(life);
    for (const id of sessions.ownedBy(life)) {
      if (sessions.state(id) !== SessionState.closed && this.handles.has(id)) this.assign(id);
      else this.drop(id);
    }
  }

  /** Connections of which no process has a handle any more. */
  private forgetLost(): void {
    const { sessions, processes } = this.memory;
    const lives = new Set(processes.entries().map(({ life }) => life));
    for (const id of sessions.taken())
      if (sessions.state(id) === SessionState.closed || !lives.has(sessions.owner(id))) this.drop(id);
  }

  private drop(id: number): void {
    this.memory.sessions.close(id);
    this.closed(id);
  }

  private count(life: number, change: 1 | -1): void {
    this.load.set(life, Math.max(0, (this.load.get(life) ?? 0) + change));
  }

  private assign(id: number): void {
    const worker = this.leastBusy();
    if (worker === undefined) {
      this.waiting.add(id);
      this.looking ??= setInterval(() => this.assignWaiting(), LOOK_AGAIN_MS);
      return;
    }
    const isNew = this.memory.sessions.owner(id) === 0;
    this.count(worker, 1);
    this.memory.sessions.setOwner(id, worker);
    this.actions.give(id, worker, this.handles.get(id)!, isNew);
  }

  private assignWaiting(): void {
    if (this.leastBusy() === undefined) return;
    clearInterval(this.looking);
    this.looking = undefined;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const id of waiting) if (this.handles.has(id)) this.assign(id);
  }

  /** Of the workers that serve; the youngest stand by for one that dies. */
  private leastBusy(): number | undefined {
    const ready = this.memory.processes
      .entries()
      .filter(({ kind, state }) => kind === "worker" && state === "ready")
      .map(({ life }) => life)
      .toSorted((a, b) => a - b)
      .slice(0, this.serving);
    const connections = (life: number) => this.load.get(life) ?? 0;
    return ready.toSorted((a, b) => connections(a) - connections(b))[0];
  }
}
