/**
 * `pleiad keep` (hidden): the background process that `pleiad up` starts. It runs `pleiad serve` as its child and starts it again when it
 * dies, on the same port, with growing delays. An orderly end of the child is its own.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { openLog, type Log } from "../observe/log.ts";
import { pathsOf } from "../operations/cluster-status.ts";
import { lockHolder } from "../operations/data-directory-lock.ts";
import { removeKeeper, writeKeeper } from "../operations/keeper-record.ts";
import { afterEnd, noRestarts, ofCoordinator } from "../operations/restart-delay.ts";
import { argumentsOf, loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { describeFailure } from "./output.ts";
import { commandArguments, tellParent, type StartMessage } from "./start-messages.ts";

const stopSignals = ["SIGTERM", "SIGINT"] as const;

interface Ended {
  /** The port it served on; undefined when it never did. */
  readonly port: number | undefined;
  /** Ended in an orderly way. */
  readonly orderly: boolean;
  readonly reason: string;
}

/** What a keeper goes by. */
interface Keeping {
  readonly home: string;
  readonly stopping: AbortController;
  child: ChildProcess | undefined;
}

/** Runs `serve` to its end; `onMessage` hears of its start. */
function serveOnce(
  keeping: Keeping,
  options: ConfigOptions,
  onMessage: (message: StartMessage) => void,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...commandArguments(), "serve", ...argumentsOf(options)], {
      // Relative paths among the options are meant from where `up` was typed.
      cwd: existsSync(keeping.home) ? keeping.home : "/",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    keeping.child = child;
    if (keeping.stopping.signal.aborted) child.kill("SIGTERM");
    let port: number | undefined;
    child.on("message", (message: StartMessage) => {
      if (message.kind === "ready") ({ port } = message.state.coordinator);
      onMessage(message);
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      keeping.child = undefined;
      resolve({ port, orderly: code === 0, reason: signal ?? `code ${code}` });
    });
  });
}

async function keep(options: ConfigOptions): Promise<void> {
  const keeping: Keeping = { home: process.cwd(), stopping: new AbortController(), child: undefined };
  for (const signal of stopSignals)
    process.on(signal, () => {
      keeping.stopping.abort();
      keeping.child?.kill("SIGTERM");
    });
  // A closed terminal does not end a cluster that was started in the background.
  process.on("SIGHUP", () => {});
  process.on("disconnect", () => {});
  try {
    const { config } = loadFromOptions(options);
    const paths = pathsOf(config);
    const log = openLog({ ...config.log, file: join(paths.logs, "keeper.log") });
    process.chdir("/");
    let told = Promise.resolve();
    const first = await serveOnce(keeping, options, (message) => {
      if (message.kind === "ready") writeKeeper(paths.keeper, 0);
      told = tellParent(message).then(() => {
        if (message.kind === "ready" && process.connected) process.disconnect();
      });
    });
    await told;
    // It could not be started: that is for whoever typed `up`.
    if (first.port === undefined) process.exit(1);
    await keepRunning(keeping, { ...options, port: String(first.port) }, first, log, paths);
    removeKeeper(paths.keeper);
    process.exit(0);
  } catch (error) {
    await tellParent({ kind: "failed", failure: describeFailure(error) });
    process.exit(1);
  }
}

/** Starts `serve` again and again, until it ends in an orderly way or somebody else has taken over. */
async function keepRunning(
  keeping: Keeping,
  options: ConfigOptions,
  first: Ended,
  log: Log,
  paths: { readonly keeper: string; readonly lock: string },
): Promise<void> {
  const { signal } = keeping.stopping;
  let history = noRestarts;
  let startedAt = 0;
  let ended = first;
  for (let restarts = 1; !signal.aborted && !ended.orderly; restarts++) {
    const next = afterEnd(history, Date.now() - startedAt, ofCoordinator);
    history = next.history;
    log.warn("the coordinator ended, starting it again", { reason: ended.reason, delayMs: next.delayMs });
    await sleep(next.delayMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const holder = lockHolder(paths.lock);
    if (holder !== undefined) {
      log.info("another coordinator serves", { pid: holder.pid });
      return;
    }
    writeKeeper(paths.keeper, restarts);
    startedAt = Date.now();
    ended = await serveOnce(keeping, options, (message) => {
      if (message.kind === "ready")
        log.info("the coordinator runs again", {
          pid: message.state.coordinator.pid,
          ms: Date.now() - startedAt,
        });
      else if (message.kind === "failed")
        log.error("the coordinator could not be started", { error: message.failure.error });
    });
  }
}

export function registerKeep(program: Command): void {
  withConfigOptions(program.command("keep", { hidden: true })).action(keep);
}
