/** A statement that is ready to run: parsed, described by the catalog node where it has to be, planned. */
import type { Snapshot } from "../catalog/snapshot.ts";
import type { CatalogPlan, ReadPlan } from "../plan/plan.ts";
import type { WritePlan } from "../plan/write-plan.ts";
import type { Field } from "../protocol/backend-messages.ts";
import type { ParsedStatement } from "../sql/statement.ts";

/** What the catalog node says of a statement: types as clients see them. */
export interface Description {
  readonly parameterTypes: readonly number[];
  /** Undefined when the statement returns no rows. */
  readonly fields: readonly Field[] | undefined;
}

export interface PlannedStatement {
  readonly statement: ParsedStatement;
  /** Key of the statement's node, e.g. SelectStmt. */
  readonly tag: string;
  readonly description: Description | undefined;
  /** For statements that read or write rows, or that only the catalog node answers. */
  readonly plan: ReadPlan | WritePlan | CatalogPlan | undefined;
  /** What it answers was put into its text: the next execution needs another. */
  readonly ofItsMoment?: true;
  /** The snapshot it was planned with. */
  readonly snapshot: Snapshot;
  /** Version of the database's catalog before that snapshot was taken. */
  readonly version: number;
}
