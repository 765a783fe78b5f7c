/** Which process keeps the coordinator of a data directory running (`run/keeper.json`). `up --foreground` has none. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isRunning, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

export interface Keeper extends ProcessIdentity {
  /** How often it has started the coordinator again. */
  readonly restarts: number;
}

export function writeKeeper(path: string, restarts: number): void {
  mkdirSync(dirname(path), { recursive: true });
  const making = `${path}.${process.pid}`;
  const keeper: Keeper = { ...ownIdentity(), restarts };
  writeFileSync(making, JSON.stringify(keeper), { mode: 0o644 });
  renameSync(making, path);
}

/** undefined when none runs. */
export function runningKeeper(path: string): Keeper | undefined {
  try {
    const keeper = JSON.parse(readFileSync(path, "utf8")) as Keeper;
    return isRunning(keeper) ? keeper : undefined;
  } catch {
    return undefined;
  }
}

/** Removes the record of this process. */
export function removeKeeper(path: string): void {
  if (runningKeeper(path)?.pid === process.pid) rmSync(path, { force: true });
}
