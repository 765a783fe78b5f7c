/** ALTER … RENAME, SET SCHEMA, OWNER TO. */
import { isSharded } from "../../catalog/placement.ts";
import type { AlterObjectSchemaStmt, RenameStmt } from "@pgsql/types";
import { refusal } from "../../errors/refusal.ts";
import { tableHead } from "../../plan/ddl/table-head.ts";
import { quoteIdentifier, quoteLiteral } from "../../sql/quote.ts";
import { tableOfIndex } from "./create-index.ts";
import { nodesWithTable, SCHEMA_BYTES_MAX, syncPartitions } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { shardSchemas } from "./drop-objects.ts";
import { runOnCatalogOnly, runWhereItIs } from "./everywhere.ts";
import { followNames } from "./follow-structure.ts";

export async function rename(ddl: DdlStatement): Promise<string> {
  const { RenameStmt: statement } = ddl.statement.tree as { RenameStmt: RenameStmt };
  switch (statement.renameType) {
    case "OBJECT_TABLE":
    case "OBJECT_FOREIGN_TABLE":
    case "OBJECT_VIEW":
    case "OBJECT_MATVIEW":
    case "OBJECT_SEQUENCE": {
      const tag = await ddl.onCatalog();
      await followNames(ddl, await ddl.reload());
      return tag;
    }
    case "OBJECT_INDEX":
      return renameIndex(ddl, statement);
    case "OBJECT_COLUMN":
      return renameColumn(ddl, statement);
    case "OBJECT_TABCONSTRAINT":
    case "OBJECT_TRIGGER":
    case "OBJECT_POLICY":
      return renameInTable(ddl, statement);
    case "OBJECT_RULE":
      return runOnCatalogOnly(ddl);
    case "OBJECT_STATISTIC_EXT":
      return onDataNodes(ddl);
    case "OBJECT_SCHEMA":
      return renameSchema(ddl, statement);
    default:
      return runWhereItIs(ddl);
  }
}

async function renameIndex(ddl: DdlStatement, statement: RenameStmt): Promise<string> {
  const table = await tableOfIndex(ddl, statement.relation ?? {});
  const tag = await ddl.onCatalog();
  await followNames(ddl, await ddl.reload());
  if (table?.distribution === undefined) return tag;
  const nodes = nodesWithTable(ddl, table.distribution);
  await ddl.onNodes(nodes);
  if (isSharded(table.distribution)) await ddl.throughGate(nodes, () => [syncPartitions(table)]);
  return tag;
}

async function renameColumn(ddl: DdlStatement, statement: RenameStmt): Promise<string> {
  const relation = await ddl.find(statement.relation ?? {});
  const tag = await ddl.onCatalog();
  if (relation?.distribution !== undefined) {
    await ddl.onNodes(
      nodesWithTable(ddl, relation.distribution),
      () => tableHead(ddl.statement, statement.relation!).plain,
    );
    await (
      await ddl.gate("catalog")
    )(
      `UPDATE pleiad.distributed_table SET columns = array_replace(columns, ${quoteLiteral(statement.subname!)}, ${quoteLiteral(statement.newname!)}) WHERE relation = ${relation.oid}`,
    );
  }
  await ddl.changed();
  return tag;
}

/** Constraints, triggers, policies: where their table is. */
async function renameInTable(ddl: DdlStatement, statement: RenameStmt): Promise<string> {
  const relation = await ddl.find(statement.relation ?? {});
  const tag = await ddl.onCatalog();
  await ddl.changed();
  if (relation?.distribution === undefined) return tag;
  const nodes = nodesWithTable(ddl, relation.distribution);
  const splices =
    statement.renameType === "OBJECT_TABCONSTRAINT"
      ? tableHead(ddl.statement, statement.relation!).plain
      : [];
  await ddl.onNodes(nodes, () => splices);
  if (isSharded(relation.distribution)) await ddl.throughGate(nodes, () => [syncPartitions(relation)]);
  return tag;
}

async function renameSchema(ddl: DdlStatement, statement: RenameStmt): Promise<string> {
  const [from, to] = [statement.subname!, statement.newname!];
  refuseSchemaName(to);
  const tag = await ddl.onCatalog();
  await ddl.onNodes(ddl.otherNodes);
  await ddl.everywhere(ddl.dataNodes, async (node) => {
    const gate = await ddl.gate(node);
    for (const schema of await shardSchemas(gate, from))
      await gate(
        `ALTER SCHEMA ${quoteIdentifier(schema)} RENAME TO ${quoteIdentifier(to + schema.slice(from.length))}`,
      );
  });
  await ddl.changed();
  return tag;
}

function refuseSchemaName(name: string): void {
  if (/#\d+$/.test(name) || Buffer.byteLength(name) > SCHEMA_BYTES_MAX)
    throw refusal("shard-schema-name", `Schema "${name}".`);
}

export async function setSchema(ddl: DdlStatement): Promise<string> {
  const { AlterObjectSchemaStmt: statement } = ddl.statement.tree as {
    AlterObjectSchemaStmt: AlterObjectSchemaStmt;
  };
  switch (statement.objectType) {
    case "OBJECT_TABLE":
    case "OBJECT_VIEW":
    case "OBJECT_MATVIEW":
    case "OBJECT_SEQUENCE":
    case "OBJECT_FOREIGN_TABLE": {
      const tag = await ddl.onCatalog();
      await followNames(ddl, await ddl.reload());
      return tag;
    }
    case "OBJECT_STATISTIC_EXT":
      return onDataNodes(ddl);
    default:
      return runWhereItIs(ddl);
  }
}

/** Statistics objects are where rows are. */
export async function onDataNodes(ddl: DdlStatement): Promise<string> {
  const tag = await ddl.onCatalog();
  await ddl.onNodes(ddl.dataNodes);
  await ddl.changed();
  return tag;
}
