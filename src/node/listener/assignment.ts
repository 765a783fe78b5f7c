/** Which worker serves which connection: the one that has the fewest. */
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { RawHandle } from "../raw-handle.ts";

/** How often it is looked whether a worker is ready again. */
const LOOK_AGAIN_MS = 20;

export interface AssignmentActions {
  /** Sends the connection to the worker of this life. */
  give(id: number, life: number, handle: RawHandle): void;
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
  private waiting: number[] = [];
  private looking: NodeJS.Timeout | undefined;

  /** `serving`: workers that get connections at the same time. */
  constructor(memory: NodeMemory, serving: number, actions: AssignmentActions) {
    this.memory = memory;
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
  returned(id: number): void {
    if (this.handles.has(id)) this.assign(id);
  }

  /** Its worker is done with it. */
  closed(id: number): void {
    const handle = this.handles.get(id);
    if (handle === undefined) return;
    const { sessions } = this.memory;
    const life = sessions.owner(id);
    this.load.set(life, Math.max(0, (this.load.get(life) ?? 0) - 1));
    this.handles.delete(id);
    sessions.free(id);
    handle.close();
  }

  /** What a worker served that has died ends with it. */
  workerEnded(life: number): void {
    for (const id of this.memory.sessions.ownedBy(life)) {
      this.memory.sessions.close(id);
      if (this.handles.has(id)) this.closed(id);
      else this.memory.sessions.free(id);
    }
    this.load.delete(life);
  }

  private assign(id: number): void {
    const worker = this.leastBusy();
    if (worker === undefined) {
      this.waiting.push(id);
      this.looking ??= setInterval(() => this.assignWaiting(), LOOK_AGAIN_MS);
      return;
    }
    this.load.set(worker, (this.load.get(worker) ?? 0) + 1);
    this.memory.sessions.setOwner(id, worker);
    this.actions.give(id, worker, this.handles.get(id)!);
  }

  private assignWaiting(): void {
    if (this.leastBusy() === undefined) return;
    clearInterval(this.looking);
    this.looking = undefined;
    for (const id of this.waiting.splice(0)) this.assign(id);
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
