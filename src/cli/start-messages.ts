/** What the background process tells the `up` that started it, over Node's channel between parent and child. */
import type { RunState } from "../operations/cluster-record.ts";
import type { ReportedFailure } from "./output.ts";

export type StartMessage =
  | { readonly kind: "step"; readonly text: string }
  | { readonly kind: "warn"; readonly text: string }
  | { readonly kind: "ready"; readonly state: RunState }
  | { readonly kind: "failed"; readonly failure: ReportedFailure };
