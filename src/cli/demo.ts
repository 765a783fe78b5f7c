/** `pleiad demo`: a cluster with sample data of real size, and a short tour of queries that shows where each ran. */
import type { Command } from "commander";
import { pathsOf, runningState } from "../operations/cluster-status.ts";
import { loadFromOptions, withStartOptions, type ConfigOptions } from "./config-options.ts";
import { connectionUrl } from "./connection-line.ts";
import type { loadDemo } from "./load-demo.ts";
import { print, printJson } from "./output.ts";
import { progressLines, quietProgress } from "./progress-lines.ts";
import { startInBackground } from "./up.ts";

interface DemoOptions extends ConfigOptions {
  readonly json?: boolean;
}

/** `load` creates, loads and tours the sample data over a client connection; what is already there is kept. */
export function registerDemo(program: Command, load: typeof loadDemo): void {
  withStartOptions(program.command("demo"))
    .description("start a cluster, load sample data, and show where queries run")
    .option("--json", "print the result as JSON")
    .action(async (options: DemoOptions) => {
      const json = options.json ?? false;
      const progress = json ? quietProgress : progressLines();
      const running = runningState(pathsOf(loadFromOptions(options).config));
      const state = running ?? (await startInBackground(options, progress));
      const report = await load(state.coordinator, json);
      if (json) printJson({ url: connectionUrl(state), ...report });
      else print(`\nConnect:  psql ${connectionUrl(state)}`);
    });
}
