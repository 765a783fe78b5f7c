/** Evaluates defaults on the catalog node, once per row: it has the sequences, and the session's time. */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import type { Column } from "../../catalog/snapshot.ts";
import { typeOids } from "../../catalog/type-oids.ts";
import { defaulted } from "../../plan/write/defaults.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { ExecutionContext } from "../run.ts";
import { noteDrawn, noteLost } from "./last-values.ts";
import { defaultOf } from "./stage.ts";
import { preludeDone } from "../../transaction/lease.ts";

/** SQL for the sequence whose next number is the column's default; undefined for any other default. */
export function sequenceOf(column: Column): string | undefined {
  const literal = /^(?:pg_catalog\.)?nextval\(('(?:[^']|'')*')::(?:pg_catalog\.)?regclass\)$/.exec(
    defaultOf(column),
  )?.[1];
  return literal === undefined ? undefined : `${literal}::pg_catalog.regclass`;
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
    const sequences = columns.flatMap((column) => sequenceOf(column) ?? []);
    const oids = sequences.map((sequence) => `, ${sequence}::pg_catalog.oid`).join("");
    const values = await lease.connection.query(
      `SELECT ${list}${oids} FROM (SELECT ${drawn} FROM pg_catalog.generate_series(1, ${rows}) OFFSET 0) AS d`,
    );
    if (writes) noteLastRow(context, columns, values.at(-1)!);
    return sequences.length === 0 ? values : values.map((row) => row.slice(0, columns.length));
  } finally {
    lease.release();
  }
}

/** Behind the values stand the OIDs of the sequences that they are from. */
function noteLastRow(
  context: ExecutionContext,
  columns: readonly Column[],
  row: readonly (string | null)[],
): void {
  let at = columns.length;
  columns.forEach((column, i) => {
    if (sequenceOf(column) !== undefined) noteDrawn(context.transaction, row[at++]!, row[i]!);
    else if (defaulted(column, context.snapshot()).kind === "catalog") noteLost(context.transaction);
  });
}

/** The same for defaults that were evaluated on this connection in some other way. */
export async function noteDrawnOn(
  connection: BackendConnection,
  context: ExecutionContext,
  columns: readonly Column[],
): Promise<void> {
  for (const column of columns) {
    const sequence = sequenceOf(column);
    if (sequence !== undefined) {
      const [row] = await connection.query(
        `SELECT ${sequence}::pg_catalog.oid, pg_catalog.currval(${sequence})`,
      );
      noteDrawn(context.transaction, row![0]!, row![1]!);
    } else if (defaulted(column, context.snapshot()).kind === "catalog") noteLost(context.transaction);
  }
}

/** Without DateStyle and abbreviated time zones, which may not be read as they were written. */
export function textSql(column: Column, value: string): string {
  if (column.typeOid !== typeOids.timestamptz) return value;
  const era = `CASE WHEN ${value} < '0001-01-01 00:00+00' THEN ' BC' ELSE '' END`;
  const digits = `pg_catalog.to_char(${value} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00' || ${era}`;
  return `CASE WHEN pg_catalog.isfinite(${value}) THEN ${digits} ELSE ${value}::text END`;
}
