/**
 * Does to the rows on their nodes what the statement did to the stand-in's. The rows have been locked since they were read, so
 * each is found again; were one not, the statement fails rather than do less than it said.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { isSharded, nodeOfShard, nodesOf } from "../../catalog/placement.ts";
import type { Column } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ModifyPlan } from "../../plan/write-plan.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import { clientError } from "../client-error.ts";
import { whileRunning, type ExecutionContext } from "../run.ts";
import { EXACT_TEXT_SQL } from "./exact-text.ts";
import { exactLiteral } from "./exact-literal.ts";
import { shardsOf } from "./insert-placed.ts";
import { copiesDiffer, openLease, rowsOfTag } from "./share.ts";
import { CHANGES, KIND, type StandIn } from "./stand-in.ts";
import { tagOf } from "./tag-of.ts";

/** Rows per statement. */
const CHUNK = 2_000;

interface Change {
  readonly values: readonly (string | null)[];
  readonly identity: readonly (string | null)[];
}

/** What one node has to do, in this order: rows that leave first, so that none meets its own old self. */
interface Work {
  readonly deletes: Change[];
  readonly updates: Change[];
  readonly inserts: Change[];
}

export async function applyChanges(
  context: ExecutionContext,
  plan: ModifyPlan,
  standIn: StandIn,
  workplace: BackendConnection,
): Promise<void> {
  const work = await divide(context, plan, standIn, workplace);
  const nodes = [...work.keys()].toSorted();
  for (const step of ["deletes", "updates", "inserts"] as const) {
    for (const node of nodes) {
      const changes = work.get(node)![step];
      for (let at = 0; at < changes.length; at += CHUNK) {
        await applyChunk(context, plan, standIn, node, step, changes.slice(at, at + CHUNK));
      }
    }
  }
}

async function divide(
  context: ExecutionContext,
  plan: ModifyPlan,
  standIn: StandIn,
  workplace: BackendConnection,
): Promise<Map<string, Work>> {
  const { target } = plan;
  const { columns, identity } = standIn;
  await workplace.query(EXACT_TEXT_SQL);
  await workplace.query("SET LOCAL client_encoding = 'UTF8'");
  const list = [KIND, ...columns.map((c) => c.name), ...identity.map((c) => c.name)]
    .map(quoteIdentifier)
    .join(", ");
  const rows = await workplace.query(`SELECT ${list} FROM pg_temp.${quoteIdentifier(CHANGES)}`);
  const work = new Map<string, Work>();
  const workOf = (node: string): Work => {
    let found = work.get(node);
    if (found === undefined) work.set(node, (found = { deletes: [], updates: [], inserts: [] }));
    return found;
  };
  const places = await newPlaces(context, plan, standIn, rows);
  for (const [i, row] of rows.entries()) {
    const change: Change = {
      values: row.slice(1, 1 + columns.length),
      identity: row.slice(1 + columns.length),
    };
    const kind = row[0];
    if (target.distribution!.kind === "replicated") {
      for (const node of nodesOf(target.distribution!, context.snapshot().dataNodes))
        (kind === "D"
          ? workOf(node).deletes
          : kind === "U"
            ? workOf(node).updates
            : workOf(node).inserts
        ).push(change);
      continue;
    }
    const from = kind === "I" ? undefined : standIn.nodes[Number(change.identity[0])]!;
    const to =
      kind === "D"
        ? undefined
        : (places[i] ?? from ?? nodesOf(target.distribution!, context.snapshot().dataNodes)[0]!);
    if (from !== undefined && from === to) workOf(from).updates.push(change);
    else {
      if (from !== undefined) workOf(from).deletes.push(change);
      if (to !== undefined) workOf(to).inserts.push(change);
      if (from !== undefined && to !== undefined) await refuseReferenced(context, plan);
    }
  }
  return work;
}

/** Where each new row belongs; undefined: where it was, or where no shard takes it. */
async function newPlaces(
  context: ExecutionContext,
  plan: ModifyPlan,
  standIn: StandIn,
  rows: readonly (readonly (string | null)[])[],
): Promise<(string | undefined)[]> {
  const { target } = plan;
  const distribution = target.distribution!;
  if (!isSharded(distribution) || !plan.movesRows) return rows.map(() => undefined);
  const values = rows.map((row) => row.slice(1));
  const shards = await shardsOf(context, plan, standIn.columns, values);
  return shards.map((shard) => (shard === undefined ? undefined : nodeOfShard(distribution, shard)));
}

/** A row that moves is deleted on its old node: rows that refer to it would object, or follow it into nothing. */
async function refuseReferenced(context: ExecutionContext, { target }: ModifyPlan): Promise<void> {
  if (checked.has(target)) return;
  const lease = await context.transaction.lease("catalog", false);
  const rows = await lease.connection.query(
    `SELECT 1 FROM pg_catalog.pg_constraint WHERE contype = 'f' AND confrelid = ${target.oid} LIMIT 1`,
  );
  if (rows.length > 0) throw refusal("key-change-referenced", `Table "${target.name}".`);
  checked.add(target);
}

/** A new foreign key makes a new snapshot, and with it a new object for the table. */
const checked = new WeakSet<object>();

async function applyChunk(
  context: ExecutionContext,
  plan: ModifyPlan,
  standIn: StandIn,
  node: string,
  step: keyof Work,
  changes: readonly Change[],
): Promise<void> {
  const sql =
    step === "deletes"
      ? deleteSql(context, plan, standIn, changes)
      : step === "updates"
        ? updateSql(context, plan, standIn, changes)
        : insertSql(context, plan, standIn, changes);
  const lease = await openLease(context, node);
  const { connection } = lease;
  try {
    const rows = rowsOfTag(await whileRunning(context, connection, tagOf(connection, sql, context)));
    if (rows !== changes.length) throw copiesDiffer();
  } catch (error) {
    throw error instanceof PgError
      ? clientError(new PgError({ ...error.fields, position: undefined }), plan.statement, [])
      : error;
  }
}

function literals(context: ExecutionContext, values: readonly (string | null)[]): string {
  const encoding = context.transaction.settings.get("client_encoding") ?? "UTF8";
  return values.map((value) => exactLiteral(value, encoding)).join(", ");
}

function table({ target }: ModifyPlan): string {
  return quoteQualified(target.schema, target.name);
}

/** t.ctid = v.i2::tid AND …: columns of `v` are texts. */
function sameRow({ identity }: StandIn): string {
  return identity
    .flatMap(({ sql, type }, i) => (sql === "" ? [] : [`${sql} = v.i${i}::${type}`]))
    .join(" AND ");
}

function deleteSql(
  context: ExecutionContext,
  plan: ModifyPlan,
  standIn: StandIn,
  changes: readonly Change[],
): string {
  const names = standIn.identity.map((_, i) => `i${i}`).join(", ");
  const rows = changes.map((change) => `(${literals(context, change.identity)})`).join(", ");
  return `DELETE FROM ${table(plan)} AS t USING (VALUES ${rows}) AS v (${names}) WHERE ${sameRow(standIn)}`;
}

function updateSql(
  context: ExecutionContext,
  plan: ModifyPlan,
  standIn: StandIn,
  changes: readonly Change[],
): string {
  const assigned = plan.assigned.filter((column) => column.generated === "");
  const at = assigned.map((column) => standIn.columns.indexOf(column));
  const names = [...standIn.identity.map((_, i) => `i${i}`), ...assigned.map((_, i) => `c${i}`)].join(", ");
  const rows = changes
    .map((change) => `(${literals(context, [...change.identity, ...at.map((i) => change.values[i]!)])})`)
    .join(", ");
  const sets = assigned
    .map((column, i) => `${quoteIdentifier(column.name)} = v.c${i}::${column.typeName}`)
    .join(", ");
  return `UPDATE ${table(plan)} AS t SET ${sets} FROM (VALUES ${rows}) AS v (${names}) WHERE ${sameRow(standIn)}`;
}

function insertSql(
  context: ExecutionContext,
  plan: ModifyPlan,
  standIn: StandIn,
  changes: readonly Change[],
): string {
  const list = standIn.columns.map((column: Column) => quoteIdentifier(column.name)).join(", ");
  const rows = changes.map((change) => `(${literals(context, change.values)})`).join(", ");
  return `INSERT INTO ${table(plan)} (${list}) VALUES ${rows}`;
}
