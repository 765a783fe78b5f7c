/** What a relation's name in FROM stands for. The statement was described by PostgreSQL, so the name exists somewhere. */
import type { RangeVar } from "@pgsql/types";
import { findRelation, type Relation, type Snapshot } from "../catalog/snapshot.ts";
import { pgError, type PgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";

export type Target =
  | { readonly kind: "table"; readonly relation: Relation }
  | { readonly kind: "view"; readonly relation: Relation }
  /** Only the catalog node knows it, and there it holds what it shall hold: system catalogs, sequences, Pleiad's metadata. */
  | { readonly kind: "catalog" };

const catalogSchemas = new Set(["pg_catalog", "information_schema", "pg_toast", "pleiad"]);

export function findTarget(
  rangeVar: RangeVar,
  context: { snapshot: Snapshot; searchPath: readonly string[] },
): Target {
  const name = rangeVar.relname ?? "";
  const schema = rangeVar.schemaname;
  if (schema !== undefined && catalogSchemas.has(schema)) return { kind: "catalog" };
  const relation = findRelation(context.snapshot, context.searchPath, schema, name);
  if (relation === undefined) {
    // pg_catalog is searched before the search path; a user's relation may be called pg_… too, but then it was found above
    // only if it is not hidden, and a hidden one is not meant.
    const mayBeCatalogs =
      schema === undefined &&
      (name.startsWith("pg_") || context.searchPath.some((s) => catalogSchemas.has(s)));
    if (mayBeCatalogs) return { kind: "catalog" };
    throw refusal("unknown-relation", `Relation "${schema === undefined ? name : `${schema}.${name}`}".`);
  }
  switch (relation.kind) {
    case "view":
      return { kind: "view", relation };
    case "sequence":
      return { kind: "catalog" };
    case "materialized view":
      if (!relation.populated) throw unpopulated(relation);
      if (relation.distribution !== undefined) return { kind: "table", relation };
      throw refusal("unknown-relation", `Relation "${relation.schema}.${relation.name}".`);
    case "table":
    case "partitioned table":
      if (relation.distribution !== undefined) return { kind: "table", relation };
      if (catalogSchemas.has(relation.schema)) return { kind: "catalog" };
      throw refusal("unknown-relation", `Relation "${relation.schema}.${relation.name}".`);
    case "foreign table":
      throw refusal("unknown-relation", `Relation "${relation.schema}.${relation.name}".`);
    default:
      throw refusal("unknown-relation", `Relation "${relation.schema}.${relation.name}".`);
  }
}

/** The catalog node would say so when it runs the statement; it only describes it. */
function unpopulated({ name }: Relation): PgError {
  return pgError("55000", `materialized view "${name}" has not been populated`, {
    hint: "Use the REFRESH MATERIALIZED VIEW command.",
  });
}
