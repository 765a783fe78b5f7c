/**
 * Values that travel as text between servers: written so that they read the same under every setting. DateStyle 'SQL' writes
 * time zones as IST, which may be read as another one; extra_float_digits = 0 loses digits.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import { quoteLiteral } from "../../sql/quote.ts";

const EXACT: Readonly<Record<string, string>> = {
  DateStyle: "ISO",
  IntervalStyle: "iso_8601",
  extra_float_digits: "1",
  bytea_output: "hex",
};

/** For the rest of the transaction. */
export const EXACT_TEXT_SQL = setSql(EXACT);

function setSql(values: Readonly<Record<string, string>>): string {
  const calls = Object.entries(values).map(
    ([name, value]) => `pg_catalog.set_config('${name}', ${quoteLiteral(value)}, true)`,
  );
  return `SELECT ${calls.join(", ")}`;
}

/** While `action` runs; then the session's own settings are in force again. Within a transaction. */
export async function withExactText<T>(connection: BackendConnection, action: () => Promise<T>): Promise<T> {
  const names = Object.keys(EXACT);
  const [row] = await connection.query(
    `SELECT ${names.map((name) => `pg_catalog.current_setting('${name}')`).join(", ")}`,
  );
  await connection.query(EXACT_TEXT_SQL);
  const result = await action();
  await connection.query(setSql(Object.fromEntries(names.map((name, i) => [name, row![i]!]))));
  return result;
}

/** The client has sent another command than the one that a read-only transaction refused. */
export function asCommand(error: unknown, command: string): unknown {
  if (!(error instanceof PgError) || error.code !== "25006") return error;
  return new PgError({ ...error.fields, message: `cannot execute ${command} in a read-only transaction` });
}
