/**
 * Runs a statement that writes, the cheapest way that is right for this execution: its text on the one node that holds all
 * it touches; its text on several nodes, or its rows split by node, in one distributed transaction; or staged elsewhere.
 */
import { refusal } from "../../errors/refusal.ts";
import type { InsertPlan, ModifyPlan, WritePlan, WritingWithPlan } from "../../plan/write-plan.ts";
import { locate, type Location } from "../locate.ts";
import { textForShard } from "../node-text.ts";
import type { ExecutionContext, Run } from "../run.ts";
import { atTransactionTime, refuseHiddenTimes } from "../transaction-time.ts";
import { insertRows } from "./insert-rows.ts";
import { insertStaged } from "./insert-staged.ts";
import { lockReplicas } from "./replica-lock.ts";
import { modifyStaged } from "./modify-staged.ts";
import { runInTurn, runOnCopies } from "./share.ts";
import { onOneNode, Opener, type WriteOutcome } from "./write-outcome.ts";

export async function runWrite(context: ExecutionContext, plan: WritePlan, run: Run): Promise<WriteOutcome> {
  const reads = plan.command === "WITH" ? plan.alone?.reads : plan.reads;
  if (reads !== undefined) refuseHiddenTimes(context, reads);
  const opener = new Opener(context);
  // It may wait behind a definition and then find another table than it was planned for: what it does there must be undone.
  if (context.definitions.areChanging() && run.rowsMax === 0) opener.open(run);
  const outcome = await dispatch(context, plan, run, opener);
  return { ...outcome, opened: opener.opened };
}

function dispatch(context: ExecutionContext, plan: WritePlan, run: Run, opener: Opener): Promise<Result> {
  if (plan.command === "INSERT") return insert(context, plan, run, opener);
  return plan.command === "WITH" ? writeWith(context, plan, run, opener) : modify(context, plan, run, opener);
}

async function writeWith(
  context: ExecutionContext,
  plan: WritingWithPlan,
  run: Run,
  opener: Opener,
): Promise<Result> {
  const node = nodeOfWith(context, plan, run);
  if (node === undefined) throw refusal("writing-with-many-nodes");
  const { reads } = plan.alone!;
  const text = textForShard(reads, undefined);
  const timed = await atTransactionTime(context, reads.transactionTimes, text, false);
  return onOneNode(context, node, timed, run, opener);
}

/** The node that holds all that the statement touches, if there is one. */
export function nodeOfWith(
  context: ExecutionContext,
  { alone }: WritingWithPlan,
  run: Run,
): string | undefined {
  if (alone === undefined) return undefined;
  const { nodes } = locate(alone.reads.uses, run, context.snapshot());
  if (nodes === "any" || nodes.size !== 1 || (alone.asksTime && context.transaction.active)) return undefined;
  return [...nodes][0]!;
}

type Result = Omit<WriteOutcome, "opened">;

async function insert(
  context: ExecutionContext,
  plan: InsertPlan,
  run: Run,
  opener: Opener,
): Promise<Result> {
  const placed =
    plan.rows === undefined ? undefined : await insertRows(context, plan, plan.rows, run, opener);
  if (placed !== undefined) return placed;
  const local = insertsLocally(context, plan, run);
  if (local !== undefined) {
    const { reads } = plan;
    const whole = textForShard(reads, undefined);
    const text = await atTransactionTime(context, reads.transactionTimes, whole, false);
    return onOneNode(context, local, text, run, opener);
  }
  opener.open(run);
  const rows = await insertStaged(context, plan, run);
  return { tag: `INSERT 0 ${rows}`, unsent: true };
}

/** INSERT … SELECT where source and target lie on one node, and no default has to come from elsewhere. */
function insertsLocally(context: ExecutionContext, plan: InsertPlan, run: Run): string | undefined {
  const { distribution } = plan.target;
  if (!plan.reads.direct || distribution?.kind !== "single" || plan.rows !== undefined) return undefined;
  const given = new Set(plan.columns);
  const asksDefaults = plan.target.columns.some(
    (c) => !given.has(c) && c.generated === "" && (c.defaultExpression !== undefined || c.identity !== ""),
  );
  if (asksDefaults || plan.stored.length < plan.columns.length) return undefined;
  const { nodes } = locate(plan.others, run, context.snapshot());
  return nodes === "any" || (nodes.size === 1 && nodes.has(distribution.node))
    ? distribution.node
    : undefined;
}

async function modify(
  context: ExecutionContext,
  plan: ModifyPlan,
  run: Run,
  opener: Opener,
): Promise<Result> {
  const { target, reads } = plan;
  const replicated = target.distribution!.kind === "replicated";
  if (replicated) return modifyReplicated(context, plan, run, opener);
  const location = locate(reads.uses, run, context.snapshot());
  const asWritten =
    reads.direct && !plan.movesRows && !needsOtherDefaults(plan, opener.wasActive || !isOneNode(location));
  if (asWritten && isOneNode(location)) {
    const there = textForShard(reads, location.shard);
    const text = await atTransactionTime(context, reads.transactionTimes, there, false);
    return onOneNode(context, nodeOf(location, plan), text, run, opener);
  }
  opener.open(run);
  if (asWritten && reads.gather !== undefined && location.nodes !== "any") {
    const whole = textForShard(reads, undefined);
    const text = await atTransactionTime(context, reads.transactionTimes, whole, true);
    const shares = [...location.nodes].map((node) => ({ node, text }));
    return { tag: `${plan.command} ${await runInTurn(context, shares, run)}`, unsent: true };
  }
  return { tag: await modifyStaged(context, plan, run), unsent: true };
}

/** Every copy gets the same text, where that gives the same result; else the changed rows. */
async function modifyReplicated(
  context: ExecutionContext,
  plan: ModifyPlan,
  run: Run,
  opener: Opener,
): Promise<Result> {
  opener.open(run);
  const asWritten = plan.sameOnReplicas && !needsOtherDefaults(plan, true) && !hasOwnSnapshot(context);
  if (!asWritten) return { tag: await modifyStaged(context, plan, run), unsent: true };
  await lockReplicas(context, plan.target);
  const { reads } = plan;
  const whole = textForShard(reads, undefined);
  const text = await atTransactionTime(context, reads.transactionTimes, whole, true);
  const shares = context
    .snapshot()
    .dataNodes.toSorted()
    .map((node) => ({ node, text }));
  return { tag: `${plan.command} ${await runOnCopies(context, shares, run)}`, unsent: true };
}

/** A default that the rows' nodes do not have, or would each have another value of. */
function needsOtherDefaults(plan: ModifyPlan, oneTime: boolean): boolean {
  const replicated = plan.target.distribution!.kind === "replicated";
  return plan.defaults.some(
    ({ kind }) => kind === "catalog" || (kind === "time" && oneTime) || (kind === "volatile" && replicated),
  );
}

/** REPEATABLE READ, SERIALIZABLE: each node's snapshot is of another moment. */
export function hasOwnSnapshot({ transaction }: ExecutionContext): boolean {
  const modes = `${transaction.beginStatement} ${transaction.settings.get("default_transaction_isolation") ?? ""}`;
  return /repeatable|serializable/i.test(modes);
}

function isOneNode({ nodes }: Location): boolean {
  return nodes === "any" || nodes.size === 1;
}

/** Where no row is concerned, a node that has the table answers. */
function nodeOf({ nodes }: Location, plan: ModifyPlan): string {
  if (nodes !== "any") return [...nodes][0]!;
  const distribution = plan.target.distribution!;
  switch (distribution.kind) {
    case "single":
      return distribution.node;
    case "hash":
      return distribution.placements[0]!;
    case "range":
    case "list":
      return distribution.slices[0]!.node;
    default:
      throw new Error("a random table is on all nodes");
  }
}
