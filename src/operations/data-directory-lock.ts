/** The lock on a data directory: one coordinator at a time. A lock whose process is gone is taken over. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { OperationError } from "./operation-error.ts";
import { isRunning, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

export interface DataDirectoryLock {
  release(): void;
}

/** Who holds the lock, or undefined when nobody does. */
export function lockHolder(path: string): ProcessIdentity | undefined {
  const holder = read(path);
  return holder && isRunning(holder) ? holder : undefined;
}

function read(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function refuse(path: string, holder: ProcessIdentity): never {
  throw new OperationError(
    `this data directory is in use by process ${holder.pid} (${path})`,
    "Stop it with `pleiad down`, or choose another directory with --data.",
  );
}

export function takeLock(path: string): DataDirectoryLock {
  const own = ownIdentity();
  const mine = `${path}.${own.pid}`;
  writeFileSync(mine, JSON.stringify(own), { mode: 0o644 });
  try {
    // Linking a finished file: nobody ever reads half a lock.
    while (!linked(mine, path)) {
      const holder = lockHolder(path);
      if (holder) refuse(path, holder);
      setStaleAside(path);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    release: () => {
      if (read(path)?.pid === own.pid) rmSync(path, { force: true });
    },
  };
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function setStaleAside(path: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Another start was quicker.
  }
  const holder = read(aside);
  if (holder && isRunning(holder)) {
    // Between our look and the rename another start took the lock over: that one is in the right.
    linked(aside, path);
    rmSync(aside);
    refuse(path, holder);
  }
  rmSync(aside);
}
