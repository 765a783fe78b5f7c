/** Where a child process of the supervisor begins: `process-main <kind>`. Apart from the command line, whose parts it does not need. */
import { ProcessKind } from "../shared-memory/process-table.ts";
import { runProcess } from "./run-process.ts";

const kind = process.argv[2] ?? "";
if (!Object.hasOwn(ProcessKind, kind)) throw new Error(`there is no process of the kind "${kind}"`);
await runProcess(kind as ProcessKind);
