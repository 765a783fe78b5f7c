/**
 * What Pleiad refuses is a list, not a surprise: every shape that one PostgreSQL would run and Pleiad does not stands
 * in refusals.json with SQLSTATE, message, reason, hint and an example. docs/sql.md is made from it, CI runs the examples.
 */
import refusals from "./refusals.json" with { type: "json" };
import { pgError, type PgError } from "./pg-error.ts";

export type RefusalId = keyof typeof refusals;

/** One entry of refusals.json. */
export interface Refusal {
  /** SQLSTATE, 0A000 unless PostgreSQL itself would use another for the shape. */
  sqlstate: string;
  message: string;
  reason: string;
  hint: string;
  /** A statement over the tables of test/oracle/schema.sql that is refused for this reason. */
  example: string;
  /** The example is refused when Execute has this row limit (extended protocol). */
  rowsMax?: number;
  /** The example is refused when results are asked for in binary form. */
  binary?: boolean;
  /** Refused on servers up to this major version of PostgreSQL only. */
  postgresMax?: number;
  /** What somebody ran on the catalog node's own server before. */
  onCatalogNode?: string;
}

/** The error for a refused shape; `detail` names the table, function or clause that it was found at. */
export function refusal(id: RefusalId, detail?: string): PgError {
  const entry: Refusal = refusals[id];
  return pgError(entry.sqlstate, entry.message, {
    detail: detail === undefined ? entry.reason : `${detail} ${entry.reason}`,
    hint: entry.hint,
  });
}
