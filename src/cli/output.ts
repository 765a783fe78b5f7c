/** What a command prints: text for people or one JSON value for programs on stdout, everything else on stderr. */
import { CommanderError } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { OperationError } from "../operations/operation-error.ts";
import { fileProblem } from "../operations/system-error.ts";

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The one JSON value of a command with --json. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export interface ReportedFailure {
  readonly error: string;
  readonly hint?: string | undefined;
}

/** A failure as the operator sees it. Only what nobody foresaw has a stack. */
export function describeFailure(error: unknown): ReportedFailure {
  if (error instanceof OperationError) return { error: error.message, hint: error.hint };
  if (error instanceof ConfigError) {
    return {
      error: `the configuration is not valid:\n  ${error.problems.join("\n  ")}`,
      hint: "See `pleiad config reference`.",
    };
  }
  if (error instanceof CommanderError) {
    const [message = "", ...more] = error.message.replace(/^error: /, "").split("\n");
    return { error: message, hint: more.length > 0 ? more.join(" ") : "See `pleiad help`." };
  }
  const problem = fileProblem(error);
  if (problem !== undefined) {
    return {
      error: problem,
      hint: "Use Pleiad as the user to whom the data directory belongs, or name another directory with --data.",
    };
  }
  return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

const failed = 1;
const wrongUsage = 2;

/** 2: what was asked for cannot be understood, and nothing was tried. 1: it was tried, and failed. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : wrongUsage;
  return error instanceof ConfigError ? wrongUsage : failed;
}

export function printFailure(failure: ReportedFailure, json: boolean): void {
  if (json) return printJson(failure);
  process.stderr.write(`pleiad: ${failure.error}\n`);
  if (failure.hint !== undefined) process.stderr.write(`Hint: ${failure.hint}\n`);
}

/** Columns padded to their widest value. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
