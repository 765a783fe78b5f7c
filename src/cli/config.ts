/** `pleiad config`: the reference of all keys, and a check of what is configured here. */
import type { Command } from "commander";
import { configReference } from "../config/config-reference.ts";
import { configKeys } from "../config/keys.ts";
import { loadFromOptions, withStartOptions, type ConfigOptions } from "./config-options.ts";
import { print, printJson, table } from "./output.ts";

interface CheckOptions extends ConfigOptions {
  readonly json?: boolean;
}

function reference(options: { readonly json?: boolean }): void {
  if (options.json) printJson(configKeys);
  else process.stdout.write(configReference());
}

function valueAt(config: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((at, part) => (at as Readonly<Record<string, unknown>> | undefined)?.[part], config);
}

function check(options: CheckOptions): void {
  const loaded = loadFromOptions(options);
  const values = configKeys
    .filter((key) => !key.section)
    .map((key) => ({
      key: key.path,
      value: valueAt(loaded.config, key.path),
      source: loaded.sourceOf(key.path),
    }));
  if (options.json) {
    return printJson({ file: loaded.file, warnings: loaded.warnings, values });
  }
  for (const warning of loaded.warnings) process.stderr.write(`! ${warning}\n`);
  print(loaded.file === undefined ? "No configuration file." : `Configuration file: ${loaded.file}`);
  print(table(values.map(({ key, value, source }) => [key, source, JSON.stringify(value) ?? "(not set)"])));
}

export function registerConfig(program: Command): void {
  const config = program.command("config").description("the configuration: its reference, and a check");
  config
    .command("reference")
    .description("print docs/configuration.md: every key with its meaning and default")
    .option("--json", "print the keys as JSON")
    .action(reference);
  withStartOptions(config.command("check"))
    .description("show every value in force and where it comes from (exit code 2 when something is wrong)")
    .option("--json", "print the result as JSON")
    .action(check);
}
