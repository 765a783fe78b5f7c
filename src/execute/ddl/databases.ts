/** CREATE, DROP and RENAME DATABASE: a logical database is one of that name on every server. What fails half way is taken back. */
import type { CreatedbStmt, DefElem, DropdbStmt, RenameStmt } from "@pgsql/types";
import { installAdminFunctions } from "../../catalog/install-admin-functions.ts";
import { installCatalog, recordNodes } from "../../catalog/install-catalog.ts";
import { installDataNode } from "../../catalog/install-data-node.ts";
import { installGate, readGateSecret } from "../../catalog/install-gate.ts";
import { quoteIdentifier } from "../../sql/quote.ts";
import type { DdlNode, DdlStatement } from "./ddl-statement.ts";

export async function createDatabase(ddl: DdlStatement): Promise<string> {
  const { CreatedbStmt: create } = ddl.statement.tree as { CreatedbStmt: CreatedbStmt };
  const name = create.dbname!;
  const template = (create.options ?? [])
    .map((node) => (node as { DefElem: DefElem }).DefElem)
    .find((option) => option.defname === "template");
  const source = (template?.arg as { String?: { sval?: string } } | undefined)?.String?.sval;
  if (source !== undefined) await ddl.context.leaveDatabase(source);
  const made: string[] = [];
  try {
    const tag = await ddl.apart("catalog", [], true);
    made.push("catalog");
    for (const node of ddl.otherNodes) {
      await ddl.apart(node, [], false);
      made.push(node);
    }
    for (const node of ddl.context.nodes) await completeDatabase(ddl, node, name);
    return tag;
  } catch (error) {
    await ddl.context.leaveDatabase(name);
    await Promise.allSettled(
      made.map((node) => ddl.sqlApart(node, [`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}`])),
    );
    throw error;
  }
}

/** A database made from template0, or from one that Pleiad has not prepared. */
async function completeDatabase(ddl: DdlStatement, node: DdlNode, database: string): Promise<void> {
  const { pools, internalRole } = ddl.context.execution;
  const connection = await pools.take(node.name, internalRole, database);
  try {
    const query = (sql: string) => connection.query(sql);
    if ((await readGateSecret(query)) !== undefined) return;
    if (node.kind === "data") await installDataNode(query);
    if (node.kind === "catalog") {
      await installCatalog(query);
      await installAdminFunctions(query);
      await recordNodes(query, ddl.context.nodes);
    }
    await installGate(query, ddl.context.gateSecrets.get(node.name));
  } finally {
    pools.give(connection);
  }
}

export async function dropDatabase(ddl: DdlStatement): Promise<string> {
  const { DropdbStmt: drop } = ddl.statement.tree as { DropdbStmt: DropdbStmt };
  const name = drop.dbname!;
  // Idle connections of the pool are nobody's.
  await ddl.context.leaveDatabase(name);
  // All servers must be there before the first one drops.
  for (const node of ddl.otherNodes) await ddl.sqlApart(node, ["SELECT 1"]);
  const tag = await ddl.apart("catalog", [], true);
  for (const node of ddl.otherNodes)
    await ddl.sqlApart(node, [`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}`]);
  await ddl.context.leaveDatabase(name);
  return tag;
}

export async function renameDatabase(ddl: DdlStatement): Promise<string> {
  const { RenameStmt: rename } = ddl.statement.tree as { RenameStmt: RenameStmt };
  const [from, to] = [rename.subname!, rename.newname!];
  await ddl.context.leaveDatabase(from);
  const renamed: string[] = [];
  try {
    const tag = await ddl.apart("catalog", [], true);
    renamed.push("catalog");
    for (const node of ddl.otherNodes) {
      await ddl.apart(node, [], false);
      renamed.push(node);
    }
    return tag;
  } catch (error) {
    await ddl.context.leaveDatabase(to);
    await Promise.allSettled(
      renamed.map((node) =>
        ddl.sqlApart(node, [`ALTER DATABASE ${quoteIdentifier(to)} RENAME TO ${quoteIdentifier(from)}`]),
      ),
    );
    throw error;
  }
}
