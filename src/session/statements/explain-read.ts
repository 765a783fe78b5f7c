/** EXPLAIN of statements that read: the level that would answer, and the plans of its fragments. */
import { PgError } from "../../errors/pg-error.ts";
import { checkPrivileges } from "../../execute/check-privileges.ts";
import { standsAlone } from "../../execute/dependent-task.ts";
import { closeWorkplace, openWorkplace } from "../../execute/general.ts";
import { locate } from "../../execute/locate.ts";
import { splicedText, textAsWritten, textForShard, type NodeText } from "../../execute/node-text.ts";
import { fragmentSql, throughGate, type Shipped } from "../../execute/ship-table.ts";
import { ShipSources } from "../../execute/ship-sources.ts";
import { atTransactionTime } from "../../execute/transaction-time.ts";
import type { DistributedPlan, ExplainStep } from "../../plan/explain/distributed-plan.ts";
import type { CatalogPlan, GeneralPlan, ReadPlan, ShippedTable } from "../../plan/plan.ts";
import type { Lease } from "../../transaction/lease.ts";
import { askServer, explainThere, milliseconds, type Explaining } from "./explain-servers.ts";
import { refuseSettingCalls } from "./set-config.ts";

export async function explainRead(
  explaining: Explaining,
  plan: ReadPlan | CatalogPlan,
): Promise<DistributedPlan> {
  const { session, run } = explaining;
  const { context, transaction } = session;
  if (plan.kind === "catalog") {
    if (explaining.analyze) refuseSettingCalls(plan.settingCalls);
    return onNodes(explaining, "catalog", ["catalog"], plan.writes, textAsWritten(plan.statement));
  }
  const { dataNodes } = context.snapshot();
  if (plan.views !== undefined) await checkPrivileges(context, plan, run);
  if (plan.direct) {
    const { nodes, shard } = locate(plan.uses, run, context.snapshot());
    if (nodes === "any" || nodes.size === 1) {
      const joined = transaction.nodes.find((name) => (dataNodes as readonly string[]).includes(name));
      const node = nodes === "any" ? (joined ?? dataNodes[0]!) : [...nodes][0]!;
      const text = await atTransactionTime(context, plan.transactionTimes, textForShard(plan, shard), false);
      return onNodes(explaining, "route", [node], plan.writes, text);
    }
    if (plan.gather !== undefined) {
      const text = await atTransactionTime(
        context,
        plan.transactionTimes,
        textForShard(plan, undefined),
        true,
      );
      return onNodes(explaining, "gather", [...nodes].toSorted(), false, text);
    }
  }
  if (plan.general instanceof PgError) throw plan.general;
  await checkPrivileges(context, plan, run);
  const steps = await generalSteps(explaining, plan, plan.general);
  return { level: "general", properties: [["Runs In", processOf(explaining, plan, plan.general)]], steps };
}

/** The kind of process that moves the rows; ANALYZE needs them where the session is. */
function processOf({ session, run, analyze }: Explaining, plan: ReadPlan, general: GeneralPlan): string {
  const { context } = session;
  const apart = !analyze && context.tasks.available && standsAlone(context, plan, general, run);
  return apart ? "executor" : "session worker";
}

/** The same text on each of the nodes. */
async function onNodes(
  explaining: Explaining,
  level: string,
  nodes: readonly string[],
  writes: boolean,
  text: NodeText,
): Promise<DistributedPlan> {
  const leases: Lease[] = [];
  try {
    for (const node of nodes) leases.push(await explaining.session.transaction.lease(node, writes));
    const settled = await Promise.allSettled(leases.map((lease) => explainThere(explaining, lease, text)));
    const steps = settled.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    return { level, properties: [["Nodes", nodes]], steps };
  } finally {
    for (const lease of leases) lease.release();
  }
}

async function generalSteps(
  explaining: Explaining,
  plan: ReadPlan,
  general: GeneralPlan,
): Promise<ExplainStep[]> {
  const fragments = await fragmentSteps(explaining, general.tables);
  const text = splicedText(plan.statement, general.splices);
  if (!explaining.analyze) {
    const place = general.target === "catalog" ? "the catalog node" : "a compute node";
    const sql = text.sql.toString().trim();
    return [...fragments, { title: `Statement on ${place}`, properties: [["SQL", sql]] }];
  }
  const moved = new Map<ShippedTable, { shipped: Shipped; ms: number }>();
  const workplace = await openWorkplace(explaining.session.context, general, explaining.run, {
    observe: (shipped, ms) => void moved.set(shipped.table, { shipped, ms }),
  });
  try {
    const step = await explainThere(explaining, workplace, text);
    const measured = fragments.map((fragment, i) => {
      const { shipped, ms } = moved.get(general.tables[i]!)!;
      const numbers = [
        ["Rows Moved", shipped.rows],
        ["Bytes Moved", shipped.bytes],
        ["Time", milliseconds(ms)],
      ] as const;
      return { ...fragment, properties: [...fragment.properties, ...numbers] };
    });
    return [...measured, { ...step, title: step.title.replace(/^Fragment/, "Statement") }];
  } finally {
    await closeWorkplace(workplace);
  }
}

/** What is read from the nodes for each table that is moved, with the nodes' plans for it. */
export async function fragmentSteps(
  { session, fragmentPrefix, format, run }: Explaining,
  tables: readonly ShippedTable[],
): Promise<ExplainStep[]> {
  const sources = new ShipSources(session.context);
  const simple = { ...run, bind: undefined };
  try {
    await sources.open(tables, run);
    const steps: ExplainStep[] = [];
    for (const table of tables) {
      const sql = fragmentSql(table, run);
      const parts: ExplainStep[] = [];
      for (const connection of sources.of(table)) {
        const explained = Buffer.concat([fragmentPrefix, Buffer.from(sql)]);
        const asked =
          table.hidden && sources.readsAsClient(connection)
            ? Buffer.from(
                throughGate(session.context, connection, explained.toString(), [
                  `plan ${format === "json" || format === "xml" ? format : "text"}`,
                ]),
              )
            : explained;
        const plan = await askServer(connection, asked, simple);
        parts.push({ title: `Fragment on ${connection.server.name}`, properties: [], plan });
      }
      const { schema, name } = table.relation;
      steps.push({ title: `Ship ${schema}.${name}`, properties: [["SQL", sql]], steps: parts });
    }
    await sources.close();
    return steps;
  } catch (error) {
    sources.abandon();
    throw error;
  }
}
