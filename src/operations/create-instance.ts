/**
 * Making a PGDATA: initdb runs once, into the template; every instance is a copy of it. All of it is done under another name and
 * renamed at the end, so that a PGDATA is there whole or not at all. Programs run in the directory that they work in: by that a later
 * start finds those that outlived a killed one.
 */
import { execFile, spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { memoryHint, noMemoryLine } from "./memory-directory.ts";
import { OperationError } from "./operation-error.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import type { RunUser } from "./run-user.ts";
import { settingsFile } from "./server-settings.ts";
import { renewSystemIdentifier } from "./system-identifier.ts";

const run = promisify(execFile);

/** Role of Pleiad itself on every server; clients never get it. */
export const internalRole = "pleiad";

/** Clients' default superuser. It is the one of initdb, so that it owns the system's objects as in any PostgreSQL. */
export const clientRole = "postgres";

export const unfinishedSuffix = ".new";

/** initdb's options for a configured locale. */
export function localeOptions(locale: string | undefined, major: number): string[] {
  if (locale === undefined) return localeOptions(major >= 17 ? "builtin:C.UTF-8" : "libc:C.UTF-8", major);
  const [, provider = "libc", name = ""] = /^(?:(builtin|libc|icu):)?(.+)$/.exec(locale) ?? [];
  if (provider === "libc") return [`--locale=${name}`];
  if (provider === "icu") return ["--locale-provider=icu", `--icu-locale=${name}`, "--locale=C"];
  if (major < 17) {
    throw new OperationError(
      `locale ${locale}: PostgreSQL ${major} has no builtin locales`,
      "Use libc:C.UTF-8.",
    );
  }
  // C is the one libc locale that exists everywhere; it rules only what the builtin provider leaves to libc.
  return ["--locale-provider=builtin", `--builtin-locale=${name}`, "--locale=C"];
}

/** Programs that find the disk full say so once per file. */
const LINES_MAX = 5;

function failure(what: string, error: unknown): OperationError {
  const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string };
  const output = stderr?.trim() || stdout?.trim() || message;
  const noMemory = noMemoryLine(output);
  if (noMemory !== undefined) return new OperationError(`${what} failed: ${noMemory}`, memoryHint);
  const lines = output.split("\n");
  const full = lines.some((line) => line.endsWith("No space left on device"));
  return new OperationError(
    `${what} failed: ${(full ? lines.slice(0, 1) : lines.slice(0, LINES_MAX)).join("\n")}`,
    full ? "Free space there (see `df`), or choose another data directory with --data." : undefined,
  );
}

/** Feeds statements, one per line, to a server without postmaster: no socket, no password, no waiting. */
function runSingleUser(
  binaries: PostgresBinaries,
  user: RunUser,
  pgdata: string,
  statements: readonly string[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = ["--single", "-D", pgdata, "-F", "-c", "exit_on_error=true", "postgres"];
    const child = spawn(join(binaries.directory, "postgres"), options, {
      ...user.identity,
      cwd: dirname(pgdata),
      stdio: ["pipe", "ignore", "pipe"],
    });
    let output = "";
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new OperationError(`preparing ${pgdata} failed: ${output.trim()}`));
    });
    child.stdin.on("error", () => {}); // Its exit code tells.
    child.stdin.end(statements.map((statement) => `${statement}\n`).join(""));
  });
}

export async function createTemplate(
  template: string,
  binaries: PostgresBinaries,
  user: RunUser,
  locale: string | undefined,
): Promise<void> {
  const making = template + unfinishedSuffix;
  rmSync(making, { recursive: true, force: true });
  const options = [
    "-D",
    making,
    "-U",
    clientRole,
    "--encoding=UTF8",
    "--no-sync",
    "--no-instructions",
    "--auth=peer",
  ];
  try {
    await run(join(binaries.directory, "initdb"), [...options, ...localeOptions(locale, binaries.major)], {
      ...user.identity,
      cwd: dirname(making),
    });
  } catch (error) {
    throw failure("initdb", error);
  }
  appendFileSync(join(making, "postgresql.conf"), `\ninclude_if_exists '${settingsFile}'\n`);
  await runSingleUser(binaries, user, making, [
    `CREATE ROLE ${internalRole} SUPERUSER LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS`,
  ]);
  renameSync(making, template);
}

const markerFile = "pleiad-instance.json";

interface InstanceMarker {
  readonly name: string;
  readonly major: number;
}

/** The marker of a whole instance, or undefined when there is none. */
export function readMarker(pgdata: string): InstanceMarker | undefined {
  try {
    return JSON.parse(readFileSync(join(pgdata, markerFile), "utf8")) as InstanceMarker;
  } catch {
    return undefined;
  }
}

/** From now on the next start takes it for not whole and makes it anew. */
export function unmarkInstance(pgdata: string): void {
  rmSync(join(pgdata, markerFile), { force: true });
}

export function markInstance(name: string, pgdata: string, major: number): void {
  const marker: InstanceMarker = { name, major };
  writeFileSync(join(pgdata, markerFile), JSON.stringify(marker));
}

/** Copies the template. `sync`: all of it is on disk before the marker says that it is whole. */
export async function createInstance(
  name: string,
  pgdata: string,
  template: string,
  binaries: PostgresBinaries,
  user: RunUser,
  sync: boolean,
): Promise<void> {
  const making = pgdata + unfinishedSuffix;
  rmSync(making, { recursive: true, force: true });
  try {
    await run("cp", ["-R", "-p", template, making], { ...user.identity, cwd: dirname(making) });
    renewSystemIdentifier(making);
    if (sync) {
      const options = ["--sync-only", "-D", making];
      await run(join(binaries.directory, "initdb"), options, { ...user.identity, cwd: dirname(making) });
    }
  } catch (error) {
    throw failure(`copying ${template} to ${pgdata}`, error);
  }
  markInstance(name, making, binaries.major);
  if (existsSync(pgdata)) rmSync(pgdata, { recursive: true });
  renameSync(making, pgdata);
}
