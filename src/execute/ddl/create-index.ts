/** CREATE INDEX: PostgreSQL chooses its name on the catalog node; the data nodes get the definition as it was read there. */
import type { IndexStmt } from "@pgsql/types";
import { findRelation, type Relation } from "../../catalog/snapshot.ts";
import { isSharded } from "../../catalog/placement.ts";
import { pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { judgeKeys } from "../../plan/ddl/judge-keys.ts";
import { judgeTableExpressions } from "../../plan/ddl/judge-expressions.ts";
import type { IndexDefinition, TableDefinition } from "../../plan/ddl/table-definition.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import { nodesWithTable, syncPartitions } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { readTableDefinition } from "./read-table-definition.ts";

export async function createIndex(ddl: DdlStatement): Promise<string> {
  const { IndexStmt: create } = ddl.statement.tree as { IndexStmt: IndexStmt };
  if (create.tableSpace !== undefined) throw refusal("tablespace");
  const relation = await ddl.find(create.relation ?? {});
  const gate = await ddl.gate("catalog");
  const known =
    relation?.distribution === undefined ? [] : (await readTableDefinition(gate, relation.oid)).indexes;
  const tag = await ddl.onCatalog();
  if (relation?.distribution === undefined || ddl.skipped) return tag;
  const table = await readTableDefinition(gate, relation.oid);
  if (create.unique === true) await reportDuplicates(ddl, relation, table, known);
  const index = judgeNewIndex(ddl, relation, table, known);
  await ddl.changed();
  const nodes = nodesWithTable(ddl, relation.distribution);
  await ddl.derived(nodes, () => [index.definition]);
  if (isSharded(relation.distribution)) await ddl.throughGate(nodes, () => [syncPartitions(relation)]);
  return tag;
}

/** The index that was not known before; throws when it cannot hold on shards. */
export function judgeNewIndex(
  ddl: DdlStatement,
  relation: Relation,
  table: TableDefinition,
  known: readonly IndexDefinition[],
): IndexDefinition {
  const index = newIndex(table, known);
  const only = { ...table, columns: [], constraints: [], indexes: [index] };
  judgeKeys(only, relation.distribution!, ddl.before);
  judgeTableExpressions(only, relation, ddl.before);
  return index;
}

/** A unique index that no PostgreSQL could build: that is said first, not that Pleiad could not keep it unique. */
async function reportDuplicates(
  ddl: DdlStatement,
  relation: Relation,
  table: TableDefinition,
  known: readonly IndexDefinition[],
): Promise<void> {
  const index = newIndex(table, known);
  const distribution = relation.distribution!;
  const columns = index.columns.filter((column) => column !== null);
  if (
    index.expressions.length > 0 ||
    !isSharded(distribution) ||
    distribution.columns.every((c) => columns.includes(c))
  )
    return;
  const list = columns.map(quoteIdentifier);
  const present = list.map((column) => `${column} IS NOT NULL`).join(" AND ");
  const name = quoteQualified(relation.schema, relation.name);
  await ddl.everywhere(nodesWithTable(ddl, distribution), async (node) => {
    const [twice] = await (
      await ddl.asClient(node)
    )(
      `SELECT concat_ws(', ', ${list.join(", ")}) FROM ${name} WHERE ${present} GROUP BY ${list.join(", ")} HAVING count(*) > 1 LIMIT 1`,
    );
    if (twice === undefined) return;
    throw pgError("23505", `could not create unique index "${index.name}"`, {
      detail: `Key (${list.join(", ")})=(${twice[0]}) is duplicated.`,
      schema: relation.schema,
      table: relation.name,
      constraint: index.name,
    });
  });
}

function newIndex(table: TableDefinition, known: readonly IndexDefinition[]): IndexDefinition {
  return table.indexes.find((candidate) => known.every((k) => k.oid !== candidate.oid))!;
}

/** The table that an index belongs to. */
export async function tableOfIndex(
  ddl: DdlStatement,
  name: { readonly schemaname?: string; readonly relname?: string },
): Promise<Relation | undefined> {
  const schemas = name.schemaname === undefined ? await ddl.context.searchPath() : [name.schemaname];
  for (const schema of schemas) {
    for (const relation of ddl.before.relationsByOid.values())
      if (relation.schema === schema && relation.indexes.some((index) => index.name === name.relname))
        return relation;
    if (findRelation(ddl.before, [schema], undefined, name.relname ?? "") !== undefined) return undefined;
  }
  return undefined;
}
