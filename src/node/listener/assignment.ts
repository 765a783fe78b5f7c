/** Which worker serves which connection: a new one that which has the fewest, later one that has time. What it goes by is in the shared memory, for the next listener too. */
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { ProcessEntry } from "../../shared-memory/process-table.ts";
import { SessionState } from "../../shared-memory/session-table.ts";
import type { RawHandle } from "../raw-handle.ts";
import { Balance } from "./balance.ts";

/** New connections that may wait for a record: of a storm nobody is sent away who can be heard a moment later (row N4). */
const OUTSIDE_MAX = 10_000;
/** How often it is looked whether a worker is ready again. */
const LOOK_AGAIN_MS = 20;

export interface AssignmentActions {
  /** Sends the connection to the worker of this life; `handle`: it is a new one. */
  give(id: number, life: number, handle: RawHandle | undefined): void;
  /** There is no room for it. */
  refuse(handle: RawHandle): void;
  /** Nobody goes on with these. */
  closed(ids: readonly number[]): void;
  /** The worker of this life is to let go of the session. */
  handOver(id: number, life: number): void;
}

export class Assignment {
  private readonly memory: NodeMemory;
  private readonly serving: number;
  private readonly actions: AssignmentActions;
  /** New connections for which there is no record yet, the oldest first. */
  private readonly outside: RawHandle[] = [];
  /** New connections that no worker has yet. */
  private readonly arrived = new Map<number, RawHandle>();
  /** Connections of each worker, by its life. */
  private readonly connections = new Map<number, number>();
  /** Connections for which no worker is ready. */
  private readonly waiting = new Set<number>();
  private looking: NodeJS.Timeout | undefined;
  private readonly balancing = new Balance();
  /** Sessions that are to go to the worker of this life. */
  private readonly wanted = new Map<number, number>();

  /** `serving`: workers that get connections at the same time. */
  constructor(memory: NodeMemory, serving: number, actions: AssignmentActions) {
    this.memory = memory;
    this.serving = serving;
    this.actions = actions;
  }

  /** Another listener had the connections before; of those that are `held` there is a handle. */
  takeOver(held: readonly number[]): void {
    const { sessions, processes } = this.memory;
    const there = new Set(held);
    const lives = new Set(processes.entries().map(({ life }) => life));
    const taken = sessions.taken();
    this.connections.clear();
    for (const id of taken) this.count(sessions.owner(id), 1);
    for (const id of taken)
      if (sessions.state(id) === SessionState.closed || !there.has(id)) this.drop(id);
      else if (!lives.has(sessions.owner(id))) this.assign(id);
      else if (sessions.state(id) === SessionState.released) this.released(id);
      else if (sessions.state(id) === SessionState.assigned)
        // Its worker may have heard it already; then it does nothing.
        this.actions.give(id, sessions.owner(id), undefined);
  }

  accept(handle: RawHandle): void {
    if (this.outside.length === 0 && this.register(handle)) return;
    if (this.outside.length < OUTSIDE_MAX) this.outside.push(handle);
    else this.actions.refuse(handle);
  }

  /** False: all records are taken. */
  private register(handle: RawHandle): boolean {
    const id = this.memory.sessions.allot();
    if (id === undefined) return false;
    this.arrived.set(id, handle);
    this.assign(id);
    return true;
  }

  /** Its worker has died before it had the connection. */
  returned(id: number, life: number): void {
    const { sessions } = this.memory;
    // Its end may have been heard first: then the connection is another's already.
    if (sessions.isCurrent(id) && sessions.owner(id) === life) this.assign(id);
  }

  /** Its worker has let go of it, so that another may have it. */
  released(id: number): void {
    const { sessions } = this.memory;
    if (sessions.isCurrent(id) && sessions.beginAssignment(id))
      this.assign(id, this.servingWorkers(), this.wanted.get(id));
    this.wanted.delete(id);
  }

  /** Lets busy workers give sessions to idle ones; to be called about once a second. */
  balance(now: number): void {
    const { sessions } = this.memory;
    const activities = () =>
      sessions.taken().map((id) => {
        const { requests, isFree } = sessions.conversation(id);
        const movable = isFree && sessions.state(id) === SessionState.active;
        return { id, owner: sessions.owner(id), requests, movable };
      });
    for (const { id, from, to } of this.balancing.look(this.servingWorkers(), activities, now)) {
      this.wanted.set(id, to);
      this.actions.handOver(id, from);
    }
  }

  /** Nothing that was accepted is here any more. */
  get isEmpty(): boolean {
    return this.arrived.size === 0;
  }

  /** Its worker is done with it. */
  closed(id: number): void {
    const { sessions } = this.memory;
    this.wanted.delete(id);
    if (!sessions.isCurrent(id)) return;
    this.count(sessions.owner(id), -1);
    sessions.free(id);
    const next = this.outside[0];
    if (next !== undefined && this.register(next)) this.outside.shift();
  }

  /** What a worker served that has died goes to others. */
  workerEnded(life: number): void {
    const { sessions } = this.memory;
    const serving = this.servingWorkers();
    for (const id of sessions.ownedBy(life))
      if (sessions.state(id) === SessionState.closed) this.drop(id);
      else this.assign(id, serving);
    this.connections.delete(life);
  }

  private drop(id: number): void {
    this.memory.sessions.close(id);
    this.closed(id);
    this.actions.closed([id]);
  }

  private count(life: number, change: 1 | -1): void {
    this.connections.set(life, Math.max(0, (this.connections.get(life) ?? 0) + change));
  }

  /** `wish`: to this worker, if it serves. */
  private assign(id: number, serving = this.servingWorkers(), wish?: number): void {
    const worker = serving.find(({ life }) => life === wish)?.life ?? this.fewest(serving);
    if (worker === undefined) {
      this.waiting.add(id);
      this.looking ??= setInterval(() => this.assignWaiting(), LOOK_AGAIN_MS);
      return;
    }
    const { sessions } = this.memory;
    sessions.beginAssignment(id);
    this.count(sessions.owner(id), -1);
    this.count(worker, 1);
    sessions.setOwner(id, worker);
    this.actions.give(id, worker, this.arrived.get(id));
    this.arrived.delete(id);
  }

  private assignWaiting(): void {
    const serving = this.servingWorkers();
    if (serving.length === 0) return;
    clearInterval(this.looking);
    this.looking = undefined;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const id of waiting) if (this.memory.sessions.isCurrent(id)) this.assign(id, serving);
  }

  /** The youngest stand by for one that dies. */
  private servingWorkers(): readonly ProcessEntry[] {
    return this.memory.processes
      .entries()
      .filter(({ kind, state }) => kind === "worker" && state === "ready")
      .toSorted((a, b) => a.life - b.life)
      .slice(0, this.serving);
  }

  /** The worker with the fewest connections. */
  private fewest(serving: readonly ProcessEntry[]): number | undefined {
    const count = (life: number) => this.connections.get(life) ?? 0;
    return serving.map(({ life }) => life).toSorted((a, b) => count(a) - count(b))[0];
  }
}
