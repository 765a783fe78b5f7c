/** pgbench: its tables, made by us so that they can be distributed, and its runs. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Endpoint } from "../test/wire/connection.ts";
import { copyLines, runSql } from "./run-sql.ts";

const ACCOUNTS_PER_BRANCH = 100_000;
const TELLERS_PER_BRANCH = 10;

/** The definitions of `pgbench -i`, with the clause that says how each table lies. */
const TABLES = [
  [
    "CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88))",
    "DISTRIBUTE BY HASH (bid)",
  ],
  [
    "CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84))",
    "DISTRIBUTE BY HASH (tid)",
  ],
  [
    "CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84))",
    "DISTRIBUTE BY HASH (aid)",
  ],
  [
    "CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))",
    "DISTRIBUTE BY HASH (aid)",
  ],
] as const;

export async function createPgbenchTables(at: Endpoint, scale: number, distributed: boolean): Promise<void> {
  for (const [definition, clause] of TABLES)
    await runSql(at, distributed ? `${definition} ${clause}` : definition);
  await copyLines(
    at,
    "pgbench_branches",
    rows(scale, (bid) => `${bid}\t0\t\\N\n`),
  );
  const tellers = scale * TELLERS_PER_BRANCH;
  await copyLines(
    at,
    "pgbench_tellers",
    rows(tellers, (tid) => `${tid}\t${branchOf(tid, TELLERS_PER_BRANCH)}\t0\t\\N\n`),
  );
  const accounts = scale * ACCOUNTS_PER_BRANCH;
  await copyLines(
    at,
    "pgbench_accounts",
    rows(accounts, (aid) => `${aid}\t${branchOf(aid, ACCOUNTS_PER_BRANCH)}\t0\t\n`),
  );
  await runSql(at, "ANALYZE");
}

const branchOf = (number: number, perBranch: number): number => Math.floor((number - 1) / perBranch) + 1;

function* rows(count: number, line: (number: number) => string): Generator<string> {
  for (let number = 1; number <= count; number++) yield line(number);
}

export interface PgbenchRun {
  readonly pgbench: string;
  readonly script: "select-only" | "tpcb-like" | "simple-update";
  readonly mode: "simple" | "extended" | "prepared";
  readonly clients: number;
  readonly threads: number;
  readonly seconds: number;
}

/** Transactions a second, without the time to connect. `more`: further options. */
export async function runPgbench(
  at: Endpoint,
  run: PgbenchRun,
  more: readonly string[] = [],
): Promise<number> {
  const args = [
    ...more,
    "-n",
    `--host=${at.host}`,
    `--port=${at.port}`,
    `--username=${at.user}`,
    `--builtin=${run.script}`,
    `--protocol=${run.mode}`,
    `--client=${run.clients}`,
    `--jobs=${run.threads}`,
    `--time=${run.seconds}`,
    at.database,
  ];
  const output = await capture(run.pgbench, args);
  const tps = /tps = ([\d.]+)/.exec(output)?.[1];
  const failed = /number of failed transactions: ([1-9]\d*)/.exec(output)?.[1];
  if (tps === undefined || failed !== undefined || /aborted/.test(output)) {
    throw new Error(`pgbench did not finish:\n${output}`);
  }
  return Number(tps);
}

/** Milliseconds of each transaction, in ascending order. */
export async function latencies(at: Endpoint, run: PgbenchRun): Promise<Float64Array> {
  const directory = mkdtempSync(join(tmpdir(), "pleiad-bench-"));
  try {
    await runPgbench(at, run, ["--log", `--log-prefix=${join(directory, "log")}`]);
    const lines = readdirSync(directory).flatMap((file) =>
      readFileSync(join(directory, file), "utf8").trimEnd().split("\n"),
    );
    // client, number, microseconds, script, time
    return Float64Array.from(lines, (line) => Number(line.split(" ")[2]) / 1000).toSorted();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function capture(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      // The plain server has no certificate: without this only one of the two would encrypt.
      env: { ...process.env, PGSSLMODE: "disable" },
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") return reject(error);
      reject(
        new Error(
          `${program} was not found: install PostgreSQL's client programs, or give their directory by --pg-bin`,
        ),
      );
    });
    child.on("close", () => resolve(output));
  });
}
