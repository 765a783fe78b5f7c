/**
 * EXPLAIN of statements that write: which nodes get what. A text that runs on its nodes as it stands is explained there; of
 * a statement whose rows are worked out elsewhere the fragments are shown that bring them together. ANALYZE executes it.
 */
import { nodesOf } from "../../catalog/placement.ts";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { locate } from "../../execute/locate.ts";
import { textForShard } from "../../execute/node-text.ts";
import { innerRun } from "../../execute/run.ts";
import { atTransactionTime } from "../../execute/transaction-time.ts";
import { DiscardedOutput } from "../../execute/write/discarded-output.ts";
import { runWrite } from "../../execute/write/run-write.ts";
import type { DistributedPlan, ExplainStep } from "../../plan/explain/distributed-plan.ts";
import type { InsertPlan, ModifyPlan, WritePlan } from "../../plan/write-plan.ts";
import { explainThere, milliseconds, type Explaining } from "./explain-servers.ts";
import { fragmentSteps } from "./explain-read.ts";

export async function explainWrite(explaining: Explaining, plan: WritePlan): Promise<DistributedPlan> {
  if (plan.command === "WITH") throw refusal("writing-with-many-nodes");
  const shown =
    plan.command === "INSERT" ? await explainInsert(explaining, plan) : await explainModify(explaining, plan);
  if (!explaining.analyze || shown.executed) return shown.plan;
  const begun = performance.now();
  const rows = await execute(explaining, plan);
  return {
    ...shown.plan,
    properties: [
      ...shown.plan.properties,
      ["Rows Written", rows],
      ["Time", milliseconds(performance.now() - begun)],
    ],
  };
}

interface Shown {
  readonly plan: DistributedPlan;
  /** The node's EXPLAIN ANALYZE has done what the statement says. */
  readonly executed: boolean;
}

async function explainInsert(explaining: Explaining, plan: InsertPlan): Promise<Shown> {
  const nodes = nodesOf(plan.target.distribution!, explaining.session.view.snapshot().dataNodes);
  const into: ExplainStep = {
    title: `Insert into ${plan.target.schema}.${plan.target.name}`,
    properties: [["Nodes", nodes]],
  };
  if (plan.rows !== undefined) {
    const properties = [["Rows", plan.rows.rows.length]] as const;
    return { plan: { level: "rows by key", properties, steps: [into] }, executed: false };
  }
  if (plan.staged instanceof PgError) throw plan.staged;
  const steps = await fragmentSteps(explaining, plan.staged.general.tables);
  return { plan: { level: "staged insert", properties: [], steps: [...steps, into] }, executed: false };
}

async function explainModify(explaining: Explaining, plan: ModifyPlan): Promise<Shown> {
  const { session, run, analyze } = explaining;
  const { context, transaction } = session;
  const { reads, target } = plan;
  const replicated = target.distribution!.kind === "replicated";
  const { nodes: located, shard } = locate(reads.uses, run, context.snapshot());
  const all = nodesOf(target.distribution!, context.snapshot().dataNodes);
  const nodes = replicated ? all : located === "any" ? all.slice(0, 1) : [...located].toSorted();
  const alone = !replicated && nodes.length === 1;
  if (!reads.direct || plan.movesRows || (!alone && !replicated && reads.gather === undefined)) {
    if (plan.staged instanceof PgError) throw plan.staged;
    const steps = await fragmentSteps(explaining, plan.staged.general.tables);
    const into: ExplainStep = {
      title: `${plan.command} of ${target.schema}.${target.name}`,
      properties: [["Nodes", all]],
    };
    return { plan: { level: "staged write", properties: [], steps: [...steps, into] }, executed: false };
  }
  const text = await atTransactionTime(
    context,
    reads.transactionTimes,
    textForShard(reads, alone ? shard : undefined),
    !alone,
  );
  // Where one node does it all, its EXPLAIN ANALYZE executes the statement; otherwise that is done behind this.
  const executes = analyze && alone;
  const asking = executes
    ? explaining
    : {
        ...explaining,
        prefix: explaining.analyze ? explaining.fragmentPrefix : explaining.prefix,
        analyze: false,
      };
  const steps: ExplainStep[] = [];
  for (const node of nodes) {
    const lease = await transaction.lease(node, executes);
    try {
      steps.push(await explainThere(asking, lease, text));
    } finally {
      lease.release();
    }
  }
  return {
    plan: {
      level: alone ? "route" : replicated ? "every copy" : "every node",
      properties: [["Nodes", nodes]],
      steps,
    },
    executed: executes,
  };
}

/** Runs the statement and drops its answer; gives the number of rows of its tag. */
async function execute({ session, run }: Explaining, plan: WritePlan): Promise<number> {
  const context = { ...session.context, output: new DiscardedOutput() };
  const outcome = await runWrite(context, plan, innerRun(run));
  if (outcome.opened) await session.commit();
  return Number(outcome.tag?.split(" ").at(-1) ?? 0);
}
