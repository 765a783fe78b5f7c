/**
 * ADD COLUMN whose default is not a constant, on a table that has rows. now() and its like have one value for all rows on
 * all nodes: the one that the catalog node has stored. Numbers come from the sequence on the catalog node: each data node
 * is given a run of them. What is volatile otherwise is evaluated row by row, where the row lies.
 */
import type { Relation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ColumnDefinition, TableDefinition } from "../../plan/ddl/table-definition.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../sql/quote.ts";
import { nodesWithTable } from "./create-table.ts";
import type { DdlStatement } from "./ddl-statement.ts";

export async function addValuedColumn(
  ddl: DdlStatement,
  relation: Relation,
  table: TableDefinition,
  name: string,
): Promise<void> {
  const column = table.columns.find((c) => c.name === name);
  // ADD COLUMN IF NOT EXISTS found it.
  if (column === undefined || relation.columns.some((c) => c.name === name)) return;
  const nodes = nodesWithTable(ddl, relation.distribution!);
  const sequence = await sequenceOf(ddl, table, column);
  if (sequence !== undefined) await addNumbered(ddl, relation, table, column, sequence, nodes);
  else await addEvaluated(ddl, relation, table, column, nodes);
}

function alterText(table: TableDefinition): string {
  return `ALTER TABLE ${quoteQualified(table.schema, table.name)}`;
}

function columnConstraints(table: TableDefinition, column: ColumnDefinition): readonly string[] {
  return table.constraints
    .filter((c) => c.enforced && c.columns.length === 1 && c.columns[0] === column.name)
    .map((c) => `${alterText(table)} ADD CONSTRAINT ${quoteIdentifier(c.name)} ${c.definition}`);
}

function typeText(column: ColumnDefinition): string {
  return `${column.type}${column.collation === null ? "" : ` COLLATE ${column.collation}`}`;
}

async function addEvaluated(
  ddl: DdlStatement,
  relation: Relation,
  table: TableDefinition,
  column: ColumnDefinition,
  nodes: readonly string[],
): Promise<void> {
  const [row] = await (
    await ddl.gate("catalog")
  )(
    `SELECT (attmissingval::text::text[])[1] FROM pg_attribute WHERE attrelid = ${table.oid} AND attname = ${quoteLiteral(column.name)} AND atthasmissing`,
  );
  const name = quoteIdentifier(column.name);
  const add = `${alterText(table)} ADD COLUMN ${name} ${typeText(column)}`;
  const constraints = columnConstraints(table, column);
  if (row === undefined) {
    // Evaluated row by row: two copies of a row would get two values.
    if (relation.distribution!.kind === "replicated" && (await countRows(ddl, relation, nodes[0]!)) > 0)
      throw refusal("volatile-default-replicated", `Column "${column.name}" of table "${table.name}".`);
    await ddl.derived(nodes, () => [`${add} DEFAULT ${column.default}`, ...constraints]);
    return;
  }
  const value = row[0] === null ? "NULL" : `${quoteLiteral(row[0]!)}::${column.type}`;
  await ddl.derived(nodes, () => [
    `${add} DEFAULT ${value}`,
    `${alterText(table)} ALTER COLUMN ${name} SET DEFAULT ${column.default}`,
    ...constraints,
  ]);
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

async function addNumbered(
  ddl: DdlStatement,
  relation: Relation,
  table: TableDefinition,
  column: ColumnDefinition,
  sequence: Sequence,
  nodes: readonly string[],
): Promise<void> {
  const name = quoteQualified(sequence.schema, sequence.name);
  const starts = await drawNumbers(ddl, relation, sequence, nodes);
  const value = column.default ?? `nextval(${quoteLiteral(name)}::regclass)`;
  const add = `${alterText(table)} ADD COLUMN ${quoteIdentifier(column.name)} ${typeText(column)}`;
  if (starts === undefined) {
    await ddl.derived(nodes, () => [add, ...columnConstraints(table, column)]);
    return;
  }
  // A sequence of the same name, for as long as the rows are numbered.
  const limits = sequence.increment > 0 ? "" : " MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807";
  await ddl.throughGate(nodes, (node) => [
    `CREATE SEQUENCE ${name} INCREMENT BY ${sequence.increment}${limits} START WITH ${starts.get(node)}${sequence.increment > 0 ? " MINVALUE -9223372036854775808" : ""}`,
    `GRANT USAGE ON SEQUENCE ${name} TO PUBLIC`,
  ]);
  await ddl.derived(nodes, () => [
    `${add} DEFAULT ${value}`,
    `${alterText(table)} ALTER COLUMN ${quoteIdentifier(column.name)} DROP DEFAULT`,
    ...columnConstraints(table, column),
  ]);
  await ddl.throughGate(nodes, () => [`DROP SEQUENCE ${name}`]);
}

/** By node, the first of the numbers for its rows; undefined when there are no rows. */
async function drawNumbers(
  ddl: DdlStatement,
  relation: Relation,
  sequence: Sequence,
  nodes: readonly string[],
): Promise<ReadonlyMap<string, bigint> | undefined> {
  const counts = await Promise.all(nodes.map((node) => countRows(ddl, relation, node)));
  const replicated = relation.distribution!.kind === "replicated";
  const total = replicated ? counts[0]! : counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  if (replicated) throw refusal("volatile-default-replicated", `Table "${relation.name}".`);
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
