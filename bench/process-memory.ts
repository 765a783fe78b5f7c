/** Memory of another process, as Linux accounts it; undefined elsewhere. */
import { readFileSync, writeFileSync } from "node:fs";

export function residentBytes(pid: number): number | undefined {
  return statusField(pid, "VmRSS");
}

export function peakResidentBytes(pid: number): number | undefined {
  return statusField(pid, "VmHWM");
}

/** Starts the peak anew. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Not permitted, or not Linux: the peak is then that of the whole life.
  }
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
