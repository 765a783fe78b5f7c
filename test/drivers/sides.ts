/** Both servers with the tables that the driver tests use, and the way to compare what a driver makes of them. */
import { spawn, spawnSync } from "node:child_process";
import { copyLines, runSql } from "../../bench/run-sql.ts";
import { startTestServers, type TestServers } from "../oracle/test-servers.ts";
import type { Endpoint } from "../wire/connection.ts";

/** `pgBin`: programs of another PostgreSQL than the one of npm, for both. */
export async function startDriverServers(pgBin?: string): Promise<TestServers> {
  const servers = await startTestServers({ pgBin });
  for (const at of [servers.plain, servers.subject]) {
    const clause = (text: string): string => (at === servers.subject ? servers.clause(text) : "");
    await runSql(
      at,
      "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
      `CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, price numeric(10,2), tags text[], info jsonb, made timestamptz, day date, mood mood, raw bytea)${clause("DISTRIBUTE BY HASH (id)")}`,
      `CREATE TABLE kinds (kind text PRIMARY KEY, about text)${clause("DISTRIBUTE BY REPLICATION")}`,
      `CREATE TABLE notes (note_id int PRIMARY KEY, item_id int, body text)${clause("DISTRIBUTE BY HASH (note_id)")}`,
      "CREATE INDEX items_name ON items (name)",
      "CREATE VIEW dear_items AS SELECT id, name, price FROM items WHERE price > 400",
      "COMMENT ON TABLE items IS 'things'",
    );
    await copyLines(at, "items", itemLines());
    await copyLines(at, "kinds", ["a\tfirst\n", "b\t\\N\n", "c\tthird\n"]);
    await copyLines(at, "notes", noteLines());
  }
  return servers;
}

function* itemLines(): Generator<string> {
  for (let id = 1; id <= 500; id++) {
    const price = id % 11 === 0 ? "\\N" : `${id}.50`;
    const tags = id % 5 === 0 ? "\\N" : `{t${id % 3},"two words",NULL}`;
    yield `${id}\titem ${id}\t${price}\t${tags}\t{"n": ${id % 7}, "deep": {"æ": [1, null]}}\t2024-03-31 0${id % 10}:30:00+00\t2024-02-${10 + (id % 19)}\t${["sad", "ok", "happy"][id % 3]}\t\\\\x00ff${String(id % 100).padStart(2, "0")}\n`;
  }
}

function* noteLines(): Generator<string> {
  for (let id = 1; id <= 900; id++) yield `${id}\t${(id * 7) % 520}\tnote ${id % 40}\n`;
}

/** Version of a client program on the path, or undefined. */
export function programVersion(program: string): number | undefined {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const version = /(\d+)(?:\.\d+)?/.exec(stdout ?? "")?.[1];
  return version === undefined ? undefined : Number(version);
}

export interface ProgramOutput {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that hangs is killed, so that its test fails and the next one runs. */
const PROGRAM_TIMEOUT_MS = 30_000;

export function runProgram(program: string, args: readonly string[], input = ""): Promise<ProgramOutput> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: "pipe",
      timeout: PROGRAM_TIMEOUT_MS,
      env: { ...process.env, PGOPTIONS: "", LC_ALL: "C.UTF-8" },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
    child.stdin.end(input);
  });
}

export const connectionArguments = (at: Endpoint): string[] => [
  `--host=${at.host}`,
  `--port=${at.port}`,
  `--username=${at.user}`,
  `--dbname=${at.database}`,
];
