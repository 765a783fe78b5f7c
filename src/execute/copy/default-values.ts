/**
 * Columns that a COPY leaves out and whose default is not a constant: sequences live on the catalog node, and now() or a
 * volatile function has one value per row, whichever nodes the row goes to. So the catalog node evaluates these defaults,
 * and their values are appended to the client's lines.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { keyColumns } from "../../catalog/placement.ts";
import type { Column, Relation, Snapshot } from "../../catalog/snapshot.ts";
import { defaulted, hasDefault } from "../../plan/write/defaults.ts";
import { query } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { CopyFormat } from "./copy-format.ts";
import { textSql } from "../write/draw-defaults.ts";
import { defaultOf } from "../write/stage.ts";

/** Signature, flags, length of the extension. */
const BINARY_HEADER_BYTES = 19;

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
  // A temporary table's rows lie on the catalog node, and there its own defaults are in force.
  if (relation.persistence === "temporary") return [];
  const keys = new Set(keyColumns(relation).map((column) => column.name));
  return columns.filter((column) => {
    if (!hasDefault(column)) return false;
    if (keys.has(column.name)) return true;
    const { kind } = defaulted(column, snapshot);
    return kind === "catalog" || (kind === "volatile" && replicated) || (kind === "time" && sharesTime);
  });
}

/**
 * The defaults of `rows` rows, evaluated row by row, each row's as fields in the COPY's own format (for CSV all of them
 * quoted, so that no value is read as NULL).
 */
export async function evaluateDefaults(
  connection: BackendConnection,
  columns: readonly Column[],
  rows: number,
  format: CopyFormat,
): Promise<Buffer[]> {
  const binary = format.format === "binary";
  // OFFSET 0: each default is evaluated once per row, whatever is made of its value above.
  const drawn = columns.map((column, i) => `(${defaultOf(column)})::${column.typeName} AS v${i}`).join(", ");
  const list = columns.map((column, i) => (binary ? `v${i}` : textSql(column, `v${i}`))).join(", ");
  const sql = `COPY (SELECT ${list} FROM (SELECT ${drawn} FROM pg_catalog.generate_series(1, ${rows}) OFFSET 0) AS d) TO STDOUT (${optionsOf(format)})`;
  const values: Buffer[] = [];
  await connection.exchange(query(sql), (type, buffer, start, end) => {
    if (type === Backend.copyData)
      values.push(
        binary
          ? tupleFields(buffer, start + 5, end, values.length === 0)
          : buffer.subarray(start + 5, end - 1),
      );
  });
  // In binary form the trailer comes behind them.
  return values.slice(0, rows);
}

function optionsOf({ format, delimiter, nullMarker, quote, escape, encoding }: CopyFormat): string {
  if (format === "binary") return "FORMAT binary";
  const byte = (code: number): string => quoteLiteral(String.fromCharCode(code));
  const options = [
    `FORMAT ${format}`,
    `DELIMITER ${byte(delimiter)}`,
    `NULL ${quoteLiteral(nullMarker.toString())}`,
  ];
  if (format === "csv") options.push(`QUOTE ${byte(quote)}`, `ESCAPE ${byte(escape)}`, "FORCE_QUOTE *");
  if (encoding !== undefined) options.push(`ENCODING ${quoteLiteral(encoding)}`);
  return options.join(", ");
}

/** A tuple without its number of fields; the first one comes behind the header. */
function tupleFields(buffer: Buffer, start: number, end: number, first: boolean): Buffer {
  return buffer.subarray(start + (first ? BINARY_HEADER_BYTES : 0) + 2, end);
}
