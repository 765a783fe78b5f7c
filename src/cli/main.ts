#!/usr/bin/env node
/** The command line `pleiad`: one file per command. */
import { Command, CommanderError } from "commander";
import { programVersion } from "../config/program-version.ts";
import { registerConfig } from "./config.ts";
import { registerDemo } from "./demo.ts";
import { registerDestroy } from "./destroy.ts";
import { registerDown } from "./down.ts";
import { registerKeep } from "./keep.ts";
import { loadDemo } from "./load-demo.ts";
import { registerLogs } from "./logs.ts";
import { describeFailure, exitCodeOf, printFailure } from "./output.ts";
import { registerPsql } from "./psql.ts";
import { registerReload } from "./reload.ts";
import { registerServe } from "./serve.ts";
import { registerStatus } from "./status.ts";
import { registerUp } from "./up.ts";

const json = process.argv.includes("--json");

const program = new Command("pleiad")
  .description("One logical PostgreSQL database spread over many PostgreSQL servers")
  .version(programVersion())
  .enablePositionalOptions()
  .showSuggestionAfterError()
  .exitOverride()
  // A program that reads JSON gets the error below, and no text.
  .configureOutput({
    outputError: (text, write) => (json ? undefined : write(text.replace(/^error: /, "pleiad: "))),
  });

registerDemo(program, loadDemo);
for (const register of [
  registerUp,
  registerDown,
  registerReload,
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
  // Commander has said already what it had to say; --help and --version come here too.
  process.exitCode = exitCodeOf(error);
  const said = error instanceof CommanderError && !json;
  if (!said && process.exitCode !== 0) printFailure(describeFailure(error), json);
}
