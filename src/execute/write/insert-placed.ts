/**
 * Staged rows as one INSERT per node, with the client's ON CONFLICT and RETURNING behind it. Every value is the text that
 * its type wrote, in quotes: it becomes the same value again. All rows of one key go in one statement, so that PostgreSQL
 * notices a row that the statement would change twice.
 */
import { isSharded, keyColumns, nodeOfShard, nodesOf, shardOfKey } from "../../catalog/placement.ts";
import type { KeyDatum } from "../../catalog/shard-filter.ts";
import type { Column } from "../../catalog/snapshot.ts";
import type { InsertPlan } from "../../plan/write-plan.ts";
import { quoteIdentifier } from "../../sql/quote.ts";
import { applySplices } from "../../sql/splice.ts";
import { ShardOracle } from "../copy/ask-shards.ts";
import { evaluatedOnCatalog } from "../copy/default-values.ts";
import type { NodeText } from "../node-text.ts";
import type { ExecutionContext, Run } from "../run.ts";
import { withTransactionTime } from "../transaction-time.ts";
import { drawValues } from "./draw-defaults.ts";
import { exactLiteral } from "./exact-literal.ts";
import { runAtOnce, runOnCopies, type Share } from "./share.ts";
import type { Stage } from "./stage.ts";

type Row = readonly (string | null)[];

export async function insertPlaced(
  context: ExecutionContext,
  plan: InsertPlan,
  stage: Stage,
  run: Run,
): Promise<number> {
  const { target } = plan;
  const list = plan.stored.map((column) => quoteIdentifier(column.name)).join(", ");
  await stage.lease.connection.query("SET LOCAL client_encoding = 'UTF8'");
  const staged = await stage.lease.connection.query(`SELECT ${list} FROM ${stage.table}`);
  const given = new Set(plan.stored);
  const appended = evaluatedOnCatalog(
    target,
    target.columns.filter((column) => !given.has(column)),
    {
      snapshot: context.snapshot(),
      replicated: target.distribution!.kind === "replicated",
      sharesTime: true,
    },
  );
  const drawn = await drawValues(context, appended, staged.length);
  const columns = [...plan.stored, ...appended];
  const rows: Row[] = staged.map((row, i) => [...row, ...(drawn[i] ?? [])]);
  const byNode = await placeRows(context, plan, columns, rows);
  const clauses = await clausesText(context, plan);
  const shares: Share[] = [...byNode].map(([node, some]) => ({
    node,
    text: insertText(context, plan, columns, some, clauses),
  }));
  if (shares.length === 0) {
    run.preface.sendTo(context.output);
    return 0;
  }
  return target.distribution!.kind === "replicated"
    ? runOnCopies(context, shares, run)
    : runAtOnce(context, shares, run);
}

async function clausesText(context: ExecutionContext, plan: InsertPlan): Promise<string> {
  if (plan.clauses === undefined) return "";
  const { start } = plan.clauses;
  const times = plan.reads.transactionTimes.filter((t) => t.start >= start);
  return applySplices(plan.statement.text, await withTransactionTime(context, [], times))
    .subarray(start)
    .toString();
}

function insertText(
  context: ExecutionContext,
  plan: InsertPlan,
  columns: readonly Column[],
  rows: readonly Row[],
  clauses: string,
): NodeText {
  const { statement } = plan;
  const { text } = statement;
  const encoding = context.transaction.settings.get("client_encoding") ?? "UTF8";
  const name = text.subarray(plan.name.start, plan.name.end).toString();
  const alias = plan.name.alias === undefined ? ` AS ${quoteIdentifier(aliasOf(plan))}` : "";
  const list = columns.map((column) => quoteIdentifier(column.name)).join(", ");
  const values = rows.map((row) => `(${row.map((value) => exactLiteral(value, encoding)).join(", ")})`);
  return {
    statement,
    sql: Buffer.from(`INSERT INTO ${name}${alias} (${list}) VALUES ${values.join(", ")} ${clauses}`),
    key: undefined,
    splices: [],
  };
}

function aliasOf(plan: InsertPlan): string {
  const { tree } = plan.statement;
  return ("InsertStmt" in tree ? tree.InsertStmt.relation?.alias?.aliasname : undefined) ?? plan.target.name;
}

async function placeRows(
  context: ExecutionContext,
  plan: InsertPlan,
  columns: readonly Column[],
  rows: readonly Row[],
): Promise<ReadonlyMap<string, readonly Row[]>> {
  const { target } = plan;
  const distribution = target.distribution!;
  const nodes = nodesOf(distribution, context.snapshot().dataNodes);
  if (rows.length === 0) return new Map();
  if (!isSharded(distribution)) {
    if (distribution.kind === "random")
      return new Map([[nodes[Math.floor(Math.random() * nodes.length)]!, rows]]);
    return new Map(nodes.toSorted().map((node) => [node, rows]));
  }
  const shards = await shardsOf(context, plan, columns, rows);
  const placed = new Map<string, Row[]>();
  rows.forEach((row, i) => {
    const shard = shards[i];
    // No slice takes the row: a node says so in PostgreSQL's words.
    const node = shard === undefined ? nodes[0]! : nodeOfShard(distribution, shard);
    const group = placed.get(node);
    if (group === undefined) placed.set(node, [row]);
    else group.push(row);
  });
  return placed;
}

/** Undefined where no shard takes the row. What cannot be told from the value's text is asked of the catalog node. */
export async function shardsOf(
  context: ExecutionContext,
  { target }: Pick<InsertPlan, "target">,
  columns: readonly Column[],
  rows: readonly Row[],
): Promise<(number | undefined)[]> {
  const at = keyColumns(target).map((key) => columns.findIndex((column) => column.name === key.name));
  const keys = rows.map((row) =>
    at.map((i): KeyDatum => {
      const value = i < 0 ? null : row[i]!;
      return value === null ? null : { bytes: Buffer.from(value), format: "text" };
    }),
  );
  const unknown: number[] = [];
  const shards = keys.map((key, i): number | undefined => {
    const shard = shardOfKey(target, key);
    if (shard === undefined) unknown.push(i);
    return shard === "none" ? undefined : shard;
  });
  if (unknown.length > 0) {
    const lease = await context.transaction.lease("catalog", false);
    const oracle = new ShardOracle(target, lease.connection, false, "UTF8");
    const answers = await oracle.shards(unknown.map((i) => keys[i]!.map((datum) => datum?.bytes ?? null)));
    unknown.forEach((i, n) => (shards[i] = answers[n]));
  }
  return shards;
}
