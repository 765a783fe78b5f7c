/** VACUUM, ANALYZE, REINDEX, CLUSTER: the catalog node checks the statement over its shells, the data nodes do the work. */
import type { ClusterStmt, RangeVar, ReindexStmt, VacuumRelation, VacuumStmt } from "@pgsql/types";
import type { Relation } from "../../catalog/snapshot.ts";
import { isSharded } from "../../catalog/placement.ts";
import { keepListed, listedTables } from "../../plan/ddl/object-list.ts";
import { quoteQualified } from "../../sql/quote.ts";
import type { Splice } from "../../sql/statement.ts";
import { tableOfIndex } from "./create-index.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { isOnNode } from "./grant.ts";
import { keepEstimates } from "./table-estimates.ts";

type SplicesOf = (node: string) => readonly Splice[] | undefined;

/** ANALYZE may run inside a transaction; of VACUUM the catalog node says that it may not. */
export async function analyzeInTransaction(ddl: DdlStatement): Promise<string> {
  const splicesOf = await placesOf(ddl);
  const tag = await ddl.onCatalog();
  await ddl.onNodes(ddl.dataNodes, splicesOf);
  await keepEstimates(ddl);
  return tag;
}

export async function maintain(ddl: DdlStatement): Promise<string> {
  const splicesOf = await placesOf(ddl);
  const tag = await ddl.apart("catalog", [], true);
  await ddl.everywhere(ddl.dataNodes, async (node) => {
    const splices = splicesOf(node);
    if (splices !== undefined) await ddl.apart(node, splices, false);
  });
  await reindexShards(ddl);
  if ("VacuumStmt" in ddl.statement.tree) await ddl.inTransaction(() => keepEstimates(ddl));
  return tag;
}

/** For each node, the statement with the tables that are there. */
async function placesOf(ddl: DdlStatement): Promise<SplicesOf> {
  const tree = ddl.statement.tree as {
    VacuumStmt?: VacuumStmt;
    ReindexStmt?: ReindexStmt;
    ClusterStmt?: ClusterStmt;
  };
  if (tree.VacuumStmt !== undefined) {
    const names = (tree.VacuumStmt.rels ?? []).map(
      (node) => (node as { VacuumRelation: VacuumRelation }).VacuumRelation.relation!,
    );
    if (names.length === 0) return () => [];
    const relations = await Promise.all(names.map((name) => ddl.find(name)));
    const listed = listedTables(ddl.statement, names);
    return (node) =>
      keepListed(
        listed,
        relations.map((relation) => isOnNode(ddl, relation, node)),
      );
  }
  const name: RangeVar | undefined = tree.ReindexStmt?.relation ?? tree.ClusterStmt?.relation;
  if (name === undefined) return () => [];
  const relation: Relation | undefined =
    tree.ReindexStmt?.kind === "REINDEX_OBJECT_INDEX" ? await tableOfIndex(ddl, name) : await ddl.find(name);
  return (node) => (isOnNode(ddl, relation, node) ? [] : undefined);
}

/** REINDEX SCHEMA: shards lie in schemas of their own. */
async function reindexShards(ddl: DdlStatement): Promise<void> {
  const { ReindexStmt: reindex } = ddl.statement.tree as { ReindexStmt?: ReindexStmt };
  if (reindex?.kind !== "REINDEX_OBJECT_SCHEMA") return;
  const relations = [...ddl.before.relationsByOid.values()].filter(
    (relation) =>
      relation.schema === reindex.name &&
      relation.distribution !== undefined &&
      isSharded(relation.distribution),
  );
  await ddl.everywhere(ddl.dataNodes, async (node) => {
    for (const relation of relations)
      await ddl.sqlApart(node, [`REINDEX TABLE ${quoteQualified(relation.schema, relation.name)}`]);
  });
}
