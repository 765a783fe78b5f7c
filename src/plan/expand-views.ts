/**
 * A view is planned as a subquery: its definition, as pg_get_viewdef prints it under an empty search_path (every name
 * qualified), takes the place of its name. Views exist on the catalog node only, over empty shells: their names never
 * reach a server that evaluates.
 */
import type { SelectStmt } from "@pgsql/types";
import type { Relation } from "../catalog/snapshot.ts";
import { refusal } from "../errors/refusal.ts";
import { parseStatements } from "../sql/parse.ts";

export function parseViewDefinition(view: Relation): { text: Buffer; select: SelectStmt } {
  const [statement] = parseStatements(view.viewDefinition ?? "");
  if (statement === undefined || !("SelectStmt" in statement.tree)) {
    throw refusal("unknown-relation", `View "${view.schema}.${view.name}".`);
  }
  return { text: statement.text, select: statement.tree.SelectStmt };
}
