/** The host's monotonic clock: the same in all processes, whatever becomes of the time of day. */

const SINCE_PROCESS_START_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds. */
export function monotonicMs(): number {
  return performance.now() + SINCE_PROCESS_START_MS;
}
