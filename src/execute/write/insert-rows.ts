/**
 * INSERT … VALUES whose rows can be placed by their keys: the client's own text, with the rows of one node each where there
 * are several. Defaults that nodes do not have (sequences, the transaction's time) are evaluated first, once, by the catalog
 * node, and written into the text.
 */
import { keyColumns, nodeOfShard, nodesOf, shardOfKey } from "../../catalog/placement.ts";
import type { KeyDatum } from "../../catalog/shard-filter.ts";
import type { Column } from "../../catalog/snapshot.ts";
import type { InsertPlan, InsertRow, InsertRows } from "../../plan/write-plan.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import type { Splice } from "../../sql/statement.ts";
import { locate, resolveKey } from "../locate.ts";
import { planKey, splicedText, type NodeText } from "../node-text.ts";
import type { ExecutionContext, Run } from "../run.ts";
import { atTransactionTime } from "../transaction-time.ts";
import { drawDefaults } from "./draw-defaults.ts";
import { lockReplicas } from "./replica-lock.ts";
import { onOneNode, type Opener, type WriteOutcome } from "./write-outcome.ts";
import { runAtOnce, runOnCopies } from "./share.ts";

/** The rows of one node. */
interface Group {
  readonly node: string;
  readonly rows: number[];
  /** The shard that all of them belong to. */
  shard: number | undefined;
}

/** Values of columns that were evaluated before: SQL literals by row. */
type Drawn = ReadonlyMap<Column, readonly string[]>;

let turn = 0;

/** Undefined where some row's place is only known once PostgreSQL has evaluated it: the statement is staged. */
export async function insertRows(
  context: ExecutionContext,
  plan: InsertPlan,
  values: InsertRows,
  run: Run,
  opener: Opener,
): Promise<Omit<WriteOutcome, "opened"> | undefined> {
  const snapshot = context.snapshot();
  const distribution = plan.target.distribution!;
  const replicated = distribution.kind === "replicated";
  if (replicated && (values.volatile || plan.others.length > 0 || plan.clausesRefused !== undefined))
    return undefined;
  if (values.rows.some((row) => row.key.some((key) => key === undefined))) return undefined;
  const elsewhere = locate(plan.others, run, snapshot).nodes;
  if (elsewhere !== "any" && elsewhere.size > 1) return undefined;

  const several = replicated || (values.rows.length > 1 && "columns" in distribution);
  const columns = columnsToDraw(plan, values, opener.wasActive || several);
  // The defaults and what the text says of now() are one time: that of one transaction.
  if (several && (plan.reads.transactionTimes.length > 0 || asksTime(values))) opener.open(run);
  const drawn: Drawn =
    columns.length === 0 ? new Map() : await drawDefaults(context, columns, values.rows.length);
  const groups = replicated ? undefined : groupRows(context, plan, values, drawn, run);
  if (groups === "unknown") return undefined;
  if (groups !== undefined && elsewhere !== "any" && groups.some((group) => !elsewhere.has(group.node)))
    return undefined;

  const times = plan.reads.transactionTimes;
  if (groups?.length === 1 && !opener.opened) {
    const text = await atTransactionTime(context, times, textOf(plan, values, groups[0]!, drawn), false);
    return onOneNode(context, groups[0]!.node, text, run, opener);
  }
  opener.open(run);
  let rows: number;
  if (groups === undefined) {
    await lockReplicas(context, plan.target);
    const all = { node: "", rows: [...values.rows.keys()], shard: undefined };
    const text = await atTransactionTime(context, times, textOf(plan, values, all, drawn), true);
    const shares = nodesOf(distribution, snapshot.dataNodes)
      .toSorted()
      .map((node) => ({ node, text }));
    rows = await runOnCopies(context, shares, run);
  } else {
    const shares = await Promise.all(
      groups.map(async (group) => ({
        node: group.node,
        text: await atTransactionTime(context, times, textOf(plan, values, group, drawn), true),
      })),
    );
    rows = await runAtOnce(context, shares, run);
  }
  return { tag: `INSERT 0 ${rows}`, unsent: true };
}

/** `oneTime`: several nodes, or an open transaction, must have one value of now(). */
function columnsToDraw(plan: InsertPlan, values: InsertRows, oneTime: boolean): readonly Column[] {
  const keys = new Set(keyColumns(plan.target).map((column) => column.name));
  const replicated = plan.target.distribution!.kind === "replicated";
  const asked = new Map(
    [...values.omitted, ...values.rows.flatMap((row) => row.defaults.map((d) => d.defaulted))].map((d) => [
      d.column,
      d.kind,
    ]),
  );
  return [...asked].flatMap(([column, kind]) => {
    const needed =
      keys.has(column.name) ||
      kind === "catalog" ||
      (kind === "time" && oneTime) ||
      (kind === "volatile" && replicated);
    return needed ? [column] : [];
  });
}

function asksTime(values: InsertRows): boolean {
  return (
    values.omitted.some((d) => d.kind === "time") ||
    values.rows.some((row) => row.defaults.some((d) => d.defaulted.kind === "time"))
  );
}

function groupRows(
  context: ExecutionContext,
  plan: InsertPlan,
  values: InsertRows,
  drawn: Drawn,
  run: Run,
): Group[] | "unknown" {
  const { target } = plan;
  const distribution = target.distribution!;
  const all = [...values.rows.keys()];
  if (distribution.kind === "single") return [{ node: distribution.node, rows: all, shard: undefined }];
  if (distribution.kind === "random") {
    const { dataNodes } = context.snapshot();
    // Where the transaction already writes, so that it stays on one node.
    const joined = context.transaction.nodes.find((node) => (dataNodes as readonly string[]).includes(node));
    return [{ node: joined ?? dataNodes[turn++ % dataNodes.length]!, rows: all, shard: undefined }];
  }
  if (distribution.kind === "replicated") return "unknown";
  const keys = keyColumns(target);
  const groups = new Map<string, Group>();
  for (const [i, row] of values.rows.entries()) {
    const key = keyOf(row, i, keys, drawn, run);
    const shard = key === undefined ? undefined : shardOfKey(target, key);
    if (shard === undefined) return "unknown";
    // No slice takes the row: a node says so in PostgreSQL's words.
    const node =
      shard === "none"
        ? nodesOf(distribution, context.snapshot().dataNodes)[0]!
        : nodeOfShard(distribution, shard);
    const ordinal = shard === "none" ? undefined : shard;
    const group = groups.get(node);
    if (group === undefined) groups.set(node, { node, rows: [i], shard: ordinal });
    else {
      group.rows.push(i);
      if (group.shard !== ordinal) group.shard = undefined;
    }
  }
  return [...groups.values()];
}

function keyOf(
  row: InsertRow,
  index: number,
  keys: readonly Column[],
  drawn: Drawn,
  run: Run,
): KeyDatum[] | undefined {
  const key: KeyDatum[] = [];
  for (const [i, column] of keys.entries()) {
    const value = row.key[i]!;
    let datum: KeyDatum | undefined;
    if (value === "default") {
      const literals = drawn.get(column);
      datum = literals === undefined ? null : literalDatum(literals[index]!);
    } else datum = resolveKey(run, value);
    if (datum === undefined) return undefined;
    key.push(datum);
  }
  return key;
}

function literalDatum(literal: string): KeyDatum {
  if (literal === "NULL") return null;
  const escaped = literal.startsWith("E");
  const inner = literal.slice(escaped ? 2 : 1, -1).replaceAll("''", "'");
  return { bytes: Buffer.from(escaped ? inner.replaceAll("\\\\", "\\") : inner), format: "text" };
}

/** Texts that are used again: by plan and shard. */
const wholeTexts = new WeakMap<InsertPlan, Map<number, NodeText>>();

function textOf(plan: InsertPlan, values: InsertRows, group: Group, drawn: Drawn): NodeText {
  const whole = drawn.size === 0 && group.rows.length === values.rows.length;
  const named = plan.reads.shardNames === undefined || plan.others.length > 0 ? undefined : group.shard;
  if (!whole)
    return spliced(plan, [...nameSplices(plan, named), ...rowSplices(plan, values, group, drawn)], undefined);
  let texts = wholeTexts.get(plan);
  if (texts === undefined) wholeTexts.set(plan, (texts = new Map()));
  let text = texts.get(named ?? -1);
  if (text === undefined)
    texts.set(
      named ?? -1,
      (text = spliced(plan, nameSplices(plan, named), `${planKey(plan)}.${named ?? ""}`)),
    );
  return text;
}

function spliced(plan: InsertPlan, splices: readonly Splice[], key: string | undefined): NodeText {
  const all = [
    ...plan.reads.directSplices.filter((d) => !splices.some((s) => s.start <= d.start && d.end <= s.end)),
    ...splices,
  ];
  return splicedText(plan.statement, all, key);
}

/** The shard instead of the table: cheaper to plan. The rest of the text may call it by the table's name. */
function nameSplices({ target, name }: InsertPlan, shard: number | undefined): Splice[] {
  if (shard === undefined) return [];
  const alias = name.alias === undefined ? "" : ` AS ${quoteIdentifier(name.alias)}`;
  return [
    {
      start: name.start,
      end: name.end,
      text: `${quoteQualified(`${target.schema}#${shard}`, target.name)}${alias}`,
    },
  ];
}

function rowSplices(plan: InsertPlan, values: InsertRows, group: Group, drawn: Drawn): Splice[] {
  const appended = values.omitted.map((d) => d.column).filter((column) => drawn.has(column));
  const splices: Splice[] = [];
  if (values.defaultValues !== undefined) {
    const list = appended.map((c) => quoteIdentifier(c.name)).join(", ");
    const row = appended.map((c) => drawn.get(c)![0]!).join(", ");
    return appended.length === 0 ? [] : [{ ...values.defaultValues, text: `(${list}) VALUES (${row})` }];
  }
  if (appended.length > 0) splices.push(listSplice(plan, values, appended));
  const { rows } = values;
  let next = 0;
  for (const i of group.rows) {
    // The rows between the last one kept and this one go, with their commas.
    if (i !== next) {
      const start = next === 0 ? rows[0]!.start : rows[next - 1]!.end;
      splices.push({ start, end: rows[i]!.start, text: next === 0 ? "" : ", " });
    }
    next = i + 1;
  }
  if (next < rows.length) splices.push({ start: rows[next - 1]!.end, end: rows.at(-1)!.end, text: "" });
  for (const i of group.rows) {
    const row = rows[i]!;
    for (const { start, end, defaulted } of row.defaults) {
      const literals = drawn.get(defaulted.column);
      if (literals !== undefined) splices.push({ start, end, text: ` ${literals[i]!} ` });
    }
    if (appended.length > 0)
      splices.push({
        start: row.end - 1,
        end: row.end - 1,
        text: `, ${appended.map((c) => drawn.get(c)![i]!).join(", ")}`,
      });
  }
  return splices;
}

function listSplice(plan: InsertPlan, values: InsertRows, appended: readonly Column[]): Splice {
  const { start, end } = values.columnList;
  const names = appended.map((c) => quoteIdentifier(c.name));
  if (end > start) return { start: end - 1, end: end - 1, text: `, ${names.join(", ")}` };
  return {
    start,
    end,
    text: ` (${[...plan.columns.map((c) => quoteIdentifier(c.name)), ...names].join(", ")})`,
  };
}
