/** The processes of a node, as all of them see each other: kind, process id, life, and what they count. */

const RECORD_INTS = 16;

/** Processes that a node may have at most, ended ones that are being replaced included. */
export const PROCESSES_MAX = 128;

const HEAD_INTS = 16;

export const processInts = HEAD_INTS + PROCESSES_MAX * RECORD_INTS;

export const ProcessKind = { listener: 1, worker: 2, transactions: 3, executor: 4 } as const;
export type ProcessKind = keyof typeof ProcessKind;

/** free: nobody has the record; starting; ready: it serves; leaving: another takes its place, it gets nothing new. */
export const ProcessState = { free: 0, starting: 1, ready: 2, leaving: 3 } as const;
export type ProcessState = keyof typeof ProcessState;

const Field = { state: 0, kind: 1, pid: 2, life: 3, restarts: 4, sessions: 5, beats: 6, load: 7 } as const;
type Field = (typeof Field)[keyof typeof Field];

/** A load is kept in thousandths. */
const LOAD_PARTS = 1000;

export interface ProcessEntry {
  readonly slot: number;
  readonly kind: ProcessKind;
  readonly state: ProcessState;
  readonly pid: number;
  /** Another number for every process that a node has ever started. */
  readonly life: number;
  /** How often it was started again. */
  readonly restarts: number;
  /** Clients that it serves; of an executor, statements that it works for. */
  readonly sessions: number;
  /** The part of the time in which its event loop did something, of the last half second. */
  readonly load: number;
}

export class ProcessTable {
  /** First the last life that was given, then the records. */
  private readonly ints: Int32Array;

  constructor(ints: Int32Array) {
    this.ints = ints;
  }

  /** A new life in this record. Only the supervisor calls this. */
  begin(slot: number, kind: ProcessKind, restarts: number): number {
    const life = Atomics.add(this.ints, 0, 1) + 1;
    this.set(slot, Field.kind, ProcessKind[kind]);
    this.set(slot, Field.pid, 0);
    this.set(slot, Field.life, life);
    this.set(slot, Field.restarts, restarts);
    this.set(slot, Field.sessions, 0);
    this.set(slot, Field.load, 0);
    this.set(slot, Field.state, ProcessState.starting);
    return life;
  }

  setPid(slot: number, pid: number): void {
    this.set(slot, Field.pid, pid);
  }

  setReady(slot: number): void {
    this.set(slot, Field.state, ProcessState.ready);
  }

  setLeaving(slot: number): void {
    this.set(slot, Field.state, ProcessState.leaving);
  }

  /** It stays after all. */
  setStaying(slot: number): void {
    const at = this.at(slot, Field.state);
    Atomics.compareExchange(this.ints, at, ProcessState.leaving, ProcessState.ready);
  }

  /** This process still turns; `load`, from 0 to 1: so much of the time since the last beat. */
  beat(slot: number, load: number): void {
    this.set(slot, Field.load, Math.round(load * LOAD_PARTS));
    Atomics.add(this.ints, this.at(slot, Field.beats), 1);
  }

  beats(slot: number): number {
    return this.get(slot, Field.beats);
  }

  end(slot: number): void {
    this.set(slot, Field.state, ProcessState.free);
  }

  countSession(slot: number, change: 1 | -1): void {
    Atomics.add(this.ints, this.at(slot, Field.sessions), change);
  }

  /** All that run. */
  entries(): ProcessEntry[] {
    const found: ProcessEntry[] = [];
    for (let slot = 0; slot < PROCESSES_MAX; slot++) {
      const state = nameOf(ProcessState, this.get(slot, Field.state));
      if (state === "free") continue;
      found.push({
        slot,
        state,
        kind: nameOf(ProcessKind, this.get(slot, Field.kind)),
        pid: this.get(slot, Field.pid),
        life: this.get(slot, Field.life),
        restarts: this.get(slot, Field.restarts),
        sessions: this.get(slot, Field.sessions),
        load: this.get(slot, Field.load) / LOAD_PARTS,
      });
    }
    return found;
  }

  private at(slot: number, field: Field): number {
    return HEAD_INTS + slot * RECORD_INTS + field;
  }

  private get(slot: number, field: Field): number {
    return Atomics.load(this.ints, this.at(slot, field));
  }

  private set(slot: number, field: Field, value: number): void {
    Atomics.store(this.ints, this.at(slot, field), value);
  }
}

function nameOf<T extends Record<string, number>>(names: T, value: number): keyof T {
  const found = Object.entries(names).find(([, number]) => number === value);
  if (found === undefined)
    throw new Error("the shared memory is damaged: no such kind or state of a process");
  return found[0];
}
