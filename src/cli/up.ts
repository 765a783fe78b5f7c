/** `pleiad up`: starts a cluster in the background and returns once clients may connect, or stays with --foreground. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { RunState } from "../operations/cluster-record.ts";
import { prepareDataDirectory } from "../operations/prepare-data-directory.ts";
import { OperationError } from "../operations/operation-error.ts";
import { argumentsOf, loadFromOptions, withStartOptions, type ConfigOptions } from "./config-options.ts";
import { connectionUrl } from "./connection-line.ts";
import { print, printJson } from "./output.ts";
import { progressLines, quietProgress, type ProgressLines } from "./progress-lines.ts";
import { runCluster } from "./run-cluster.ts";
import { commandArguments, type StartMessage } from "./start-messages.ts";

interface UpOptions extends ConfigOptions {
  readonly foreground?: boolean;
  readonly json?: boolean;
}

/** Starts `keep` with the same options, and follows it until its coordinator serves or fails. */
export async function startInBackground(options: ConfigOptions, progress: ProgressLines): Promise<RunState> {
  const { logs } = prepareDataDirectory(loadFromOptions(options).config.data);
  const stderr = openSync(join(logs, "coordinator.stderr"), "a", 0o640);
  const child = spawn(process.execPath, [...commandArguments(), "keep", ...argumentsOf(options)], {
    detached: true,
    stdio: ["ignore", "ignore", stderr, "ipc"],
  });
  closeSync(stderr);
  // Ctrl-C while it starts means: do not start.
  const giveUp = () => void child.kill("SIGTERM");
  process.on("SIGINT", giveUp).on("SIGTERM", giveUp);
  try {
    const state = await new Promise<RunState>((resolve, reject) => {
      child.on("message", (message: StartMessage) => {
        if (message.kind === "step") progress.step(message.text);
        else if (message.kind === "warn") progress.warn(message.text);
        else if (message.kind === "ready") resolve(message.state);
        else reject(new OperationError(message.failure.error, message.failure.hint));
      });
      child.on("error", reject);
      child.on("exit", (code, signal) => {
        const how = signal ?? `code ${code}`;
        reject(
          new OperationError(`the start was broken off (${how})`, `See ${join(logs, "coordinator.stderr")}.`),
        );
      });
    });
    progress.end("done");
    return state;
  } catch (error) {
    progress.end("failed");
    throw error;
  } finally {
    process.off("SIGINT", giveUp).off("SIGTERM", giveUp);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function announce(state: RunState, json: boolean): void {
  if (json) return printJson({ url: connectionUrl(state), ...state });
  const { host, port } = state.coordinator;
  print(`Pleiad is up on ${host}:${port}, ${state.servers.length} servers, ${state.postgres}`);
  print(`Connect:  psql ${connectionUrl(state)}`);
}

async function up(options: UpOptions): Promise<void> {
  const json = options.json ?? false;
  const progress = json ? quietProgress : progressLines();
  if (!options.foreground) return announce(await startInBackground(options, progress), json);
  try {
    const running = await runCluster(loadFromOptions(options), progress, !json);
    progress.end("done");
    announce(running.state, json);
  } catch (error) {
    progress.end("failed");
    throw error;
  }
}

export function registerUp(program: Command): void {
  withStartOptions(program.command("up"))
    .description("start a cluster; returns once clients may connect")
    .option("--foreground", "stay in the foreground; Ctrl-C stops the cluster")
    .option("--json", "print the result as JSON")
    .action(up);
}
