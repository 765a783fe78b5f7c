/**
 * Columns that a COPY leaves out and whose default is not a constant: sequences live on the catalog node, and now() or a
 * volatile function has one value per row, whichever nodes the row goes to. So the catalog node evaluates these defaults,
 * and their values are appended to the client's lines.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { keyColumns } from "../../catalog/placement.ts";
import type { Column, Relation, Snapshot } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { defaulted, hasDefault } from "../../plan/write/defaults.ts";
import { readDataRow } from "../../protocol/backend-messages.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { bindWithTail, execute, parse, sync, textBindTail } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import { textSql } from "../write/draw-defaults.ts";
import { defaultOf } from "../write/stage.ts";

/** What a COPY's defaults depend on besides the column. */
export interface DefaultCircumstances {
  readonly snapshot: Snapshot;
  /** Every row is stored on several nodes. */
  readonly replicated: boolean;
  /** Several nodes, or several statements, see the transaction's time. */
  readonly sharesTime: boolean;
}

/** Of the given columns those whose default a node must not evaluate, or whose value tells the node. */
export function evaluatedOnCatalog(
  relation: Relation,
  columns: readonly Column[],
  { snapshot, replicated, sharesTime }: DefaultCircumstances,
): readonly Column[] {
  const keys = new Set(keyColumns(relation).map((column) => column.name));
  return columns.filter((column) => {
    if (!hasDefault(column)) return false;
    if (keys.has(column.name)) return true;
    const { kind } = defaulted(column, snapshot);
    return kind === "catalog" || (kind === "volatile" && replicated) || (kind === "time" && sharesTime);
  });
}

/** The defaults of `rows` rows, evaluated row by row, in text or binary form. */
export function evaluateDefaults(
  connection: BackendConnection,
  columns: readonly Column[],
  rows: number,
  binary: boolean,
): Promise<(Buffer | null)[][]> {
  // OFFSET 0: each default is evaluated once per row, whatever is made of its value above.
  const drawn = columns.map((column, i) => `(${defaultOf(column)})::${column.typeName} AS v${i}`).join(", ");
  const list = columns.map((column, i) => (binary ? `v${i}` : textSql(column, `v${i}`))).join(", ");
  const sql = `SELECT ${list} FROM (SELECT ${drawn} FROM pg_catalog.generate_series(1, ${rows}) OFFSET 0) AS d`;
  return new Promise((resolve, reject) => {
    const values: (Buffer | null)[][] = [];
    let error: PgError | undefined;
    const tail = textBindTail([], [binary ? 1 : 0]);
    connection.send(Buffer.concat([parse("", sql), bindWithTail("", "", tail), execute(""), sync]), {
      frame: (type, buffer, start, end) => {
        if (type === Backend.dataRow) values.push(readDataRow(buffer, start, end));
        else if (type === Backend.errorResponse)
          error ??= new PgError(parseErrorFields(buffer, start + 5, end));
      },
      ready: () => (error === undefined ? resolve(values) : reject(error)),
      lost: reject,
    });
  });
}
