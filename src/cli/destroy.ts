/** `pleiad destroy`: stops the cluster and removes all its data, after asking. */
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { destroyCluster } from "../operations/destroy-cluster.ts";
import { OperationError } from "../operations/operation-error.ts";
import { silent } from "../operations/progress.ts";
import { stopCluster } from "../operations/stop-cluster.ts";
import { loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { print, printJson } from "./output.ts";

interface DestroyOptions extends ConfigOptions {
  readonly yes?: boolean;
  readonly json?: boolean;
}

async function confirm(data: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new OperationError(
      `this would remove all data in ${data}`,
      "Say --yes to do it without being asked.",
    );
  }
  const dialog = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await dialog.question(`Remove the cluster in ${data} with all its data? Type "yes": `);
  dialog.close();
  if (answer.trim() !== "yes") throw new OperationError("nothing was removed");
}

async function destroy(options: DestroyOptions): Promise<void> {
  const { config } = loadFromOptions(options);
  if (!options.yes) await confirm(config.data);
  await stopCluster(config, silent);
  const left = destroyCluster(config);
  if (options.json) printJson({ removed: config.data, left });
  else if (left.length === 0) print(`Removed ${config.data}.`);
  else print(`Removed the cluster in ${config.data}; left what is not Pleiad's: ${left.join(", ")}.`);
}

export function registerDestroy(program: Command): void {
  withConfigOptions(program.command("destroy"))
    .description("stop the cluster and remove all its data")
    .option("--yes", "do not ask")
    .option("--json", "print the result as JSON")
    .action(destroy);
}
