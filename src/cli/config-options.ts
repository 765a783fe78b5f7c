/** The options by which every command finds its cluster and its configuration. */
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { loadConfig, type LoadedConfig } from "../config/load-config.ts";

export interface ConfigOptions {
  readonly config?: string;
  readonly data?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly port?: string;
  readonly dataNodes?: string;
  readonly computeNodes?: string;
  readonly pgBin?: string;
  readonly join?: string;
}

function collectSetting(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError("It is written KEY=VALUE, as in server.fsync=false.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** For every command: which cluster. */
export function withConfigOptions(command: Command): Command {
  return command
    .option(
      "--data <dir>",
      "data directory of the cluster (default: /var/lib/pleiad for root, else ~/.local/share/pleiad)",
    )
    .option("--config <file>", "configuration file (default: pleiad.yaml here, else in the data directory)")
    .option("--set <key=value>", "set any key of the configuration; may be repeated", collectSetting);
}

/** For commands that start a cluster. */
export function withStartOptions(command: Command): Command {
  return withConfigOptions(command)
    .option("--port <port>", "port for clients (default: 5432, or the next free one)")
    .option("--join <dir>", "one more coordinator for the running cluster of this data directory")
    .option("--data-nodes <n>", "number of data nodes of a new cluster (default: 2)")
    .option("--compute-nodes <n>", "number of compute nodes of a new cluster (default: 1)")
    .option(
      "--pg-bin <dir>",
      "programs of an installed PostgreSQL 15 to 18 (default: the one that npm installed)",
    );
}

function flagsOf(options: ConfigOptions): Record<string, string> {
  const named = {
    data: options.data,
    port: options.port,
    data_nodes: options.dataNodes,
    compute_nodes: options.computeNodes,
    pg_bin: options.pgBin,
    join: options.join,
  };
  const given = Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...options.set, ...Object.fromEntries(given) };
}

export function loadFromOptions(options: ConfigOptions): LoadedConfig {
  return loadConfig({ flags: flagsOf(options), environment: process.env, file: options.config });
}

/** The same options as arguments for another Pleiad process. */
export function argumentsOf(options: ConfigOptions): string[] {
  const settings = Object.entries(flagsOf(options)).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  return options.config === undefined ? settings : ["--config", options.config, ...settings];
}
