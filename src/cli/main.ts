#!/usr/bin/env node
/** The command line `pleiad`: one file per command. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { registerConfig } from "./config.ts";
import { registerDemo } from "./demo.ts";
import { registerDestroy } from "./destroy.ts";
import { registerDown } from "./down.ts";
import { registerKeep } from "./keep.ts";
import { loadDemo } from "./load-demo.ts";
import { registerLogs } from "./logs.ts";
import { describeFailure, printFailure } from "./output.ts";
import { registerPsql } from "./psql.ts";
import { registerServe } from "./serve.ts";
import { registerStatus } from "./status.ts";
import { registerUp } from "./up.ts";

function version(): string {
  // The same relative path from the sources and from the build.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

const program = new Command("pleiad")
  .description("One logical PostgreSQL database spread over many PostgreSQL servers")
  .version(version())
  .enablePositionalOptions()
  .showSuggestionAfterError();

registerDemo(program, loadDemo);
for (const register of [
  registerUp,
  registerDown,
  registerStatus,
  registerLogs,
  registerPsql,
  registerDestroy,
  registerConfig,
  registerKeep,
  registerServe,
]) {
  register(program);
}

try {
  await program.parseAsync();
} catch (error) {
  printFailure(describeFailure(error), process.argv.includes("--json"));
  process.exitCode = 1;
}
