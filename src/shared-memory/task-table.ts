/** What the processes of a node do on their own account, as all of them see it: what it is, whose, and how far it has come. */
import { SharedText, sharedTextInts } from "./shared-text.ts";

/** Beyond these, tasks are done and not shown. */
export const TASKS_MAX = 64;
const DETAIL_BYTES_MAX = 256;
const HEAD_INTS = 8;
const RECORD_INTS = HEAD_INTS + sharedTextInts(DETAIL_BYTES_MAX);
const FREE = 0;

export const taskInts = TASKS_MAX * RECORD_INTS;

export const TaskKind = { recovery: 1, settlement: 2, analysis: 3 } as const;
export type TaskKind = keyof typeof TaskKind;
const KINDS = Object.keys(TaskKind) as TaskKind[];

/** waiting: for a server that is away. */
export const TaskState = { running: 0, waiting: 1 } as const;
export type TaskState = keyof typeof TaskState;
const STATES = Object.keys(TaskState) as TaskState[];

/** `owner`: life of the process; `since` is a double. */
const Int = { owner: 0, kind: 1, state: 2 } as const;
const SINCE_DOUBLE = 2;

export interface TaskEntry {
  readonly kind: TaskKind;
  readonly state: TaskState;
  /** Life of the process. */
  readonly owner: number;
  /** In ms since 1970. */
  readonly since: number;
  readonly detail: string | undefined;
}

/** A task, for the process that does it. */
export class Task {
  private readonly ints: Int32Array;
  private readonly at: number;
  private readonly text: SharedText;

  constructor(ints: Int32Array, at: number) {
    this.ints = ints;
    this.at = at;
    this.text = textAt(ints, at);
  }

  becomes(state: TaskState, detail: string): void {
    this.ints[this.at + Int.state] = TaskState[state];
    this.text.write(Buffer.from(detail));
  }

  end(): void {
    Atomics.store(this.ints, this.at + Int.owner, FREE);
  }
}

export class TaskTable {
  private readonly ints: Int32Array;
  private readonly doubles: Float64Array;

  constructor(ints: Int32Array) {
    this.ints = ints;
    this.doubles = new Float64Array(ints.buffer, ints.byteOffset, ints.length >> 1);
  }

  /** Undefined: there are too many to be shown. */
  begin(owner: number, kind: TaskKind, detail: string): Task | undefined {
    for (let at = 0; at < taskInts; at += RECORD_INTS) {
      if (Atomics.compareExchange(this.ints, at + Int.owner, FREE, owner) !== FREE) continue;
      this.ints[at + Int.kind] = TaskKind[kind];
      this.doubles[at / 2 + SINCE_DOUBLE] = Date.now();
      textAt(this.ints, at).takeOver();
      const task = new Task(this.ints, at);
      task.becomes("running", detail);
      return task;
    }
    return undefined;
  }

  /** The process of this life has ended, and its tasks with it. */
  forget(life: number): void {
    for (let at = 0; at < taskInts; at += RECORD_INTS)
      Atomics.compareExchange(this.ints, at + Int.owner, life, FREE);
  }

  entries(): TaskEntry[] {
    const found: TaskEntry[] = [];
    for (let at = 0; at < taskInts; at += RECORD_INTS) {
      const owner = Atomics.load(this.ints, at + Int.owner);
      const kind = KINDS[this.ints[at + Int.kind]! - 1];
      if (owner === FREE || kind === undefined) continue;
      found.push({
        kind,
        state: STATES[this.ints[at + Int.state]!]!,
        owner,
        since: this.doubles[at / 2 + SINCE_DOUBLE]!,
        detail: textAt(this.ints, at).read(),
      });
    }
    return found;
  }
}

const textAt = (ints: Int32Array, at: number): SharedText =>
  new SharedText(ints, at + HEAD_INTS, DETAIL_BYTES_MAX);
