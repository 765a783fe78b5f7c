/**
 * ADD COLUMN whose default is not a constant, on a table that has rows. now() and its like have one value for all rows on
 * all nodes: the catalog node evaluates it. Numbers come from the sequence on the catalog node: each data node is given a
 * run of them. What is volatile otherwise is evaluated row by row, where the row lies.
 */
import type { FuncCall, SelectStmt } from "@pgsql/types";
import type { Relation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ColumnDefinition, TableDefinition } from "../../plan/ddl/table-definition.ts";
import { isVolatileCall } from "../../plan/volatility.ts";
import { parseStatements } from "../../sql/parse.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../sql/quote.ts";
import { walk } from "../../sql/walk.ts";
import { nodesWithTable } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";

/** How a data node comes to the column. */
export interface ValuedColumn {
  /** Through the gate, before: the sequence that numbers this node's rows. */
  prepare(node: string): readonly string[];
  /** In the place of the client's ADD COLUMN. */
  readonly add: string;
  /** Afterwards: the default of later rows, and constraints. */
  readonly settle: readonly string[];
  /** Through the gate, at the end. */
  readonly clean: readonly string[];
}

/** Undefined when the column was there before. */
export async function valuedColumn(
  ddl: DdlStatement,
  relation: Relation,
  table: TableDefinition,
  name: string,
): Promise<ValuedColumn | undefined> {
  const column = table.columns.find((c) => c.name === name)!;
  const number = (await columnNumber(ddl, table, name))!;
  if (relation.columns.some((c) => c.number === number)) return undefined;
  const sequence = await sequenceOf(ddl, table, column);
  return sequence === undefined
    ? evaluated(ddl, relation, table, column)
    : numbered(ddl, relation, table, column, sequence);
}

async function columnNumber(ddl: DdlStatement, table: TableDefinition, name: string): Promise<number> {
  const [row] = await (
    await ddl.gate("catalog")
  )(`SELECT attnum FROM pg_attribute WHERE attrelid = ${table.oid} AND attname = ${quoteLiteral(name)}`);
  return Number(row![0]);
}

function addText(column: ColumnDefinition): string {
  return `ADD COLUMN ${quoteIdentifier(column.name)} ${column.type}${column.collation === null ? "" : ` COLLATE ${column.collation}`}`;
}

function alterText(table: TableDefinition): string {
  return `ALTER TABLE ${quoteQualified(table.schema, table.name)}`;
}

function columnConstraints(table: TableDefinition, column: ColumnDefinition): readonly string[] {
  const own = table.constraints.filter(
    (c) => c.enforced && c.columns.length === 1 && c.columns[0] === column.name,
  );
  const statements = own.map(
    (c) => `${alterText(table)} ADD CONSTRAINT ${quoteIdentifier(c.name)} ${c.definition}`,
  );
  // Before PostgreSQL 18 NOT NULL was no constraint.
  if (column.notNull && !own.some((c) => c.type === "n"))
    statements.unshift(`${alterText(table)} ALTER COLUMN ${quoteIdentifier(column.name)} SET NOT NULL`);
  return statements;
}

async function evaluated(
  ddl: DdlStatement,
  relation: Relation,
  table: TableDefinition,
  column: ColumnDefinition,
): Promise<ValuedColumn> {
  const constraints = columnConstraints(table, column);
  const nothing = { prepare: () => [], clean: [] };
  if (isVolatile(ddl, column.default!)) {
    // Two copies of a row would get two values.
    const replicated = relation.distribution!.kind === "replicated";
    if (replicated && (await countRows(ddl, relation, ddl.dataNodes[0]!)) > 0)
      throw refusal("volatile-default-replicated", `Column "${column.name}" of table "${table.name}".`);
    return { ...nothing, add: `${addText(column)} DEFAULT ${column.default}`, settle: constraints };
  }
  const [row] = await (await ddl.asClient())(`SELECT ((${column.default})::${column.type})::text`);
  const value = row![0] === null ? "NULL" : `${quoteLiteral(row![0]!)}::${column.type}`;
  return {
    ...nothing,
    add: `${addText(column)} DEFAULT ${value}`,
    settle: [
      `${alterText(table)} ALTER COLUMN ${quoteIdentifier(column.name)} SET DEFAULT ${column.default}`,
      ...constraints,
    ],
  };
}

/** The names in it are qualified, or the system's. */
function isVolatile(ddl: DdlStatement, expression: string): boolean {
  const [statement] = parseStatements(`SELECT ${expression}`);
  let found = false;
  walk((statement!.tree as { SelectStmt: SelectStmt }).SelectStmt.targetList, (type, fields) => {
    if (type === "FuncCall" && isVolatileCall(fields as FuncCall, { snapshot: ddl.before, searchPath: [] }))
      found = true;
  });
  return found;
}

interface Sequence {
  readonly schema: string;
  readonly name: string;
  readonly increment: number;
}

async function sequenceOf(
  ddl: DdlStatement,
  table: TableDefinition,
  column: ColumnDefinition,
): Promise<Sequence | undefined> {
  if (!column.usesSequence && column.identity === "") return undefined;
  const written = /nextval\('((?:[^']|'')+)'::regclass\)/
    .exec(column.default ?? "")?.[1]
    ?.replaceAll("''", "'");
  const qualified = quoteLiteral(quoteQualified(table.schema, table.name));
  const found =
    written === undefined
      ? `pg_get_serial_sequence(${qualified}, ${quoteLiteral(column.name)})`
      : quoteLiteral(written);
  const [row] = await (
    await ddl.gate("catalog")
  )(
    `SELECT n.nspname, c.relname, s.seqincrement FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE s.seqrelid = ${found}::regclass`,
  );
  return row === undefined ? undefined : { schema: row[0]!, name: row[1]!, increment: Number(row[2]) };
}

async function numbered(
  ddl: DdlStatement,
  relation: Relation,
  table: TableDefinition,
  column: ColumnDefinition,
  sequence: Sequence,
): Promise<ValuedColumn> {
  const name = quoteQualified(sequence.schema, sequence.name);
  const constraints = columnConstraints(table, column);
  const starts = await drawNumbers(ddl, relation, sequence, nodesWithTable(ddl, relation.distribution!));
  if (starts === undefined)
    return { prepare: () => [], add: addText(column), settle: constraints, clean: [] };
  const limits = "MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807";
  return {
    // A sequence of the same name, for as long as the rows are numbered.
    prepare: (node) => [
      `CREATE SEQUENCE ${name} INCREMENT BY ${sequence.increment} ${limits} START WITH ${starts.get(node)}`,
      `GRANT USAGE ON SEQUENCE ${name} TO PUBLIC`,
    ],
    add: `${addText(column)} DEFAULT ${column.default ?? `nextval(${quoteLiteral(name)}::regclass)`}`,
    settle: [`${alterText(table)} ALTER COLUMN ${quoteIdentifier(column.name)} DROP DEFAULT`, ...constraints],
    clean: [`DROP SEQUENCE IF EXISTS ${name}`],
  };
}

/** By node, the first of the numbers for its rows; undefined when there are no rows. */
async function drawNumbers(
  ddl: DdlStatement,
  relation: Relation,
  sequence: Sequence,
  nodes: readonly string[],
): Promise<ReadonlyMap<string, bigint> | undefined> {
  const counts = await Promise.all(nodes.map((node) => countRows(ddl, relation, node)));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  if (relation.distribution!.kind === "replicated")
    throw refusal("volatile-default-replicated", `Table "${relation.name}".`);
  const drawn = `SELECT nextval(${quoteLiteral(quoteQualified(sequence.schema, sequence.name))}::regclass) AS v FROM generate_series(1, ${total})`;
  const [row] = await (
    await ddl.gate("catalog")
  )(`SELECT ${sequence.increment > 0 ? "min" : "max"}(v) FROM (${drawn}) AS drawn`);
  let next = BigInt(row![0]!);
  const starts = new Map<string, bigint>();
  nodes.forEach((node, i) => {
    starts.set(node, next);
    next += BigInt(counts[i]!) * BigInt(sequence.increment);
  });
  return starts;
}

/** Locks the table, so that the count stays true. Counting evaluates nothing of the user's. */
async function countRows(ddl: DdlStatement, relation: Relation, node: string): Promise<number> {
  const gate = await ddl.gate(node);
  const name = quoteQualified(relation.schema, relation.name);
  await gate(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
  const [row] = await gate(`SELECT count(*) FROM ${name}`);
  return Number(row![0]);
}
