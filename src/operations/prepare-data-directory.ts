/** The data directory itself: made when it is new, refused when it is somebody else's, before anything is written into it. */
import { existsSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { ownEntries } from "./cluster-paths.ts";
import { OperationError } from "./operation-error.ts";
import { fileProblem } from "./system-error.ts";

export interface DataDirectory {
  /** Without symbolic links, so that one directory has one name. */
  readonly path: string;
  readonly logs: string;
}

const recordName = "cluster.json";

function isOwn(entry: string): boolean {
  return entry === "pleiad.yaml" || ownEntries.some((own) => entry === own || entry.startsWith(`${own}.`));
}

/** A directory with a record is ours whatever else it holds; without one it must hold nothing else. */
function refuseForeign(path: string): void {
  const entries = readdirSync(path);
  const foreign = entries.filter((entry) => !isOwn(entry));
  if (entries.includes(recordName) || foreign.length === 0) return;
  throw new OperationError(
    `${path} is not empty and not a data directory of Pleiad (it holds ${foreign.slice(0, 3).join(", ")})`,
    "Choose an empty or a new directory with --data.",
  );
}

export function prepareDataDirectory(data: string): DataDirectory {
  try {
    if (existsSync(data)) refuseForeign(data);
    // Root's servers run as another user, who must be able to pass.
    mkdirSync(data, { recursive: true, mode: process.getuid?.() === 0 ? 0o755 : 0o700 });
    const path = realpathSync(data);
    const logs = join(path, "logs");
    mkdirSync(logs, { recursive: true, mode: 0o755 });
    return { path, logs };
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw new OperationError(
      `cannot use ${data} as data directory: ${fileProblem(error) ?? (error as Error).message}`,
      "Choose another with --data.",
    );
  }
}
