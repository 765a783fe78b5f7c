/** Removes a stopped cluster with all its data: only what Pleiad made, never a file that somebody else put beside it. */
import { existsSync, readdirSync, rmSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { PleiadConfig } from "../config/schema.ts";
import { ownEntries } from "./cluster-paths.ts";
import { readRecord } from "./cluster-record.ts";
import { pathsOf } from "./cluster-status.ts";
import { takeLock } from "./data-directory-lock.ts";
import { OperationError } from "./operation-error.ts";

/** What is left in the data directory because it is not Pleiad's. */
export function destroyCluster(config: PleiadConfig): string[] {
  const paths = pathsOf(config);
  if (readRecord(paths.record) === undefined) {
    throw new OperationError(`there is no cluster in ${paths.data}`, "Name its data directory with --data.");
  }
  const lock = takeLock(paths.lock);
  // The record goes last: a removal that is broken off can be repeated.
  for (const path of [paths.memory, paths.nodeMemory, paths.sockets])
    rmSync(path, { recursive: true, force: true });
  const entries = readdirSync(paths.data).filter((entry) => ownEntries.some((own) => entry === own));
  for (const entry of entries.filter((own) => own !== "cluster.json" && own !== "pleiad.lock")) {
    rmSync(join(paths.data, entry), { recursive: true, force: true });
  }
  rmSync(paths.record);
  lock.release();
  const left = existsSync(paths.data) ? readdirSync(paths.data) : [];
  if (left.length === 0) rmdirSync(paths.data);
  return left;
}
