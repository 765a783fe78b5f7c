/** `pleiad down`: stops the cluster of a data directory. */
import type { Command } from "commander";
import { stopCluster } from "../operations/stop-cluster.ts";
import { loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { print, printJson } from "./output.ts";
import { progressLines, quietProgress } from "./progress-lines.ts";

interface DownOptions extends ConfigOptions {
  readonly json?: boolean;
}

async function down(options: DownOptions): Promise<void> {
  const { config } = loadFromOptions(options);
  const progress = options.json ? quietProgress : progressLines();
  const outcome = await stopCluster(config, progress);
  progress.end("done");
  if (options.json) printJson({ outcome });
  else
    print(
      outcome === "was not running"
        ? `No cluster runs on ${config.data}.`
        : `Stopped the cluster on ${config.data}.`,
    );
}

export function registerDown(program: Command): void {
  withConfigOptions(program.command("down"))
    .description("stop the cluster; its data stays")
    .option("--json", "print the result as JSON")
    .action(down);
}
