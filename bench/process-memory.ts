/** Memory of other processes together, as Linux accounts it; undefined elsewhere. What they share is counted in each. */
import { readFileSync, writeFileSync } from "node:fs";

export function residentBytes(pids: readonly number[]): number | undefined {
  return sum(pids, "VmRSS");
}

export function peakResidentBytes(pids: readonly number[]): number | undefined {
  return sum(pids, "VmHWM");
}

/** Starts the peaks anew. */
export function resetPeak(pids: readonly number[]): void {
  for (const pid of pids)
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, "5");
    } catch {
      // Not permitted, or not Linux: the peak is then that of the whole life.
    }
}

function sum(pids: readonly number[], field: string): number | undefined {
  let bytes: number | undefined;
  for (const pid of pids) {
    const of = statusField(pid, field);
    if (of !== undefined) bytes = (bytes ?? 0) + of;
  }
  return bytes;
}

function statusField(pid: number, field: string): number | undefined {
  try {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(
      readFileSync(`/proc/${pid}/status`, "utf8"),
    );
    return match ? Number(match[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}
