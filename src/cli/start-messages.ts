/** What `serve` tells `keep`, and that one the `up` that started it, over Node's channel between parent and child. */
import { fileURLToPath } from "node:url";
import type { RunState } from "../operations/cluster-record.ts";
import type { ReportedFailure } from "./output.ts";

export type StartMessage =
  | { readonly kind: "step"; readonly text: string }
  | { readonly kind: "warn"; readonly text: string }
  | { readonly kind: "ready"; readonly state: RunState }
  | { readonly kind: "failed"; readonly failure: ReportedFailure };

/** The parent may be gone: then nobody wants to know. */
export function tellParent(message: StartMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    process.send(message, undefined, undefined, () => resolve());
  });
}

/** Node's own arguments for another process: the same loader. A debugger's port cannot be had twice. */
function loaderArguments(): string[] {
  return process.execArgv.filter((argument) => !argument.startsWith("--inspect"));
}

/** The command line of this Pleiad. */
export function commandArguments(): string[] {
  return [...loaderArguments(), process.argv[1] ?? ""];
}

/** That of a process of the coordinator, to which its kind is added. */
export function processArguments(): string[] {
  // The sources and the build differ in their files' extension only.
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  return [...loaderArguments(), fileURLToPath(new URL(`../node/process-main${extension}`, import.meta.url))];
}
