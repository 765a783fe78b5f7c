/** `pleiad serve` (hidden): the process that serves, a child of `pleiad keep`. It reports to its parent until clients may connect. */
import type { Command } from "commander";
import type { Progress } from "../operations/progress.ts";
import { loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { describeFailure } from "./output.ts";
import { runCluster } from "./run-cluster.ts";
import { tellParent } from "./start-messages.ts";

async function serve(options: ConfigOptions): Promise<void> {
  const progress: Progress = {
    step: (text) => void tellParent({ kind: "step", text }),
    warn: (text) => void tellParent({ kind: "warn", text }),
  };
  process.on("disconnect", () => {});
  try {
    const loaded = loadFromOptions(options);
    // Not to keep the directory of whoever typed `up` from being unmounted.
    process.chdir("/");
    const running = await runCluster(loaded, progress, false);
    await tellParent({ kind: "ready", state: running.state });
    if (process.connected) process.disconnect();
  } catch (error) {
    await tellParent({ kind: "failed", failure: describeFailure(error) });
    process.exit(1);
  }
}

export function registerServe(program: Command): void {
  withConfigOptions(program.command("serve", { hidden: true })).action(serve);
}
