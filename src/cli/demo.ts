/** `pleiad demo`: a cluster with sample data of real size, and a short tour of queries that shows where each ran. */
import type { Command } from "commander";
import { pathsOf, runningState } from "../operations/cluster-status.ts";
import { loadFromOptions, withStartOptions, type ConfigOptions } from "./config-options.ts";
import { connectionUrl } from "./connection-line.ts";
import { print } from "./output.ts";
import { progressLines } from "./progress-lines.ts";
import { startInBackground } from "./up.ts";

/** Creates, loads and tours the sample data over a client connection; what is already there is kept. */
export type LoadDemo = (target: { readonly host: string; readonly port: number }) => Promise<void>;

export function registerDemo(program: Command, loadDemo: LoadDemo): void {
  withStartOptions(program.command("demo"))
    .description("start a cluster, load sample data, and show where queries run")
    .action(async (options: ConfigOptions) => {
      const { config } = loadFromOptions(options);
      const state = runningState(pathsOf(config)) ?? (await startInBackground(options, progressLines()));
      await loadDemo(state.coordinator);
      print(`Connect:  psql ${connectionUrl(state)}`);
    });
}
