/** `pleiad process` (hidden): one process of the coordinator, a child of the one that serves. */
import type { Command } from "commander";
import { ProcessKind } from "../shared-memory/process-table.ts";

export function registerProcess(program: Command): void {
  program.command("process <kind>", { hidden: true }).action(async (kind: string) => {
    if (!Object.hasOwn(ProcessKind, kind)) throw new Error(`no such kind of process: ${kind}`);
    const { runProcess } = await import("../node/run-process.ts");
    await runProcess(kind as ProcessKind);
  });
}
