/**
 * The stand-in of a table whose rows are changed away from their nodes: a view under the table's name, over a temporary table
 * that holds the rows together with what tells where each came from. The client's own UPDATE, DELETE or MERGE runs over the
 * view, RETURNING and all; triggers note what it did to which row.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { CopyRelay } from "../../backend/copy-relay.ts";
import type { Column, Relation } from "../../catalog/snapshot.ts";
import type { DefaultedColumn, ModifyPlan, StagedModify } from "../../plan/write-plan.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../sql/quote.ts";
import { onCommit } from "../general.ts";
import { inlineParameters } from "../inline-parameters.ts";
import { nodesOfTable } from "../locate.ts";
import { whileRunning, type ExecutionContext, type Run } from "../run.ts";
import { asCommand, withExactText } from "./exact-text.ts";
import { openLease } from "./share.ts";
import { columnSql, defaultOf } from "./stage.ts";

/** What leads back to the row: hidden columns of the temporary table. */
export interface RowIdentity {
  readonly name: string;
  readonly type: string;
  /** On the row's own node, over the table called `t`. */
  readonly sql: string;
}

const NODE = "pleiad#node";
const ROWS = "pleiad#rows";
export const CHANGES = "pleiad#changes";
export const KIND = "pleiad#kind";

/** On one node a row is where it lies; copies of a replicated row lie in different places, and share their primary key. */
export function rowIdentity(relation: Relation): readonly RowIdentity[] | undefined {
  if (relation.distribution!.kind !== "replicated")
    return [
      { name: NODE, type: "pg_catalog.int4", sql: "" },
      { name: "pleiad#table", type: "pg_catalog.oid", sql: "t.tableoid" },
      { name: "pleiad#row", type: "pg_catalog.tid", sql: "t.ctid" },
    ];
  const key = relation.indexes.find((index) => index.primary)?.columns;
  return key?.map((name, i) => {
    const column = relation.columns.find((c) => c.name === name)!;
    return { name: `pleiad#key${i}`, type: column.typeName, sql: `t.${quoteIdentifier(name)}` };
  });
}

export interface StandIn {
  readonly identity: readonly RowIdentity[];
  /** Positions of nodes in the hidden column. */
  readonly nodes: readonly string[];
  /** Columns that hold values: not generated ones. */
  readonly columns: readonly Column[];
}

/** Locks the target's rows that may be concerned, and brings them to the workplace. `drawn`: values of time defaults. */
export async function buildStandIn(
  context: ExecutionContext,
  workplace: BackendConnection,
  plan: ModifyPlan,
  staged: StagedModify,
  identity: readonly RowIdentity[],
  drawn: ReadonlyMap<Column, string>,
  run: Run,
): Promise<StandIn> {
  const { target } = plan;
  const view = staged.table.temporaryName;
  const life = onCommit(staged.general);
  await workplace.query(createSql(target, view, life, identity, plan.defaults, drawn).join("; "));
  const columns = target.columns.filter((column) => column.generated === "");
  const nodes = nodesToRead(context, plan, staged, run);
  await withExactText(workplace, async () => {
    for (const [i, node] of nodes.entries())
      await fetchRows(context, workplace, plan, staged, identity, columns, node, i, run);
  });
  // Not before: the rows that are brought here are no changes.
  await workplace.query(
    [...triggerSql(identity, target, life), `ANALYZE pg_temp.${quoteIdentifier(ROWS)}`].join("; "),
  );
  return { identity, nodes, columns };
}

function nodesToRead(
  context: ExecutionContext,
  { target, standIn }: ModifyPlan,
  staged: StagedModify,
  run: Run,
): readonly string[] {
  const snapshot = context.snapshot();
  if (target.distribution!.kind === "replicated") return [snapshot.dataNodes.toSorted()[0]!];
  return [
    ...nodesOfTable({ relation: standIn, filter: staged.table.shards }, run, snapshot, undefined),
  ].toSorted();
}

function createSql(
  relation: Relation,
  view: string,
  life: string,
  identity: readonly RowIdentity[],
  defaults: readonly DefaultedColumn[],
  drawn: ReadonlyMap<Column, string>,
): string[] {
  const columns = relation.columns.map((column) => {
    if (column.generated !== "")
      return `${columnSql(column, false)} GENERATED ALWAYS AS (${column.defaultExpression}) ${column.generated.toUpperCase()}`;
    return columnSql(column, false);
  });
  const hidden = identity.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
  const list = relation.columns.map((column) => quoteIdentifier(column.name)).join(", ");
  return [
    `CREATE TEMPORARY TABLE ${quoteIdentifier(ROWS)} (${[...columns, ...hidden].join(", ")})${life}`,
    `CREATE TEMPORARY VIEW ${quoteIdentifier(view)} AS SELECT ${list} FROM pg_temp.${quoteIdentifier(ROWS)}`,
    // The view's own: an UPDATE of a view does not ask its table for defaults.
    ...defaults.map(({ column }) => {
      const value = drawn.get(column) ?? defaultOf(column);
      return `ALTER VIEW pg_temp.${quoteIdentifier(view)} ALTER COLUMN ${quoteIdentifier(column.name)} SET DEFAULT ${value}`;
    }),
  ];
}

/** Statement-level triggers with transition tables: one note per statement, however many rows. */
function triggerSql(identity: readonly RowIdentity[], relation: Relation, life: string): string[] {
  const stored = relation.columns.filter((column) => column.generated === "");
  const values = stored.map((column) => `${quoteIdentifier(column.name)} ${column.typeName}`);
  const hidden = identity.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
  const list = [...stored.map((c) => c.name), ...identity.map((c) => c.name)].map(quoteIdentifier).join(", ");
  const changes = `pg_temp.${quoteIdentifier(CHANGES)}`;
  const kind = quoteIdentifier(KIND);
  const body = `BEGIN INSERT INTO ${changes} (${kind}, ${list}) SELECT pg_catalog.left(TG_OP, 1), ${list} FROM touched; RETURN NULL; END`;
  const rows = `pg_temp.${quoteIdentifier(ROWS)}`;
  const trigger = (event: string, table: string): string =>
    `CREATE TRIGGER pleiad_${event.toLowerCase()} AFTER ${event} ON ${rows} REFERENCING ${table} TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.pleiad_note()`;
  return [
    `CREATE TEMPORARY TABLE ${quoteIdentifier(CHANGES)} (${[`${kind} pg_catalog.text`, ...values, ...hidden].join(", ")})${life}`,
    `CREATE FUNCTION pg_temp.pleiad_note() RETURNS trigger LANGUAGE plpgsql AS ${quoteLiteral(body)}`,
    trigger("INSERT", "NEW"),
    trigger("UPDATE", "NEW"),
    trigger("DELETE", "OLD"),
  ];
}

async function fetchRows(
  context: ExecutionContext,
  workplace: BackendConnection,
  plan: ModifyPlan,
  { table }: StagedModify,
  identity: readonly RowIdentity[],
  columns: readonly Column[],
  node: string,
  position: number,
  run: Run,
): Promise<void> {
  const lease = await openLease(context, node);
  const from = quoteQualified(plan.target.schema, plan.target.name);
  const filter = table.filter === undefined ? undefined : inlineParameters(table.filter, run);
  const where = filter === undefined ? "" : ` WHERE ${filter}`;
  const names = columns.map((column) => quoteIdentifier(column.name));
  const hidden = identity.map(({ name, sql }) => (name === NODE ? String(position) : sql));
  const list = [...names, ...identity.map(({ name }) => quoteIdentifier(name))].join(", ");
  const relay = new CopyRelay(
    [lease.connection],
    // Text: binary data of user types hold OIDs of their server.
    () =>
      `COPY (SELECT ${[...names.map((name) => `t.${name}`), ...hidden].join(", ")} FROM ${from} AS t${where} FOR UPDATE) TO STDOUT`,
    workplace,
    `COPY pg_temp.${quoteIdentifier(ROWS)} (${list}) FROM STDIN (FREEZE)`,
    false,
  );
  const { connection } = lease;
  try {
    await whileRunning(
      context,
      connection,
      withExactText(connection, () => relay.run()),
    );
  } catch (error) {
    throw asCommand(error, plan.command);
  }
}
