/**
 * The log of what compute nodes were told, pleiad.compute_definition on the catalog node: a compute node that lost its
 * memory is told it again (operations/rebuild-compute.ts). It commits and rolls back with the definition itself. Roles, memberships and databases
 * are not in it: they are copied as they are then, and no password is ever written down.
 */
import type { AlterOwnerStmt, GrantStmt, RenameStmt } from "@pgsql/types";
import { statementType } from "../../plan/classify.ts";
import type { DdlStatement } from "./ddl-statement.ts";

const OF_WHOLE_SERVERS: ReadonlySet<string> = new Set([
  "CreateRoleStmt",
  "AlterRoleStmt",
  "AlterRoleSetStmt",
  "DropRoleStmt",
  "GrantRoleStmt",
  "AlterDatabaseStmt",
  "AlterDatabaseSetStmt",
]);
const KINDS_OF_WHOLE_SERVERS: ReadonlySet<string> = new Set(["OBJECT_ROLE", "OBJECT_DATABASE"]);

/** Is it about roles or databases? */
function ofWholeServers(ddl: DdlStatement): boolean {
  const { tree } = ddl.statement;
  const { RenameStmt, AlterOwnerStmt, GrantStmt } = tree as {
    RenameStmt?: RenameStmt;
    AlterOwnerStmt?: AlterOwnerStmt;
    GrantStmt?: GrantStmt;
  };
  const kind = RenameStmt?.renameType ?? AlterOwnerStmt?.objectType ?? GrantStmt?.objtype;
  return OF_WHOLE_SERVERS.has(statementType(tree)) || KINDS_OF_WHOLE_SERVERS.has(kind ?? "");
}

/** `text` has just run on the compute nodes. */
export async function logForCompute(ddl: DdlStatement, text: Buffer): Promise<void> {
  if (ofWholeServers(ddl)) return;
  const asClient = await ddl.asClient();
  const [session] = await asClient("SELECT current_setting('search_path'), current_user");
  const gate = await ddl.gate("catalog");
  await gate("INSERT INTO pleiad.compute_definition (search_path, role, statement) VALUES ($1, $2, $3)", [
    session![0]!,
    session![1]!,
    text.toString(),
  ]);
}
