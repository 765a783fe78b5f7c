/** TRUNCATE: rights, foreign keys and sequences on the catalog node, the rows on the data nodes. */
import type { RangeVar, TruncateStmt } from "@pgsql/types";
import type { Relation } from "../../catalog/snapshot.ts";
import { quoteQualified } from "../../sql/quote.ts";
import { nodesWithTable } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";

export async function truncate(ddl: DdlStatement): Promise<string> {
  const { TruncateStmt: statement } = ddl.statement.tree as { TruncateStmt: TruncateStmt };
  const relations: Relation[] = [];
  for (const node of statement.relations ?? []) {
    const relation = await ddl.find((node as { RangeVar: RangeVar }).RangeVar);
    if (relation?.distribution !== undefined) relations.push(relation);
  }
  const tag = await ddl.onCatalog();
  const cascade = statement.behavior === "DROP_CASCADE" ? " CASCADE" : "";
  await ddl.derived(ddl.dataNodes, (node) => {
    const here = relations.filter((relation) => nodesWithTable(ddl, relation.distribution!).includes(node));
    if (here.length === 0) return [];
    return [
      `TRUNCATE TABLE ${here.map((relation) => quoteQualified(relation.schema, relation.name)).join(", ")}${cascade}`,
    ];
  });
  return tag;
}
