/** One running server: starting it, waiting until it takes connections, stopping it. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Instance } from "./instance.ts";
import { memoryHint, noMemoryLine } from "./memory-directory.ts";
import { OperationError } from "./operation-error.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import type { RunUser } from "./run-user.ts";
import { readPostmasterFile } from "./server-processes.ts";

/** Recovery of a large database after a crash takes its time. */
const startTimeoutMs = 10 * 60_000;
const fastShutdownMs = 30_000;
const immediateShutdownMs = 5_000;
const pollMs = 10;

export interface InstanceProcess {
  readonly instance: Instance;
  readonly pid: number;
  /** Settles when the server has ended, whatever the reason. */
  readonly ended: Promise<string>;
  /** Fast shutdown; a server that does not end in time is ended without asking, and recovers at its next start. */
  stop(): Promise<void>;
}

function logTail(path: string, from: number): string {
  const fd = openSync(path, "r");
  try {
    const size = fstatSync(fd).size;
    const start = Math.max(from, size - 2000);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    readSync(fd, bytes, 0, bytes.length, start);
    return bytes.toString().trim();
  } finally {
    closeSync(fd);
  }
}

/**
 * Lock files of a dead server. PostgreSQL judges them by process id alone, and takes a zombie, or another process that was given the
 * id, for the server. The caller has made sure that no process runs on this PGDATA.
 */
function removeLocks(instance: Instance): void {
  const socket = join(instance.socketDirectory, `.s.PGSQL.${instance.port}`);
  for (const path of [join(instance.pgdata, "postmaster.pid"), socket, `${socket}.lock`])
    rmSync(path, { force: true });
}

/** Starts the server and returns once clients may connect. */
export async function startInstance(
  instance: Instance,
  binaries: PostgresBinaries,
  user: RunUser,
): Promise<InstanceProcess> {
  removeLocks(instance);
  const log = openSync(instance.log, "a", 0o640);
  const logStart = fstatSync(log).size;
  let child: ChildProcess;
  try {
    child = spawn(join(binaries.directory, "postgres"), ["-D", instance.pgdata], {
      ...user.identity,
      cwd: "/",
      // A process group of its own: Ctrl-C at a terminal is for the coordinator, which then stops the servers in order.
      detached: true,
      stdio: ["ignore", log, log],
    });
  } finally {
    closeSync(log);
  }
  let over = false;
  const ended = new Promise<string>((resolve) => {
    const end = (reason: string) => {
      over = true;
      resolve(reason);
    };
    child.once("error", (error) => end(error.message));
    child.once("exit", (code, signal) => end(signal ? `ended by ${signal}` : `ended with code ${code}`));
  });

  const stop = async () => {
    const phases = [
      ["SIGINT", fastShutdownMs],
      ["SIGQUIT", immediateShutdownMs],
      ["SIGKILL", immediateShutdownMs],
    ] as const;
    for (const [signal, waitMs] of phases) {
      if (over) return;
      child.kill(signal);
      const waiting = new AbortController();
      await Promise.race([ended, sleep(waitMs, undefined, { signal: waiting.signal }).catch(() => {})]);
      waiting.abort();
    }
  };

  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    if (over) {
      const said = logTail(instance.log, logStart);
      const noMemory = noMemoryLine(said);
      if (noMemory !== undefined)
        throw new OperationError(`server ${instance.name} did not start: ${noMemory}`, memoryHint);
      throw new OperationError(
        `server ${instance.name} did not start (${await ended}): ${said || "no message"}`,
        `Its log is ${instance.log}.`,
      );
    }
    const file = readPostmasterFile(instance.pgdata);
    if (file !== undefined && file.pid === child.pid && file.status === "ready") break;
    if (Date.now() > deadline) {
      await stop();
      throw new OperationError(
        `server ${instance.name} was not ready within ${startTimeoutMs / 1000} s`,
        `See ${instance.log}.`,
      );
    }
    await sleep(pollMs);
  }
  return { instance, pid: child.pid!, ended, stop };
}
