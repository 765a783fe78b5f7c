/** CREATE TABLE: the shell on the catalog node, its distribution in the metadata, the table and its partitions on the data nodes. */
import type { CreateStmt } from "@pgsql/types";
import { isSharded } from "../../catalog/placement.ts";
import { recordDistribution } from "../../catalog/record-distribution.ts";
import type { Distribution, Relation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import { judgeKeys } from "../../plan/ddl/judge-keys.ts";
import { judgeTableExpressions } from "../../plan/ddl/judge-expressions.ts";
import { tableStatements, type TableDefinition } from "../../plan/ddl/table-definition.ts";
import { quoteLiteral, quoteQualified } from "../../sql/quote.ts";
import type { DistributionClause } from "../../sql/statement.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { distributionSpec } from "./distribution-spec.ts";
import { readTableDefinition } from "./read-table-definition.ts";
import { makeEmpty, nodesWithTable, SCHEMA_BYTES_MAX, syncPartitions } from "./table-parts.ts";

export async function createTable(ddl: DdlStatement): Promise<string> {
  const { CreateStmt: create } = ddl.statement.tree as { CreateStmt: CreateStmt };
  refuseForms(create);
  const tag = await ddl.onCatalog();
  if (ddl.skipped) return tag;
  const oid = await createdRelation(ddl, create.relation!);
  await placeTable(ddl, oid, ddl.statement.distribution);
  return tag;
}

export function refuseForms(create: CreateStmt): void {
  const what = `Table "${create.relation?.relname}".`;
  if (create.relation?.relpersistence === "t" || create.relation?.schemaname === "pg_temp")
    throw refusal("temporary-object", what);
  if (create.partspec !== undefined || create.partbound !== undefined) throw refusal("partition-by", what);
  if ((create.inhRelations ?? []).length > 0) throw refusal("inherits", what);
  if (create.tablespacename !== undefined) throw refusal("tablespace", what);
}

/** The oid of a relation that the catalog node has just created. */
export async function createdRelation(
  ddl: DdlStatement,
  name: { readonly schemaname?: string | undefined; readonly relname?: string | undefined },
): Promise<number> {
  const query = await ddl.asClient();
  const schema = name.schemaname === undefined ? "current_schema()" : quoteLiteral(name.schemaname);
  const [row] = await query(
    `SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${schema} AND c.relname = ${quoteLiteral(name.relname!)}`,
  );
  return Number(row![0]);
}

/** Decides where the rows of a new, empty table lie, and makes it there. */
export async function placeTable(
  ddl: DdlStatement,
  oid: number,
  clause: DistributionClause | undefined,
): Promise<Relation> {
  const table = await readTableDefinition(await ddl.gate("catalog"), oid);
  const wanted = await distributionSpec(ddl, clause, table);
  await recordDistribution(await ddl.gate("catalog"), table.oid, wanted.spec, wanted.colocateWith);
  const snapshot = await ddl.reload();
  const relation = snapshot.relationsByOid.get(table.oid)!;
  judgeKeys(table, relation.distribution!, snapshot);
  judgeTableExpressions(table, relation, snapshot);
  await makeOnDataNodes(ddl, table, relation.distribution!);
  return relation;
}

async function makeOnDataNodes(
  ddl: DdlStatement,
  table: TableDefinition,
  distribution: Distribution,
): Promise<void> {
  const nodes = nodesWithTable(ddl, distribution);
  const statements = tableStatements(table, distribution);
  if (!isSharded(distribution)) {
    const name = quoteQualified(table.schema, table.name);
    await ddl.derived(nodes, () => [...statements.table, ...statements.storage(name), ...statements.rest]);
    return;
  }
  if (Buffer.byteLength(table.schema) > SCHEMA_BYTES_MAX)
    throw refusal("shard-schema-name", `Schema "${table.schema}".`);
  await makeEmpty(ddl, table, distribution);
  if (statements.rest.length === 0) return;
  await ddl.derived(nodes, () => statements.rest);
  await ddl.throughGate(nodes, () => [syncPartitions(table)]);
}
