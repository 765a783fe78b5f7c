/** ALTER TABLE (and ALTER INDEX, VIEW, SEQUENCE, which share its statement): what each server is told. */
import type { AlterTableCmd, AlterTableStmt, ColumnDef } from "@pgsql/types";
import type { Relation } from "../../catalog/snapshot.ts";
import { isSharded } from "../../catalog/placement.ts";
import { refusal } from "../../errors/refusal.ts";
import {
  alterTableParts,
  partitionText,
  tableSplices,
  type AlterParts,
  type AlterPart,
} from "../../plan/ddl/alter-table-parts.ts";
import { judgeKeys } from "../../plan/ddl/judge-keys.ts";
import { judgeTableExpressions } from "../../plan/ddl/judge-expressions.ts";
import { endOfName } from "../../plan/ddl/table-head.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import type { TableDefinition } from "../../plan/ddl/table-definition.ts";
import { valuedColumn, type ValuedColumn } from "./valued-column.ts";
import { tableOfIndex } from "./create-index.ts";
import { nodesWithTable, partsOnNode, syncPartitions } from "./table-parts.ts";
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
  if (relation?.kind === "view" && checksWrites(alter))
    throw refusal("view-check-option", `View "${relation.name}".`);
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
  await alterOnNodes(ddl, { ...relation, distribution: now.distribution }, parts, table);
  return tag;
}

/** SET (check_option = …) of a view. */
function checksWrites({ cmds }: AlterTableStmt): boolean {
  return (cmds ?? []).some((node) => {
    const { subtype, def } = (node as { AlterTableCmd: AlterTableCmd }).AlterTableCmd;
    if (subtype !== "AT_SetRelOptions" || def === undefined || !("List" in def)) return false;
    return (def.List.items ?? []).some(
      (option) => "DefElem" in option && option.DefElem.defname === "check_option",
    );
  });
}

async function alterOnNodes(
  ddl: DdlStatement,
  relation: Relation,
  parts: AlterParts,
  table: TableDefinition,
): Promise<void> {
  const distribution = relation.distribution!;
  const nodes = nodesWithTable(ddl, distribution);
  const valued = new Map<AlterPart, ValuedColumn>();
  for (const part of parts.parts) {
    if (part.place !== "valued column") continue;
    const { ColumnDef: column } = part.command.def as { ColumnDef: ColumnDef };
    const found = await valuedColumn(ddl, relation, table, column.colname!);
    // Without one, ADD COLUMN IF NOT EXISTS found the column: there is nothing to be done.
    if (found !== undefined) valued.set(part, found);
  }
  const columns = [...valued.values()];
  await ddl.throughGate(nodes, (node) => columns.flatMap((column) => column.prepare(node)));
  const texts = new Map([...valued].map(([part, column]) => [part, column.add]));
  const splices = tableSplices(parts, texts);
  if (splices !== undefined) await ddl.onNodes(nodes, () => splices);
  const alter = `ALTER TABLE ${quoteQualified(relation.schema, relation.name)}`;
  const numbered = parts.parts.filter(
    (part) => part.command.subtype === "AT_ColumnDefault" && part.place === "catalog",
  );
  await ddl.derived(nodes, (node) => [
    ...columns.flatMap((column) => column.settle),
    ...numbered.map(({ command }) => `${alter} ALTER COLUMN ${quoteIdentifier(command.name!)} DROP DEFAULT`),
    ...partsOnNode(relation, distribution, node).flatMap(
      (part) => partitionText(ddl.statement, parts, part) ?? [],
    ),
  ]);
  await ddl.throughGate(nodes, () => [
    ...columns.flatMap((column) => column.clean),
    ...(isSharded(distribution) ? [syncPartitions(relation)] : []),
  ]);
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
