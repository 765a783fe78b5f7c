/** Observing and ending the processes of a PostgreSQL server by its PGDATA, whoever started them: a crash leaves orphans behind. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startTimeOf } from "./process-identity.ts";

const deletedSuffix = " (deleted)";

/** Servers, and the programs that make a PGDATA. */
const commands = new Set(["postgres", "initdb", "cp"]);

/** Every process of a PostgreSQL server has its PGDATA as working directory; a dead postmaster's children too. */
function processesByDirectory(): Map<string, number[]> {
  const found = new Map<string, number[]>();
  let entries: string[] = [];
  try {
    entries = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  } catch {
    return found;
  }
  for (const entry of entries) {
    try {
      const cwd = readlinkSync(`/proc/${entry}/cwd`);
      const command = readFileSync(`/proc/${entry}/comm`, "latin1").trim();
      if (!commands.has(command)) continue;
      const directory = cwd.endsWith(deletedSuffix) ? cwd.slice(0, -deletedSuffix.length) : cwd;
      found.set(directory, [...(found.get(directory) ?? []), Number(entry)]);
    } catch {
      // Ended meanwhile, or another user's.
    }
  }
  return found;
}

interface PostmasterFile {
  readonly pid: number;
  /** starting, ready, stopping, standby */
  readonly status: string;
}

/** What `postmaster.pid` says, if there is one. */
export function readPostmasterFile(pgdata: string): PostmasterFile | undefined {
  try {
    const lines = readFileSync(join(pgdata, "postmaster.pid"), "latin1").split("\n");
    const pid = Number(lines[0]);
    return pid > 0 ? { pid, status: (lines[7] ?? "").trim() } : undefined;
  } catch {
    return undefined;
  }
}

/** Processes that run on any of these PGDATAs. */
export function findServerProcesses(pgdatas: readonly string[]): number[] {
  const byDirectory = processesByDirectory();
  return pgdatas.flatMap((pgdata) => {
    const found = byDirectory.get(pgdata) ?? [];
    if (process.platform === "linux") return found;
    // Elsewhere the working directory is not readable: the postmaster's own file has to do.
    const pid = readPostmasterFile(pgdata)?.pid;
    return pid !== undefined && startTimeOf(pid) !== undefined ? [pid] : [];
  });
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // Already gone.
    }
  }
}

const stopPhases: readonly { readonly name: NodeJS.Signals; readonly waitMs: number }[] = [
  // To a postmaster: fast shutdown; to a backend: cancel.
  { name: "SIGINT", waitMs: 10_000 },
  { name: "SIGQUIT", waitMs: 3_000 },
  { name: "SIGKILL", waitMs: 10_000 },
];

/** Ends all processes on these PGDATAs: politely, then without asking. PostgreSQL recovers at its next start. */
export async function stopServerProcesses(pgdatas: readonly string[]): Promise<void> {
  await Promise.all(pgdatas.map(stopServer));
}

async function stopServer(pgdata: string): Promise<void> {
  for (const { name, waitMs } of stopPhases) {
    const pids = findServerProcesses([pgdata]);
    if (pids.length === 0) return;
    const postmaster = pids.find((pid) => pid === readPostmasterFile(pgdata)?.pid);
    // Without its postmaster a backend has nobody to wait for.
    if (postmaster === undefined || name === "SIGKILL") signal(pids, "SIGKILL");
    else signal([postmaster], name);
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline) {
      if (findServerProcesses([pgdata]).length === 0) return;
      await sleep(20);
    }
  }
}
