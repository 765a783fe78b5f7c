/**
 * This node's place among the coordinators of the cluster: written by its transaction process, read by all. The lease says until when
 * the others wait for this node's word before they change a definition. It is kept in both clocks, since one stands still while a machine sleeps, and
 * the other can be set (row N9).
 */
import { monotonicMs } from "./monotonic-clock.ts";

const LEASE_DOUBLES = 2;
const INTS = 4;
const Field = { epoch: 0, others: 1, metOthers: 2 } as const;
const INTS_OF_A_DOUBLE = 2;

export const coordinationInts = LEASE_DOUBLES * INTS_OF_A_DOUBLE + INTS;

/** A moment, in both clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function now(): Moment {
  return { monotonicMs: monotonicMs(), wallMs: Date.now() };
}

export class Coordination {
  private readonly lease: Float64Array;
  private readonly ints: Int32Array;

  /** `ints` begins at a multiple of eight bytes. */
  constructor(ints: Int32Array) {
    this.lease = new Float64Array(ints.buffer, ints.byteOffset, LEASE_DOUBLES);
    this.ints = ints.subarray(LEASE_DOUBLES * INTS_OF_A_DOUBLE);
  }

  /** Number of this node's registration. */
  get epoch(): number {
    return Atomics.load(this.ints, Field.epoch);
  }

  set epoch(epoch: number) {
    Atomics.store(this.ints, Field.epoch, epoch);
  }

  /** Other coordinators that have to be told of definitions. */
  get others(): number {
    return Atomics.load(this.ints, Field.others);
  }

  set others(count: number) {
    if (count > 0) Atomics.store(this.ints, Field.metOthers, 1);
    Atomics.store(this.ints, Field.others, count);
  }

  /** False as soon as there has been another coordinator since this node began: it begins to work only when all know of it. */
  get hasBeenAlone(): boolean {
    return Atomics.load(this.ints, Field.metOthers) === 0;
  }

  /** What is known of definitions is what holds. */
  get leased(): boolean {
    return monotonicMs() < this.lease[0]! && Date.now() < this.lease[1]!;
  }

  /** Under the present epoch, whether or not it has run out. */
  get hadLease(): boolean {
    return this.lease[0] !== 0;
  }

  extendLease(asked: Moment, ms: number): void {
    this.lease[0] = asked.monotonicMs + ms;
    this.lease[1] = asked.wallMs + ms;
  }

  endLease(): void {
    this.lease.fill(0);
  }
}
