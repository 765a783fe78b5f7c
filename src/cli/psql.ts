/** `pleiad psql`: the system's psql, connected to the running cluster. */
import { spawn } from "node:child_process";
import type { Command } from "commander";
import { pathsOf, runningState } from "../operations/cluster-status.ts";
import { OperationError } from "../operations/operation-error.ts";
import { loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { connectionUrl } from "./connection-line.ts";

interface PsqlOptions extends ConfigOptions {
  readonly json?: boolean;
}

async function psql(args: readonly string[], options: PsqlOptions): Promise<void> {
  const { config } = loadFromOptions(options);
  const state = runningState(pathsOf(config));
  if (state === undefined)
    throw new OperationError(`no cluster runs on ${config.data}`, "Start it with `pleiad up`.");
  const url = connectionUrl(state);
  if (options.json) return void process.stdout.write(`${JSON.stringify({ url })}\n`);
  // As defaults in the environment, so that the caller's own -U, -d and database name win.
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const environment = {
    PGUSER: "postgres",
    PGDATABASE: "postgres",
    ...process.env,
    PGHOST: host,
    PGPORT: port,
  };
  const child = spawn("psql", args, { stdio: "inherit", env: environment });
  // At a terminal Ctrl-C is psql's: it cancels the query.
  process.on("SIGINT", () => {});
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") return reject(error);
      reject(
        new OperationError("there is no psql on this system", `Connect with any PostgreSQL client to ${url}`),
      );
    });
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

export function registerPsql(program: Command): void {
  withConfigOptions(program.command("psql"))
    .description("run psql on the cluster; what follows is given to psql")
    .argument(
      "[args...]",
      "arguments of psql, such as -c 'SELECT 1' (after -- if Pleiad has an option of that name)",
    )
    .option("--json", "only print the connection URL, as JSON")
    .allowUnknownOption()
    .passThroughOptions()
    .action(psql);
}
