/** What `serve` tells `keep`, and that one the `up` that started it, over Node's channel between parent and child. */
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

/** The command line of this Pleiad, for another process with the same Node and the same loader. A debugger's port cannot be had twice. */
export function commandArguments(): string[] {
  const loader = process.execArgv.filter((argument) => !argument.startsWith("--inspect"));
  return [...loader, process.argv[1] ?? ""];
}
