/** GRANT, REVOKE and default privileges: where the objects are, and on the partitions of sharded tables. */
import type { GrantStmt, RangeVar } from "@pgsql/types";
import type { Relation } from "../../catalog/snapshot.ts";
import { isSharded } from "../../catalog/placement.ts";
import { keepListed, listedTables } from "../../plan/ddl/object-list.ts";
import { nodesWithTable, syncPartitions } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { followDrops } from "./follow-structure.ts";

export async function grant(ddl: DdlStatement): Promise<string> {
  const { GrantStmt: statement } = ddl.statement.tree as { GrantStmt: GrantStmt };
  const tag = await ddl.onCatalog();
  await ddl.changed();
  switch (statement.objtype) {
    case "OBJECT_TABLE":
      if (statement.targtype === "ACL_TARGET_ALL_IN_SCHEMA") await onSchemas(ddl, statement);
      else await onTables(ddl, statement);
      return tag;
    case "OBJECT_SEQUENCE":
    case "OBJECT_LARGEOBJECT":
    case "OBJECT_TABLESPACE":
    case "OBJECT_FDW":
    case "OBJECT_FOREIGN_SERVER":
      return tag;
    default:
      await ddl.onNodesThatHave(ddl.otherNodes);
      return tag;
  }
}

async function onTables(ddl: DdlStatement, statement: GrantStmt): Promise<void> {
  const names = (statement.objects ?? []).map((node) => (node as { RangeVar: RangeVar }).RangeVar);
  const relations = await Promise.all(names.map((name) => ddl.find(name)));
  const listed = listedTables(ddl.statement, names);
  await ddl.onNodes(ddl.dataNodes, (node) =>
    keepListed(
      listed,
      relations.map((relation) => isOnNode(ddl, relation, node)),
    ),
  );
  await syncAll(
    ddl,
    relations.filter((relation) => relation !== undefined),
  );
}

async function onSchemas(ddl: DdlStatement, statement: GrantStmt): Promise<void> {
  const schemas = new Set(
    (statement.objects ?? []).map((node) => (node as { String: { sval: string } }).String.sval),
  );
  await ddl.onNodes(ddl.dataNodes);
  await syncAll(
    ddl,
    [...ddl.before.relationsByOid.values()].filter((relation) => schemas.has(relation.schema)),
  );
}

export function isOnNode(ddl: DdlStatement, relation: Relation | undefined, node: string): boolean {
  return relation?.distribution !== undefined && nodesWithTable(ddl, relation.distribution).includes(node);
}

/** Brings owner and privileges of partitions in line with their tables'. */
async function syncAll(ddl: DdlStatement, relations: readonly Relation[]): Promise<void> {
  const sharded = relations.filter(
    (relation) => relation.distribution !== undefined && isSharded(relation.distribution),
  );
  await ddl.throughGate(ddl.dataNodes, (node) =>
    sharded.filter((relation) => isOnNode(ddl, relation, node)).map(syncPartitions),
  );
}

/** REASSIGN OWNED, DROP OWNED: any table may have changed. */
export async function changeOwned(ddl: DdlStatement): Promise<string> {
  const tag = await ddl.onCatalog();
  const after = await ddl.reload();

  await followDrops(ddl, after);
  await ddl.onNodes(ddl.otherNodes);
  await syncAll(ddl, [...after.relationsByOid.values()]);
  return tag;
}
