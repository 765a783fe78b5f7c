/**
 * How many statements run and wait in each process of a node, and whose turn it is. Every process writes its own numbers only, and
 * the sum is what counts: so what a killed process held is given back, exactly, by clearing what it wrote.
 */
import { hashOf } from "./hash.ts";
import { PROCESSES_MAX } from "./process-table.ts";

/** Rules that there may be; number 0 is the node itself. */
export const ADMISSION_RULES_MAX = 64;
const LINES = ADMISSION_RULES_MAX + 1;
/** Roles and databases share these by their names' hashes: two that meet in one take turns as if they were one. */
const GROUPS = 1024;

/** Rows of integers, one for each process: running in all and by rule; waiting; let in; and the group that it would let in next, by rule. */
const Row = { running: 0, waiting: LINES, moves: LINES + 1, offer: LINES + 2 } as const;
const INT_ROWS = Row.offer + LINES;
/** Doubles: since when what is offered waits, by rule and process; the turn that each group has had last; the turn of all. */
const Double = { since: 0, turn: LINES * PROCESSES_MAX, clock: LINES * PROCESSES_MAX + GROUPS } as const;

export const admissionInts = INT_ROWS * PROCESSES_MAX + 2 * (Double.clock + 1);

export const groupOf = (user: string, database: string): number => hashOf(`${user}\0${database}`) % GROUPS;

/** A group's first statement that waits, in some process. */
export interface Offer {
  readonly group: number;
  /** In ms since 1970. */
  readonly since: number;
}

/** The table as one process uses it. */
export class AdmissionSlots {
  private readonly ints: Int32Array;
  private readonly doubles: Float64Array;
  private readonly process: number;

  constructor(ints: Int32Array, doubles: Float64Array, process: number) {
    this.ints = ints;
    this.doubles = doubles;
    this.process = process;
  }

  /** One more runs, unless there are so many already. `rule` 0: no rule applies. */
  take(rule: number, nodeMax: number, ruleMax: number): boolean {
    this.force(rule);
    if (this.running(0) <= nodeMax && (rule === 0 || this.running(rule) <= ruleMax)) return true;
    this.give(rule);
    return false;
  }

  /** One more runs, however many there are. */
  force(rule: number): void {
    this.add(Row.running, 1);
    if (rule !== 0) this.add(Row.running + rule, 1);
  }

  give(rule: number): void {
    this.add(Row.running, -1);
    if (rule !== 0) this.add(Row.running + rule, -1);
  }

  /** In all processes; of rule 0: all. */
  running(rule: number): number {
    return this.sum(Row.running + rule);
  }

  /** In all processes. */
  get waiting(): number {
    return this.sum(Row.waiting);
  }

  /** One more waits, unless there are so many already. */
  queue(waitingMax: number): boolean {
    this.add(Row.waiting, 1);
    if (this.waiting <= waitingMax) return true;
    this.unqueue();
    return false;
  }

  unqueue(): void {
    this.add(Row.waiting, -1);
  }

  /** Says to all whom this process would let in next under a rule; undefined: nobody. */
  offer(rule: number, offer: Offer | undefined): void {
    const at = this.at(Row.offer + rule);
    if (offer !== undefined) this.doubles[Double.since + rule * PROCESSES_MAX + this.process] = offer.since;
    Atomics.store(this.ints, at, offer === undefined ? 0 : offer.group + 1);
  }

  /** What the other processes say. */
  *othersOffers(rule: number): Iterable<Offer> {
    const row = (Row.offer + rule) * PROCESSES_MAX;
    for (let process = 0; process < PROCESSES_MAX; process++) {
      const group = this.ints[row + process]!;
      if (group === 0 || process === this.process) continue;
      yield { group: group - 1, since: this.doubles[Double.since + rule * PROCESSES_MAX + process]! };
    }
  }

  /** The group with the smallest one is next. A group that has not waited for long has no credit: its turn is now. */
  turn(group: number): number {
    return Math.max(this.doubles[Double.turn + group]!, this.doubles[Double.clock]!);
  }

  /** A statement of the group that waited was let in. */
  hadTurn(group: number): void {
    const turn = this.turn(group);
    this.doubles[Double.turn + group] = turn + 1;
    this.doubles[Double.clock] = turn;
    this.add(Row.moves, 1);
  }

  /** Statements that the other processes have let in: says whether anything moves there. */
  get othersMoves(): number {
    return this.sum(Row.moves) - Atomics.load(this.ints, this.at(Row.moves));
  }

  private add(row: number, change: 1 | -1): void {
    Atomics.add(this.ints, this.at(row), change);
  }

  private sum(row: number): number {
    let sum = 0;
    const start = row * PROCESSES_MAX;
    // Plain loads are cheaper; the atomic addition before them keeps their order.
    for (let i = start; i < start + PROCESSES_MAX; i++) sum += this.ints[i]!;
    return sum;
  }

  private at(row: number): number {
    return row * PROCESSES_MAX + this.process;
  }
}

export class AdmissionTable {
  private readonly ints: Int32Array;
  private readonly doubles: Float64Array;

  constructor(ints: Int32Array) {
    const rows = INT_ROWS * PROCESSES_MAX;
    this.ints = ints.subarray(0, rows);
    this.doubles = new Float64Array(ints.buffer, ints.byteOffset + rows * 4, Double.clock + 1);
  }

  /** Statements that run, and that wait, in all processes. */
  get load(): { readonly running: number; readonly waiting: number } {
    const slots = this.of(0);
    return { running: slots.running(0), waiting: slots.waiting };
  }

  /** `process`: its record in the table of processes. */
  of(process: number): AdmissionSlots {
    return new AdmissionSlots(this.ints, this.doubles, process);
  }

  /** It has ended: nothing of it runs or waits any more. */
  forgetProcess(process: number): void {
    for (let row = 0; row < INT_ROWS; row++) Atomics.store(this.ints, row * PROCESSES_MAX + process, 0);
  }
}
