/** ALTER TABLE (and ALTER INDEX, VIEW, SEQUENCE, which share its statement): what each server is told. */
import type { AlterTableCmd, AlterTableStmt, ColumnDef } from "@pgsql/types";
import type { Relation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import { alterTableParts, partitionText, tableSplices } from "../../plan/ddl/alter-table-parts.ts";
import { judgeKeys } from "../../plan/ddl/judge-keys.ts";
import { judgeTableExpressions } from "../../plan/ddl/judge-expressions.ts";
import { endOfName } from "../../plan/ddl/table-head.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import { addValuedColumn } from "./add-valued-column.ts";
import { tableOfIndex } from "./create-index.ts";
import { isSharded, nodesWithTable, partsOnNode, syncPartitions } from "./create-table.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { alterCompositeType } from "./everywhere.ts";
import { changeKeyType } from "./change-key-type.ts";
import { changedKey, refuseChangedKeys } from "./follow-structure.ts";
import { readTableDefinition } from "./read-table-definition.ts";

export async function alterTable(ddl: DdlStatement): Promise<string> {
  const { AlterTableStmt: alter } = ddl.statement.tree as { AlterTableStmt: AlterTableStmt };
  if (alter.objtype === "OBJECT_TYPE") return alterCompositeType(ddl);
  if (alter.objtype === "OBJECT_INDEX") return alterIndex(ddl, alter);
  const relation = await ddl.find(alter.relation ?? {});
  const tag = await ddl.onCatalog();
  if (relation?.distribution === undefined) {
    await ddl.changed();
    return tag;
  }
  const parts = alterTableParts(ddl.statement, isSharded(relation.distribution));
  const after = await ddl.reload();
  refuseChangedKeys(ddl, after, relation);
  const now = after.relationsByOid.get(relation.oid)!;
  if (changedKey(relation, now) !== undefined) {
    await changeKeyType(ddl, relation, now, parts);
    return tag;
  }
  const table = await readTableDefinition(await ddl.gate("catalog"), relation.oid);
  judgeKeys(table, now.distribution!, after);
  judgeTableExpressions(table, now, after);
  await alterOnNodes(ddl, relation, parts, table);
  return tag;
}

async function alterOnNodes(
  ddl: DdlStatement,
  relation: Relation,
  parts: ReturnType<typeof alterTableParts>,
  table: Awaited<ReturnType<typeof readTableDefinition>>,
): Promise<void> {
  const distribution = relation.distribution!;
  const nodes = nodesWithTable(ddl, distribution);
  const splices = tableSplices(parts);
  const commands = parts.parts.map((part) => part.command);
  // PostgreSQL drops before it adds, whatever the order; other commands may speak of a new column.
  const drops = commands.some((command) => command.subtype === "AT_DropColumn");
  if (splices !== undefined && drops) await ddl.onNodes(nodes, () => splices);
  for (const part of parts.parts) {
    if (part.place !== "valued column") continue;
    const { ColumnDef: column } = part.command.def as { ColumnDef: ColumnDef };
    const before = drops
      ? { ...relation, columns: relation.columns.filter((c) => !isDropped(c.name, commands)) }
      : relation;
    await addValuedColumn(ddl, before, table, column.colname!);
  }
  if (splices !== undefined && !drops) await ddl.onNodes(nodes, () => splices);
  const alter = `ALTER TABLE ${quoteQualified(relation.schema, relation.name)}`;
  const numbered = commands.filter(
    (command, i) => command.subtype === "AT_ColumnDefault" && parts.parts[i]!.place === "catalog",
  );
  await ddl.derived(nodes, (node) => [
    ...numbered.map((command) => `${alter} ALTER COLUMN ${quoteIdentifier(command.name!)} DROP DEFAULT`),
    ...partsOnNode(relation, distribution, node).flatMap(
      (part) => partitionText(ddl.statement, parts, part) ?? [],
    ),
  ]);
  if (isSharded(distribution)) await ddl.throughGate(nodes, () => [syncPartitions(relation)]);
}

function isDropped(name: string, commands: readonly AlterTableCmd[]): boolean {
  return commands.some((command) => command.subtype === "AT_DropColumn" && command.name === name);
}

/** ALTER INDEX … SET and its like: on a sharded table, for the index of each partition. */
async function alterIndex(ddl: DdlStatement, alter: AlterTableStmt): Promise<string> {
  const commands = (alter.cmds ?? []).map((node) => (node as { AlterTableCmd: AlterTableCmd }).AlterTableCmd);
  if (commands.some((command) => command.subtype === "AT_SetTableSpace")) throw refusal("tablespace");
  const table = await tableOfIndex(ddl, alter.relation ?? {});
  const tag = await ddl.onCatalog();
  await ddl.changed();
  if (table?.distribution === undefined) return tag;
  const distribution = table.distribution;
  const { text } = ddl.statement;
  const rest = text.toString("utf8", endOfName(text, alter.relation!.location ?? 0));
  await ddl.derived(nodesWithTable(ddl, distribution), (node) =>
    partsOnNode({ schema: table.schema, name: alter.relation!.relname! }, distribution, node).map(
      (index) => `ALTER INDEX ${index}${rest}`,
    ),
  );
  return tag;
}
