/** `pleiad serve` (hidden): the background process that `pleiad up` starts. It reports to its parent until clients may connect. */
import type { Command } from "commander";
import type { Progress } from "../operations/progress.ts";
import { loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { describeFailure } from "./output.ts";
import { runCluster } from "./run-cluster.ts";
import type { StartMessage } from "./start-messages.ts";

/** The parent may be gone: then nobody wants to know. */
function tell(message: StartMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    process.send(message, undefined, undefined, () => resolve());
  });
}

async function serve(options: ConfigOptions): Promise<void> {
  const progress: Progress = {
    step: (text) => void tell({ kind: "step", text }),
    warn: (text) => void tell({ kind: "warn", text }),
  };
  process.on("disconnect", () => {});
  try {
    const loaded = loadFromOptions(options);
    // Not to keep the directory of whoever typed `up` from being unmounted.
    process.chdir("/");
    const running = await runCluster(loaded, progress, false);
    await tell({ kind: "ready", state: running.state });
    if (process.connected) process.disconnect();
  } catch (error) {
    await tell({ kind: "failed", failure: describeFailure(error) });
    process.exit(1);
  }
}

export function registerServe(program: Command): void {
  withConfigOptions(program.command("serve", { hidden: true })).action(serve);
}
