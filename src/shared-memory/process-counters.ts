/** What each session worker has counted since it began; each writes its own numbers, from time to time. */
import { PROCESSES_MAX } from "./process-table.ts";

/** In the order of the columns of pleiad.statistics. */
export const COUNTERS = [
  "statements",
  "shared_statements",
  "run_again",
  "plans_made",
  "plans_found",
  "connections_lent",
  "connections_opened",
  "connections_open",
  "connection_waits",
  "admission_waits",
  "admission_refusals",
  "results_found",
  "results_kept",
  "results_refused",
] as const;
export type Counter = (typeof COUNTERS)[number];
export type Counts = Readonly<Record<Counter, number>>;

const RECORD_DOUBLES = 16;

export const counterInts = PROCESSES_MAX * RECORD_DOUBLES * 2;

export class ProcessCounters {
  private readonly doubles: Float64Array;

  constructor(ints: Int32Array) {
    this.doubles = new Float64Array(ints.buffer, ints.byteOffset, ints.length >> 1);
  }

  /** `process`: its record in the table of processes. */
  publish(process: number, counts: Counts): void {
    COUNTERS.forEach((name, i) => (this.doubles[process * RECORD_DOUBLES + i] = counts[name]));
  }

  /** Another process has the record. */
  reset(process: number): void {
    this.doubles.fill(0, process * RECORD_DOUBLES, (process + 1) * RECORD_DOUBLES);
  }

  /** In the order of COUNTERS. */
  of(process: number): number[] {
    return COUNTERS.map((_, i) => this.doubles[process * RECORD_DOUBLES + i]!);
  }
}
