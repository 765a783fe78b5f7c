/** The read plan of what a writing statement reads, with the target's own part taken out of it. */
import type { SelectStmt } from "@pgsql/types";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import { planRead, type PlanContext } from "../plan-read.ts";
import type { GeneralPlan, ReadPlan, ShippedTable, TableUse } from "../plan.ts";
import type { WriteTarget } from "./target.ts";

export interface Reads {
  readonly plan: ReadPlan;
  readonly others: readonly TableUse[];
  /** Without the target's table, and without the splice of its name. */
  readonly general: GeneralPlan | PgError;
  /** How the target's rows would be shipped. */
  readonly table: ShippedTable | undefined;
}

export function readsOf(
  statement: ParsedStatement,
  select: SelectStmt,
  target: WriteTarget,
  context: PlanContext,
): Reads {
  const { standIn } = target;
  const plan = planRead(
    { ...statement, tree: { SelectStmt: select } },
    { ...context, snapshot: target.snapshot },
  );
  // The target stands in FROM, so it is never a statement without tables.
  if (plan.kind !== "read") throw refusal("temporary-object", `Table "${target.relation.name}".`);
  const { general } = plan;
  return {
    plan,
    others: plan.uses.filter((use) => use.relation !== standIn),
    general:
      general instanceof PgError
        ? general
        : {
            ...general,
            tables: general.tables.filter((table) => table.relation !== standIn),
            splices: general.splices.filter((splice) => splice.start !== (target.rangeVar.location ?? 0)),
          },
    table:
      general instanceof PgError ? undefined : general.tables.find((table) => table.relation === standIn),
  };
}
