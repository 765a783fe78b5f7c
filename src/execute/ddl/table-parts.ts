/** A table's parts on the data nodes: where they are, what they are called, and how they are made. */
import { partitionsOnNode, shardSchema, shardsOnNode } from "../../catalog/partition-ddl.ts";
import { isSharded } from "../../catalog/placement.ts";
import type { Distribution } from "../../catalog/snapshot.ts";
import { tableStatements, type TableDefinition } from "../../plan/ddl/table-definition.ts";
import { quoteLiteral, quoteQualified } from "../../sql/quote.ts";
import type { DdlStatement } from "./ddl-statement.ts";

/** Nodes that have the table, with rows or without. */
export function nodesWithTable(ddl: DdlStatement, distribution: Distribution): readonly string[] {
  return distribution.kind === "single" ? [distribution.node] : ddl.dataNodes;
}

/** Names of the table's partitions on a node, quoted; of the table itself where it has none. */
export function partsOnNode(
  table: { schema: string; name: string },
  distribution: Distribution,
  node: string,
): readonly string[] {
  if (!isSharded(distribution)) return [quoteQualified(table.schema, table.name)];
  return shardsOnNode(distribution, node).map(({ ordinal }) =>
    quoteQualified(shardSchema(table.schema, ordinal), table.name),
  );
}

/** Gives the partitions the owner, privileges and names of their parent. */
export function syncPartitions(table: { readonly schema: string; readonly name: string }): string {
  return `SELECT pleiad.sync_partitions(${quoteLiteral(quoteQualified(table.schema, table.name))}::regclass)`;
}

/** PostgreSQL's names have at most 63 bytes; "#" and up to five digits follow. */
export const SCHEMA_BYTES_MAX = 57;

/**
 * The table, empty and with what cannot be added behind its rows more cheaply. Nothing of the user's is evaluated on the way:
 * what goes through the gate has no rows and no expressions.
 */
export async function makeEmpty(
  ddl: DdlStatement,
  table: TableDefinition,
  distribution: Distribution,
): Promise<void> {
  const nodes = nodesWithTable(ddl, distribution);
  const statements = tableStatements(table, distribution);
  await ddl.derived(nodes, () => statements.table);
  await ddl.throughGate(nodes, (node) => [
    ...(isSharded(distribution) ? partitionsOnNode(table.schema, table.name, distribution, node) : []),
    ...partsOnNode(table, distribution, node).flatMap((part) => statements.storage(part)),
    ...(isSharded(distribution) ? [syncPartitions(table)] : []),
  ]);
}
