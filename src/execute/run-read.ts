/** Runs a read plan: the cheapest level that this execution's values allow. */
import { PgError } from "../errors/pg-error.ts";
import type { ReadPlan } from "../plan/plan.ts";
import { runGather, runOnNode } from "./direct.ts";
import { textForShard } from "./node-text.ts";
import { checkPrivileges } from "./check-privileges.ts";
import { runPointRead } from "./point-read.ts";
import { runGeneral } from "./general.ts";
import { locate, onlyNode, type Location } from "./locate.ts";
import type { ExecutionContext, Outcome, Run } from "./run.ts";
import { atTransactionTime, refuseHiddenTimes } from "./transaction-time.ts";

/** Nothing is awaited before a point read is on its way. */
export function runRead(context: ExecutionContext, plan: ReadPlan, run: Run): Promise<Outcome> {
  refuseHiddenTimes(context, plan);
  if (plan.views === undefined) return runWhereItsRowsAre(context, plan, run);
  return checkPrivileges(context, plan, run).then(() => runWhereItsRowsAre(context, plan, run));
}

function runWhereItsRowsAre(context: ExecutionContext, plan: ReadPlan, run: Run): Promise<Outcome> {
  const location = locate(plan.uses, run, context.snapshot());
  const node = onlyNode(context, plan, location);
  if (node === undefined) return runOnSeveral(context, plan, location, run);
  const { shard } = location;
  const alone = () => runAlone(context, node, shard, plan, run);
  const shared = plan.cost.pointRead ? runPointRead(context, node, shard, plan, run, alone) : undefined;
  return shared ?? alone();
}

async function runAlone(
  context: ExecutionContext,
  node: string,
  shard: number | undefined,
  plan: ReadPlan,
  run: Run,
): Promise<Outcome> {
  await context.admit(plan.cost.pointRead);
  const text = await atTransactionTime(context, plan.transactionTimes, textForShard(plan, shard), false);
  return runOnNode(context, node, plan.writes, text, run);
}

async function runOnSeveral(
  context: ExecutionContext,
  plan: ReadPlan,
  { nodes }: Location,
  run: Run,
): Promise<Outcome> {
  await context.admit(false);
  const several = plan.direct && nodes !== "any" && nodes.size > 1;
  if (several && plan.gather !== undefined && run.rowsMax === 0 && isOnEveryNode(plan)) {
    const whole = textForShard(plan, undefined);
    const text = await atTransactionTime(context, plan.transactionTimes, whole, true);
    return runGather(context, [...nodes], text, run, gatherLimit(plan, run));
  }
  return runGeneralOrRefuse(context, plan, run);
}

async function runGeneralOrRefuse(context: ExecutionContext, plan: ReadPlan, run: Run): Promise<Outcome> {
  if (plan.general instanceof PgError) throw plan.general;
  return runGeneral(context, plan, plan.general, run);
}

/** A single table is unknown to all nodes but its own, even where the statement needs none of its rows (a WITH that nobody reads). */
function isOnEveryNode(plan: ReadPlan): boolean {
  return plan.uses.every((use) => use.relation.distribution?.kind !== "single");
}

function gatherLimit(plan: ReadPlan, run: Run): number {
  const limit = plan.gather?.limit;
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if ("rows" in limit) return limit.rows;
  const value = run.bind?.values[limit.parameter - 1];
  if (value === null || value === undefined) return Number.POSITIVE_INFINITY;
  return run.bind!.parameterFormats.some((format) => format === 1)
    ? Number(value.readBigInt64BE())
    : Number(value.toString());
}
