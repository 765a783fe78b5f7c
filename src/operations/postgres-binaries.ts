/** Which PostgreSQL the instances run: that of `pg_bin`, else that of the npm package, in a place where the servers' user can use it. */
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { copyNative, makeLinks, nativeDirectory } from "./native-package.ts";
import { OperationError } from "./operation-error.ts";
import type { RunUser } from "./run-user.ts";

const run = promisify(execFile);

export interface PostgresBinaries {
  readonly directory: string;
  readonly major: number;
  /** As `postgres --version` says it. */
  readonly version: string;
}

const oldestMajor = 15;
const newestMajor = 18;

/** Runs `postgres --version` as the servers' user: shows at once that it can be reached, and that its libraries are complete. */
async function versionOf(directory: string, user: RunUser): Promise<string> {
  const { stdout } = await run(join(directory, "postgres"), ["--version"], { ...user.identity, cwd: "/" });
  return stdout.trim();
}

function checked(directory: string, version: string): PostgresBinaries {
  const major = Number(/\)\s+(\d+)/.exec(version)?.[1]);
  if (!(major >= oldestMajor && major <= newestMajor)) {
    throw new OperationError(
      `${directory} holds "${version}"; Pleiad needs PostgreSQL ${oldestMajor} to ${newestMajor}`,
      "Name another directory with --pg-bin, or leave it out to use the PostgreSQL that npm installed.",
    );
  }
  return { directory, major, version };
}

function reasonOf(error: unknown): string {
  const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string };
  if (code === "ENOENT") return "there is no such program";
  return code === "EACCES" ? "permission denied" : stderr?.trim() || message;
}

export async function findPostgres(
  pgBin: string | undefined,
  user: RunUser,
  copyInto: string,
): Promise<PostgresBinaries> {
  if (pgBin !== undefined) {
    try {
      return checked(pgBin, await versionOf(pgBin, user));
    } catch (error) {
      if (error instanceof OperationError) throw error;
      throw new OperationError(
        `cannot run ${join(pgBin, "postgres")} as user "${user.name}": ${reasonOf(error)}`,
        "pg_bin is the directory that holds initdb and postgres, such as /usr/lib/postgresql/18/bin.",
      );
    }
  }

  const native = nativeDirectory();
  if (native === undefined) {
    throw new OperationError(
      `there is no PostgreSQL package of npm for ${process.platform}-${process.arch}`,
      "Install PostgreSQL 15 to 18 and name its directory of programs with --pg-bin.",
    );
  }
  if (makeLinks(native) !== "not writable") {
    try {
      const directory = join(native, "bin");
      return checked(directory, await versionOf(directory, user));
    } catch {
      // That user cannot read it: try a copy, which fails with the true reason if it was another.
    }
  }
  mkdirSync(copyInto, { recursive: true, mode: 0o755 });
  const directory = join(await copyNative(native, copyInto), "bin");
  try {
    return checked(directory, await versionOf(directory, user));
  } catch (error) {
    throw new OperationError(
      `user "${user.name}" cannot run PostgreSQL from ${directory}: ${reasonOf(error)}`,
      "Every directory above the data directory must let that user pass; choose another with --data.",
    );
  }
}
