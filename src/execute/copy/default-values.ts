/**
 * Columns that a COPY leaves out and whose default is not a constant: sequences live on the catalog node, and now() or a
 * volatile function has one value per row, whichever nodes the row goes to. So the catalog node evaluates these defaults,
 * and their values are appended to the client's lines.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { keyColumns } from "../../catalog/placement.ts";
import type { Column, Relation } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { readDataRow } from "../../protocol/backend-messages.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { bindWithTail, execute, parse, sync, textBindTail } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import { quoteLiteral } from "../../sql/quote.ts";

/** What PostgreSQL's planner leaves of an immutable expression: a literal, with a cast and COLLATE perhaps. */
const CONSTANT =
  /^\(?-?(?:'(?:[^']|'')*'|\d[\d.eE+-]*|NULL|true|false|E'(?:[^'\\]|''|\\.)*')(?:\)?::[\w ".,()[\]]+)?\)?$/s;

const constantDefaults = new WeakMap<Relation, Map<string, boolean>>();

/** The default's expression as SQL for the catalog node; undefined when the column has none, that is NULL. */
export function defaultSql(column: Column): string | undefined {
  if (column.generated !== "") return undefined;
  if (column.identity !== "" && column.sequence !== undefined)
    return `pg_catalog.nextval(${quoteLiteral(column.sequence)}::pg_catalog.regclass)::${column.typeName}`;
  return column.defaultExpression === undefined
    ? undefined
    : `(${column.defaultExpression})::${column.typeName}`;
}

/** Is the default the same constant for all rows, on every server? PostgreSQL itself says so: its planner folds what is immutable. */
async function isConstant(
  connection: BackendConnection,
  relation: Relation,
  column: Column,
): Promise<boolean> {
  let known = constantDefaults.get(relation);
  if (known === undefined) constantDefaults.set(relation, (known = new Map()));
  let constant = known.get(column.name);
  if (constant === undefined) {
    if (column.identity !== "") constant = false;
    else if (CONSTANT.test(column.defaultExpression!)) constant = true;
    else {
      const rows = await connection.query(`EXPLAIN (VERBOSE, COSTS OFF) SELECT ${defaultSql(column)!}`);
      const output = rows.map((row) => row[0]!.trim()).find((line) => line.startsWith("Output: "));
      constant = output !== undefined && CONSTANT.test(output.slice("Output: ".length));
    }
    known.set(column.name, constant);
  }
  return constant;
}

/** The columns whose values must be appended. `given`: the columns that the data have. */
export async function columnsToAppend(
  connection: () => Promise<BackendConnection>,
  relation: Relation,
  given: ReadonlySet<string>,
): Promise<readonly Column[]> {
  const keys = new Set(keyColumns(relation).map((column) => column.name));
  const appended: Column[] = [];
  for (const column of relation.columns) {
    if (given.has(column.name) || defaultSql(column) === undefined) continue;
    if (keys.has(column.name) || !(await isConstant(await connection(), relation, column)))
      appended.push(column);
  }
  return appended;
}

/** Of the given columns those for which the marker of option DEFAULT could not be left to the nodes. */
export async function columnsNotForMarker(
  connection: () => Promise<BackendConnection>,
  relation: Relation,
  given: readonly Column[],
): Promise<readonly Column[]> {
  const keys = new Set(keyColumns(relation).map((column) => column.name));
  const found: Column[] = [];
  for (const column of given) {
    if (defaultSql(column) === undefined) continue;
    if (keys.has(column.name) || !(await isConstant(await connection(), relation, column)))
      found.push(column);
  }
  return found;
}

/** The defaults of `rows` rows, evaluated row by row, in text or binary form. */
export function evaluateDefaults(
  connection: BackendConnection,
  columns: readonly Column[],
  rows: number,
  binary: boolean,
): Promise<(Buffer | null)[][]> {
  const sql = `SELECT ${columns.map((column) => defaultSql(column)!).join(", ")} FROM pg_catalog.generate_series(1, ${rows})`;
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
