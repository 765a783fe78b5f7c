/** `pleiad reload` as an operator types it. */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanEnvironment, pleiadCommand } from "../cluster/test-cluster.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface ReloadOutcome {
  readonly code: number | null;
  /** What it printed as JSON. */
  readonly said: {
    readonly outcome?: string;
    readonly warnings?: string[];
    readonly error?: string;
    readonly hint?: string;
  };
}

/** `command`: the arguments of node for the program that is to be taken over. */
export function reload(
  data: string,
  timeoutSeconds: number,
  command = pleiadCommand(),
): Promise<ReloadOutcome> {
  const args = [...command, "reload", "--json", `--timeout=${timeoutSeconds}`, `--data=${data}`];
  const child = spawn(process.execPath, args, {
    cwd: "/",
    env: cleanEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    child.once("close", (code) =>
      resolve({ code, said: JSON.parse(output || "{}") as ReloadOutcome["said"] }),
    );
  });
}

/** Another version of the program in a directory of its own: one file of it is changed. Gives its command line. */
export function changedProgram(directory: string, file: string, change: (text: string) => string): string[] {
  mkdirSync(directory);
  cpSync(join(root, "src"), join(directory, "src"), { recursive: true });
  cpSync(join(root, "package.json"), join(directory, "package.json"));
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  const path = join(directory, "src", file);
  const before = readFileSync(path, "utf8");
  const after = change(before);
  if (after === before) throw new Error(`${file} is as it was`);
  writeFileSync(path, after);
  return [...pleiadCommand().slice(0, -1), join(directory, "src", "cli", "main.ts")];
}
