/**
 * Which keys hold when a table is distributed (failure mode D5): unique ones only if equal values always meet on one
 * node, foreign ones only if each row finds its counterpart on its own node. Others would be checked per shard, and are refused.
 */
import type { Distribution, Relation, Snapshot } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import type { PgError } from "../../errors/pg-error.ts";
import type { ConstraintDefinition, TableDefinition } from "./table-definition.ts";

/** Throws the refusal of the first key that would not hold. */
export function judgeKeys(table: TableDefinition, distribution: Distribution, snapshot: Snapshot): void {
  for (const constraint of table.constraints) {
    if (!constraint.enforced) continue;
    if (constraint.type === "p" || constraint.type === "u" || constraint.type === "x") {
      const what =
        constraint.type === "p"
          ? "primary key"
          : constraint.type === "u"
            ? "unique constraint"
            : "exclusion constraint";
      throwIf(judgeUnique(table, distribution, constraint.columns, `The ${what} "${constraint.name}"`));
    } else if (constraint.type === "f") throwIf(judgeForeignKey(table, distribution, constraint, snapshot));
  }
  for (const index of table.indexes) {
    if (!index.unique || index.ofConstraint) continue;
    const plain = index.columns.filter((column) => column !== null);
    throwIf(judgeUnique(table, distribution, plain, `The unique index "${index.name}"`));
  }
}

function throwIf(error: PgError | undefined): void {
  if (error !== undefined) throw error;
}

function judgeUnique(
  table: TableDefinition,
  distribution: Distribution,
  columns: readonly string[],
  what: string,
): PgError | undefined {
  if (distribution.kind === "random") return refusal("unique-random", `${what} of table "${table.name}".`);
  if (!("columns" in distribution)) return undefined;
  const missing = distribution.columns.filter((column) => !columns.includes(column));
  if (missing.length === 0) return undefined;
  const list = missing.map((column) => `"${column}"`).join(", ");
  return refusal(
    "unique-without-key",
    `${what} of table "${table.name}" lacks the distribution column${missing.length > 1 ? "s" : ""} ${list}.`,
  );
}

function judgeForeignKey(
  table: TableDefinition,
  from: Distribution,
  key: ConstraintDefinition,
  snapshot: Snapshot,
): PgError | undefined {
  const target = key.references === table.oid ? undefined : snapshot.relationsByOid.get(key.references ?? 0);
  const to = key.references === table.oid ? from : target?.distribution;
  const name = key.references === table.oid ? table.name : (target?.name ?? "?");
  const detail = `The foreign key "${key.name}" from table "${table.name}" to table "${name}".`;
  if (to === undefined) return refusal("foreign-key-elsewhere", detail);
  if (to.kind === "replicated") return undefined;
  if (from.kind === "single" && to.kind === "single")
    return from.node === to.node ? undefined : refusal("foreign-key-elsewhere", detail);
  if (!("columns" in from) || !("columns" in to) || from.colocation !== to.colocation)
    return refusal("foreign-key-elsewhere", detail);
  const matched = from.columns.every((column, i) => {
    const at = key.columns.indexOf(column);
    return at >= 0 && key.referencedColumns![at] === to.columns[i];
  });
  return matched ? undefined : refusal("foreign-key-without-key", detail);
}

/** The node where a table without a distribution of its own should lie, because the tables it refers to lie there. */
export function nodeOfReferences(table: TableDefinition, snapshot: Snapshot): string | undefined {
  const nodes = new Set<string>();
  for (const constraint of table.constraints) {
    if (constraint.type !== "f") continue;
    const to: Relation | undefined = snapshot.relationsByOid.get(constraint.references ?? 0);
    if (to?.distribution?.kind === "single") nodes.add(to.distribution.node);
  }
  return nodes.size === 1 ? [...nodes][0] : undefined;
}
