/** Runs the command line of Pleiad as a user does, and returns what it said. */
import { execFile } from "node:child_process";
import { cleanEnvironment, pleiadCommand } from "./test-cluster.ts";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function pleiad(...args: string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...pleiadCommand(), ...args],
      { env: cleanEnvironment() },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === "number" ? error.code : error ? 1 : 0, stdout, stderr });
      },
    );
  });
}
