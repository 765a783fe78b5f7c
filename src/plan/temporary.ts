/**
 * Temporary tables in plans. In the snapshot of a session that has some they are relations of the schema pg_temp, whose rows
 * lie on the catalog node: what concerns nothing else runs there, over the session's own connection, as the client wrote it;
 * together with users' tables they are shipped like any other table.
 */
import type { Relation, Snapshot } from "../catalog/snapshot.ts";
import { refusal } from "../errors/refusal.ts";
import type { CatalogUse } from "./catalog-use.ts";
import type { OpenedFunctions } from "./open-functions.ts";
import type { QueryTree } from "./query-tree.ts";

/** The schema of temporary relations, as statements may write it. */
export const TEMPORARY_SCHEMA = "pg_temp";

export function isTemporary(relation: Relation): boolean {
  return relation.persistence === "temporary";
}

/** Which of the tables that a statement reads are temporary. Throws a refusal where the catalog node's own names are asked for beside them. */
export function temporaryReads(
  text: Buffer,
  tree: QueryTree,
  functions: OpenedFunctions,
  catalog: CatalogUse,
  snapshot: Snapshot,
): "none" | "some" | "all" {
  const relations = [...tree.occurrences.map((o) => o.relation), ...functions.reads];
  const some = relations.some(isTemporary);
  if (some && relations.every(isTemporary)) return "all";
  if (catalog.needed && (some || namesTemporary(text, snapshot))) throw refusal("temporary-with-catalogs");
  return some ? "some" : "none";
}

/** Any name in the text might be that of a temporary object: 't'::regclass, nextval('s'). */
function namesTemporary(text: Buffer, snapshot: Snapshot): boolean {
  let written: string | undefined;
  for (const relation of snapshot.relations.values()) {
    if (!isTemporary(relation)) continue;
    written ??= text.toString("utf8").toLowerCase();
    if (written.includes(relation.name.toLowerCase())) return true;
  }
  return false;
}
