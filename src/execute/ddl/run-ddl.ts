/** Which file runs which kind of definition. What is not listed is refused. */
import type { IndexStmt, RenameStmt } from "@pgsql/types";
import { refusal } from "../../errors/refusal.ts";
import { createsTemporaryObject } from "../../plan/ddl/temporary-names.ts";
import { statementType } from "../../plan/classify.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import { alterTable } from "./alter-table.ts";
import { createIndex } from "./create-index.ts";
import { createIndexConcurrently } from "./create-index-concurrently.ts";
import { createTable } from "./create-table.ts";
import { createTableAs } from "./create-table-as.ts";
import { createDatabase, dropDatabase, renameDatabase } from "./databases.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { dropObjects } from "./drop-objects.ts";
import {
  alterCompositeType,
  alterDomain,
  createDomain,
  createFunction,
  createView,
  runEverywhere,
  runEverywhereWithTables,
  runOnCatalogOnly,
  runWhereItIs,
} from "./everywhere.ts";
import { alterExtensionContents } from "./extensions.ts";
import { changeOwned, grant } from "./grant.ts";
import { analyzeInTransaction, maintain } from "./maintain.ts";
import { refreshMaterializedView } from "./materialized-view.ts";
import { onDataNodes, rename, setSchema } from "./rename.ts";
import { defineRole } from "./roles.ts";
import { createStatistics, createTrigger, definePolicy } from "./row-rules.ts";
import { createSchema } from "./schemas.ts";
import { truncate } from "./truncate.ts";

type DdlHandler = (ddl: DdlStatement) => Promise<string>;

const HANDLERS: ReadonlyMap<string, DdlHandler> = new Map<string, DdlHandler>([
  ["CreateStmt", createTable],
  ["CreateTableAsStmt", createTableAs],
  ["SelectStmt", createTableAs],
  ["RefreshMatViewStmt", refreshMaterializedView],
  ["AlterTableStmt", alterTable],
  ["IndexStmt", createIndex],
  ["DropStmt", dropObjects],
  ["TruncateStmt", truncate],
  ["RenameStmt", rename],
  ["AlterObjectSchemaStmt", setSchema],
  ["CreateSchemaStmt", createSchema],
  ["ViewStmt", createView],
  ["CreateSeqStmt", runOnCatalogOnly],
  ["AlterSeqStmt", runOnCatalogOnly],
  ["CommentStmt", runOnCatalogOnly],
  ["SecLabelStmt", runOnCatalogOnly],
  ["AlterObjectDependsStmt", runOnCatalogOnly],
  ["CreateTrigStmt", createTrigger],
  ["CreatePolicyStmt", definePolicy],
  ["AlterPolicyStmt", definePolicy],
  ["CreateStatsStmt", createStatistics],
  ["AlterStatsStmt", onDataNodes],
  ["GrantStmt", grant],
  ["GrantRoleStmt", runEverywhere],
  ["AlterDefaultPrivilegesStmt", runEverywhere],
  ["CreateRoleStmt", defineRole],
  ["AlterRoleStmt", defineRole],
  ["AlterRoleSetStmt", runEverywhere],
  ["DropRoleStmt", runEverywhere],
  ["ReassignOwnedStmt", changeOwned],
  ["DropOwnedStmt", changeOwned],
  ["AlterOwnerStmt", runWhereItIs],
  ["AlterDatabaseSetStmt", runEverywhere],
  ["AlterDatabaseStmt", runEverywhere],
  ["CompositeTypeStmt", runEverywhere],
  ["CreateEnumStmt", runEverywhere],
  ["AlterEnumStmt", runEverywhere],
  ["CreateRangeStmt", runEverywhere],
  ["AlterTypeStmt", alterCompositeType],
  ["CreateDomainStmt", createDomain],
  ["AlterDomainStmt", alterDomain],
  ["DefineStmt", runEverywhere],
  ["AlterCollationStmt", runEverywhere],
  ["CreateFunctionStmt", createFunction],
  ["AlterFunctionStmt", runWhereItIs],
  ["AlterOperatorStmt", runEverywhere],
  ["CreateCastStmt", runEverywhere],
  ["CreateConversionStmt", runEverywhere],
  ["CreateOpClassStmt", runEverywhere],
  ["CreateOpFamilyStmt", runEverywhere],
  ["AlterOpFamilyStmt", runEverywhere],
  ["CreateTransformStmt", runEverywhere],
  ["CreatePLangStmt", runEverywhere],
  ["AlterTSConfigurationStmt", runEverywhere],
  ["AlterTSDictionaryStmt", runEverywhere],
  ["CreateExtensionStmt", runEverywhere],
  ["AlterExtensionStmt", runEverywhereWithTables],
  ["AlterExtensionContentsStmt", alterExtensionContents],
  ["VacuumStmt", analyzeInTransaction],
]);

/** Statements that PostgreSQL runs outside of transaction blocks only: each server does its part by itself. */
const ALONE: ReadonlyMap<string, DdlHandler> = new Map<string, DdlHandler>([
  ["CreatedbStmt", createDatabase],
  ["DropdbStmt", dropDatabase],
  ["RenameStmt", renameDatabase],
  ["VacuumStmt", maintain],
  ["ReindexStmt", maintain],
  ["ClusterStmt", maintain],
  ["IndexStmt", createIndexConcurrently],
]);

const SERVER_OBJECTS =
  /^(?:Create|Alter|Drop)(?:Publication|Subscription|Fdw|ForeignServer|ForeignTable|UserMapping|EventTrig|TableSpace)|ImportForeignSchema|AlterTableMoveAll|AlterTableSpaceOptions/;

/** Does it run outside of transactions? */
export function standsAlone(statement: ParsedStatement): boolean {
  const tree = statement.tree as { IndexStmt?: IndexStmt; RenameStmt?: RenameStmt };
  const type = statementType(statement.tree);
  if (tree.IndexStmt !== undefined) return tree.IndexStmt.concurrent === true;
  if (tree.RenameStmt !== undefined) return tree.RenameStmt.renameType === "OBJECT_DATABASE";
  return ALONE.has(type);
}

/** Runs a statement and gives its command tag. `alone`: no transaction is open, and none will be committed behind it. */
export async function runDdl(ddl: DdlStatement, alone: boolean): Promise<string> {
  const type = statementType(ddl.statement.tree);
  const handler = (alone ? ALONE : HANDLERS).get(type);
  const searchPath = ddl.context.execution.transaction.settings.get("search_path");
  if (createsTemporaryObject(ddl.statement.tree, searchPath)) throw refusal("temporary-object");
  if (handler !== undefined) return handler(ddl);
  // Inside a transaction block: PostgreSQL says that it cannot be.
  if (ALONE.has(type)) return ddl.onCatalog();
  if (type === "RuleStmt") throw refusal("rule");
  if (SERVER_OBJECTS.test(type)) throw refusal("server-object");
  throw refusal("definition-kind", `The statement is a ${type}.`);
}
