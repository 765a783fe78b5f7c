/** Evaluates defaults on the catalog node, once per row: it has the sequences, and the session's time. */
import type { Column } from "../../catalog/snapshot.ts";
import { typeOids } from "../../catalog/type-oids.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { ExecutionContext } from "../run.ts";
import { defaultOf } from "./stage.ts";

/** SQL literals for each column, by row; they get their type from the column that they are for. */
export async function drawDefaults(
  context: ExecutionContext,
  columns: readonly Column[],
  rows: number,
): Promise<Map<Column, string[]>> {
  const { transaction } = context;
  const lease = await (transaction.active
    ? transaction.lease("catalog", true)
    : transaction.leaseApart("catalog"));
  try {
    await lease.prelude;
    if (lease.preludeError !== undefined) throw lease.preludeError;
    // OFFSET 0: each default is evaluated once per row, whatever is made of its value above.
    const drawn = columns
      .map((column, i) => `(${defaultOf(column)})::${column.typeName} AS v${i}`)
      .join(", ");
    const list = columns.map((column, i) => textSql(column, `v${i}`)).join(", ");
    const values = await lease.connection.query(
      `SELECT ${list} FROM (SELECT ${drawn} FROM pg_catalog.generate_series(1, ${rows}) OFFSET 0) AS d`,
    );
    return new Map(
      columns.map((column, i) => [
        column,
        values.map((row) => (row[i] === null ? "NULL" : quoteLiteral(row[i]!))),
      ]),
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
