/**
 * What a statement did to the shells' names and existence is done to the tables of the data nodes: by comparing the catalog
 * before and after, table by table. Rights were checked on the catalog node; nothing of the user's is evaluated here.
 */
import { shardSchema, shardsOnNode } from "../../catalog/partition-ddl.ts";
import { forgetDropped } from "../../catalog/record-distribution.ts";
import type { Relation, Snapshot } from "../../catalog/snapshot.ts";
import { isSharded } from "../../catalog/placement.ts";
import { refusal } from "../../errors/refusal.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import { nodesWithTable, SCHEMA_BYTES_MAX } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";

/** Drops on the data nodes what is gone from the catalog node. */
export async function followDrops(ddl: DdlStatement, after: Snapshot): Promise<void> {
  const gone = [...ddl.before.relationsByOid.values()].filter(
    (relation) => relation.distribution !== undefined && !after.relationsByOid.has(relation.oid),
  );
  if (gone.length === 0) return;
  await ddl.throughGate(ddl.dataNodes, (node) => {
    const here = gone.filter((relation) => nodesWithTable(ddl, relation.distribution!).includes(node));
    if (here.length === 0) return [];
    const names = here.map((relation) => quoteQualified(relation.schema, relation.name));
    // What depends on them beyond themselves was dropped on the catalog node, or that would have refused.
    return [`DROP TABLE IF EXISTS ${names.join(", ")} CASCADE`];
  });
  await forgetDropped(await ddl.gate("catalog"));
  await ddl.changed();
}

/** Renames and moves tables on the data nodes as their shells were. */
export async function followNames(ddl: DdlStatement, after: Snapshot): Promise<void> {
  for (const now of after.relationsByOid.values()) {
    const was = ddl.before.relationsByOid.get(now.oid);
    if (was?.distribution === undefined || (was.schema === now.schema && was.name === now.name)) continue;
    if (isSharded(was.distribution) && Buffer.byteLength(now.schema) > SCHEMA_BYTES_MAX)
      throw refusal("shard-schema-name", `Schema "${now.schema}".`);
    await ddl.throughGate(nodesWithTable(ddl, was.distribution), (node) => renames(was, now, node));
  }
}

function renames(was: Relation, now: Relation, node: string): string[] {
  const statements = rename(was.schema, was.name, now.schema, now.name);
  const distribution = was.distribution!;
  if (!isSharded(distribution)) return statements;
  for (const { ordinal } of shardsOnNode(distribution, node)) {
    const home = shardSchema(now.schema, ordinal);
    if (was.schema !== now.schema)
      statements.push(
        `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(home)}`,
        `GRANT USAGE ON SCHEMA ${quoteIdentifier(home)} TO PUBLIC`,
      );
    statements.push(...rename(shardSchema(was.schema, ordinal), was.name, home, now.name));
  }
  return statements;
}

function rename(schema: string, name: string, newSchema: string, newName: string): string[] {
  const statements: string[] = [];
  if (schema !== newSchema)
    statements.push(`ALTER TABLE ${quoteQualified(schema, name)} SET SCHEMA ${quoteIdentifier(newSchema)}`);
  if (name !== newName)
    statements.push(`ALTER TABLE ${quoteQualified(newSchema, name)} RENAME TO ${quoteIdentifier(newName)}`);
  return statements;
}

/** Throws when a distribution column is gone or has another type than it had: its rows would lie in the wrong place. */
export function refuseChangedKeys(ddl: DdlStatement, after: Snapshot, except?: Relation): void {
  for (const now of after.relationsByOid.values()) {
    const was = ddl.before.relationsByOid.get(now.oid);
    if (was === undefined || was.oid === except?.oid) continue;
    const changed = changedKey(was, now);
    if (changed !== undefined) throw refusal("key-changed", `Column "${changed}" of table "${now.name}".`);
  }
}

/** A distribution column that is not what it was. */
export function changedKey(was: Relation, now: Relation): string | undefined {
  const { distribution } = was;
  if (distribution === undefined || !isSharded(distribution)) return undefined;
  return distribution.columns.find((name) => {
    const before = was.columns.find((column) => column.name === name);
    const column = now.columns.find((c) => c.number === before?.number);
    return (
      column === undefined || column.typeName !== before?.typeName || column.collation !== before.collation
    );
  });
}
