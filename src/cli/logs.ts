/** `pleiad logs`: the coordinator's log or that of a server, once or followed. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError, type Command } from "commander";
import { pathsOf } from "../operations/cluster-status.ts";
import { OperationError } from "../operations/operation-error.ts";
import { loadFromOptions, withConfigOptions, type ConfigOptions } from "./config-options.ts";
import { print, printJson } from "./output.ts";

interface LogsOptions extends ConfigOptions {
  readonly follow?: boolean;
  readonly lines: number;
  readonly json?: boolean;
}

const tailBytesMax = 1024 * 1024;
const followMs = 250;

function readRange(path: string, from: number): { readonly text: string; readonly end: number } {
  const fd = openSync(path, "r");
  try {
    const end = fstatSync(fd).size;
    const bytes = Buffer.alloc(Math.max(0, end - from));
    const read = readSync(fd, bytes, 0, bytes.length, from);
    return { text: bytes.subarray(0, read).toString(), end: from + read };
  } finally {
    closeSync(fd);
  }
}

function lineCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It is a number of lines, as in 100.");
  return Number(text);
}

function logPath(directory: string, instance: string): string {
  const path = join(directory, `${instance}.log`);
  if (existsSync(path)) return path;
  const known = existsSync(directory)
    ? readdirSync(directory).flatMap((entry) => (entry.endsWith(".log") ? [entry.slice(0, -4)] : []))
    : [];
  throw new OperationError(
    `there is no log of "${instance}" in ${directory}`,
    known.length > 0 ? `There are: ${known.sort().join(", ")}.` : "Was a cluster ever started here?",
  );
}

async function logs(instance: string, options: LogsOptions): Promise<void> {
  const path = logPath(pathsOf(loadFromOptions(options).config).logs, instance);
  const show = (lines: readonly string[]) => {
    for (const line of lines) {
      if (options.json) printJson({ instance, line });
      else print(line);
    }
  };
  const size = statSync(path).size;
  let { text, end } = readRange(path, Math.max(0, size - tailBytesMax));
  const lines = text.split("\n");
  let unfinished = lines.pop() ?? "";
  show(options.lines > 0 ? lines.slice(-options.lines) : []);
  if (!options.follow) return unfinished === "" ? undefined : show([unfinished]);
  for (;;) {
    await sleep(followMs);
    const now = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    // Rotated: a new file begins.
    if (now < end) [end, unfinished] = [0, ""];
    if (now === end) continue;
    ({ text, end } = readRange(path, end));
    const arrived = (unfinished + text).split("\n");
    unfinished = arrived.pop() ?? "";
    show(arrived);
  }
}

export function registerLogs(program: Command): void {
  withConfigOptions(program.command("logs"))
    .description("show the log of the coordinator or of a server")
    .argument("[instance]", "coordinator, catalog, dn1, cn1, …", "coordinator")
    .option("-f, --follow", "go on as the log grows")
    .option("-n, --lines <n>", "so many last lines", lineCount, 100)
    .option("--json", "print each line as JSON")
    .action(logs);
}
