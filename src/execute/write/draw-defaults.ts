/** Evaluates defaults on the catalog node, once per row: it has the sequences, and the session's time. */
import type { Column } from "../../catalog/snapshot.ts";
import { typeOids } from "../../catalog/type-oids.ts";
import { defaulted } from "../../plan/write/defaults.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { SessionTransaction } from "../../transaction/session-transaction.ts";
import type { ExecutionContext } from "../run.ts";
import { defaultOf } from "./stage.ts";
import { preludeDone } from "../../transaction/lease.ts";

/** Sessions for which numbers were drawn over a connection that is not theirs: currval() would not know of them. */
const drewElsewhere = new WeakSet<SessionTransaction>();

/** Has an INSERT drawn numbers that currval() and lastval() of this session cannot tell any more? */
export function hasLostLastValues(transaction: SessionTransaction): boolean {
  return (
    drewElsewhere.has(transaction) &&
    transaction.connections.pinnedTo("catalog") === undefined &&
    transaction.participant("catalog") === undefined
  );
}

/** SQL literals for each column, by row; they get their type from the column that they are for. */
export async function drawDefaults(
  context: ExecutionContext,
  columns: readonly Column[],
  rows: number,
): Promise<Map<Column, string[]>> {
  const values = await drawValues(context, columns, rows);
  return new Map(
    columns.map((column, i) => [
      column,
      values.map((row) => (row[i] === null ? "NULL" : quoteLiteral(row[i]!))),
    ]),
  );
}

/** The values as text, row by row. */
export async function drawValues(
  context: ExecutionContext,
  columns: readonly Column[],
  rows: number,
): Promise<readonly (readonly (string | null)[])[]> {
  if (rows === 0 || columns.length === 0) return [];
  const { transaction } = context;
  const writes = columns.some((column) => defaulted(column, context.snapshot()).kind === "catalog");
  const pinned = transaction.connections.pinnedTo("catalog") !== undefined;
  if (writes && !pinned) drewElsewhere.add(transaction);
  // The session's own connection, where it has one, so that currval() knows of the numbers.
  const own = transaction.active || pinned;
  const lease = await (own ? transaction.lease("catalog", writes) : transaction.leaseApart("catalog"));
  try {
    await preludeDone(lease);
    // OFFSET 0: each default is evaluated once per row, whatever is made of its value above.
    const drawn = columns
      .map((column, i) => `(${defaultOf(column)})::${column.typeName} AS v${i}`)
      .join(", ");
    const list = columns.map((column, i) => textSql(column, `v${i}`)).join(", ");
    return await lease.connection.query(
      `SELECT ${list} FROM (SELECT ${drawn} FROM pg_catalog.generate_series(1, ${rows}) OFFSET 0) AS d`,
    );
  } finally {
    lease.release();
  }
}

/** Without DateStyle and abbreviated time zones, which may not be read as they were written. */
export function textSql(column: Column, value: string): string {
  if (column.typeOid !== typeOids.timestamptz) return value;
  const era = `CASE WHEN ${value} < '0001-01-01 00:00+00' THEN ' BC' ELSE '' END`;
  const digits = `pg_catalog.to_char(${value} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00' || ${era}`;
  return `CASE WHEN pg_catalog.isfinite(${value}) THEN ${digits} ELSE ${value}::text END`;
}
