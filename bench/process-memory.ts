/** Memory of other processes together, as Linux accounts it; undefined elsewhere. */
import { readFileSync, writeFileSync } from "node:fs";

const PAGE_BYTES = 4096;

/** What they share is counted in each. */
export function residentBytes(pids: readonly number[]): number | undefined {
  return sum(pids, "VmRSS");
}

export function peakResidentBytes(pids: readonly number[]): number | undefined {
  return sum(pids, "VmHWM");
}

/** What several processes share is counted once, parts of it in each (PSS). */
export function proportionalBytes(pids: readonly number[]): number | undefined {
  return sum(pids, "Pss", "smaps_rollup");
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

function sum(pids: readonly number[], field: string, file = "status"): number | undefined {
  let bytes: number | undefined;
  for (const pid of pids) {
    const of = fieldOf(`/proc/${pid}/${file}`, field);
    if (of !== undefined) bytes = (bytes ?? 0) + of;
  }
  return bytes;
}

/** A line "field: number kB". */
function fieldOf(file: string, field: string): number | undefined {
  try {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(file, "utf8"));
    return match ? Number(match[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}

/** What the kernel holds for all sockets of the machine, both ends of a connection within it: buffers, and the objects themselves. */
export function kernelBytes(): number | undefined {
  const slab = fieldOf("/proc/meminfo", "Slab");
  if (slab === undefined) return undefined;
  const pages = /^TCP: .* mem (\d+)/m.exec(readFileSync("/proc/net/sockstat", "utf8"))?.[1] ?? "0";
  return slab + Number(pages) * PAGE_BYTES;
}
