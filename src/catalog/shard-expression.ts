/**
 * Asking a server for the shard of a key, where placement.ts answers that it is not certain: types that only PostgreSQL
 * hashes or orders, texts whose meaning depends on settings. The expression has PostgreSQL's own semantics throughout.
 */
import { pgError } from "../errors/pg-error.ts";
import { quoteLiteral, quoteQualified } from "../sql/quote.ts";
import { isSharded, keyColumns } from "./placement.ts";
import {
  DEFAULT_SLICE,
  MAXVALUE,
  type Column,
  type ListSlice,
  type RangeSlice,
  type Relation,
} from "./snapshot.ts";

/**
 * SQL that gives the ordinal of the shard for a key, NULL where no slice takes it. `operands` are SQL expressions
 * (parameters, columns, literals) in the order of the distribution columns; they are cast to the columns' types. For hash
 * it runs only on data nodes, which have the partitioned table; for range and list on any server.
 */
export function shardExpression(relation: Relation, operands: readonly string[]): string {
  const { distribution } = relation;
  if (!isSharded(distribution)) throw pgError("XX000", `table ${relation.name} has no shards`);
  const columns = keyColumns(relation);
  const keys = columns.map((column, i) => typed(column, operands[i]!));
  switch (distribution.kind) {
    case "hash": {
      const modulus = distribution.placements.length;
      const table = quoteLiteral(quoteQualified(relation.schema, relation.name));
      return (
        `(SELECT r FROM pg_catalog.generate_series(0, ${modulus - 1}) r ` +
        `WHERE pg_catalog.satisfies_hash_partition(${table}::pg_catalog.regclass, ${modulus}, r, ${keys.join(", ")}))`
      );
    }
    case "range":
      return rangeCase(distribution.slices, columns, keys);
    case "list":
      return listCase(distribution.slices, columns[0]!, keys[0]!);
  }
}

function typed({ typeName, collation }: Column, operand: string): string {
  const value = `CAST(${operand} AS ${typeName})`;
  return collation === undefined ? value : `${value} COLLATE ${collation}`;
}

function rangeCase(
  slices: readonly RangeSlice[],
  columns: readonly Column[],
  keys: readonly string[],
): string {
  const branches = slices.map(({ lessThan, ordinal }) => {
    const end = lessThan.indexOf(MAXVALUE);
    const parts = (end === -1 ? lessThan : lessThan.slice(0, end)) as readonly string[];
    if (parts.length === 0) return `WHEN true THEN ${ordinal}`;
    const left = keys.slice(0, parts.length).join(", ");
    const right = parts.map((text, i) => typed(columns[i]!, quoteLiteral(text))).join(", ");
    // What follows the last value of the bound is below MAXVALUE, so equal beginnings belong to the slice.
    return `WHEN (${left}) ${end === -1 ? "<" : "<="} (${right}) THEN ${ordinal}`;
  });
  const noNull = keys.map((key) => `${key} IS NULL`).join(" OR ");
  return `CASE WHEN ${noNull} THEN NULL ${branches.join(" ")} END`;
}

function listCase(slices: readonly ListSlice[], column: Column, key: string): string {
  let fallback = "NULL";
  let ofNull: string | undefined;
  const branches: string[] = [];
  for (const { values, ordinal } of slices) {
    if (values === DEFAULT_SLICE) {
      fallback = String(ordinal);
      continue;
    }
    if (values.includes(null)) ofNull = String(ordinal);
    const texts = values.filter((value) => value !== null);
    const list = texts.map((text) => typed(column, quoteLiteral(text))).join(", ");
    if (texts.length > 0) branches.push(`WHEN ${key} IN (${list}) THEN ${ordinal}`);
  }
  const first = `CASE WHEN ${key} IS NULL THEN ${ofNull ?? fallback}`;
  return `${first} ${branches.join(" ")} ELSE ${fallback} END`;
}
