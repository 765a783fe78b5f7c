/** tableoid, ctid, xmin …: columns that every table has, and that mean something else, or nothing, on other servers. */
import type { ColumnRef } from "@pgsql/types";
import type { Snapshot } from "../catalog/snapshot.ts";
import type { PgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import type { Splice } from "../sql/statement.ts";
import { nextToken } from "../sql/tokens.ts";
import { systemColumns } from "./needed-columns.ts";
import { hasChildren } from "./inheritance.ts";
import type { TableUse } from "./plan.ts";
import type { Block, Found, Occurrence, QueryTree, Unit } from "./query-tree.ts";
import { columnsOfItem } from "./resolve-column.ts";
import { fieldsOf } from "./table-names.ts";

export interface SystemColumnUse {
  readonly name: string;
  readonly found: Found<ColumnRef>;
  /** Undefined: not certain whose. */
  readonly occurrence: Occurrence | undefined;
}

/** Uses of user tables' system columns. */
export function systemColumnUses(tree: QueryTree): SystemColumnUse[] {
  return tree.columnRefs.flatMap((found) => {
    const fields = fieldsOf(found.node);
    const name = fields.at(-1)!;
    if (!systemColumns.has(name)) return [];
    const owner = ownerOf(fields, name, found.block);
    return owner === "not a table's" ? [] : [{ name, found, occurrence: owner }];
  });
}

function ownerOf(
  fields: readonly string[],
  name: string,
  block: Block | undefined,
): Occurrence | "not a table's" | undefined {
  for (let b = block; b !== undefined; b = b.parent) {
    const candidates = fields.length > 1 ? b.items.filter((i) => i.alias === fields.at(-2)) : b.items;
    // A subquery or CTE has such a column only if it says so.
    const shown = candidates.filter((i) => (columnsOfItem(i) ?? []).some((c) => c.name === name));
    if (shown.length > 0) return "not a table's";
    const tables = candidates.filter((i) => i.kind === "table" || i.kind === "catalog relation");
    if (tables.length === 1) return tables[0]!.kind === "table" ? tables[0] : "not a table's";
    if (tables.length > 1) return undefined;
    if (fields.length > 1 && candidates.length > 0)
      return candidates.every((i) => i.kind === "function") ? "not a table's" : undefined;
  }
  return undefined;
}

/**
 * tableoid becomes the table's OID on the catalog node. As a subquery it keeps its name in select lists:
 * SELECT q.tableoid FROM (SELECT tableoid FROM orders) q.
 */
export function tableoidSplices(tree: QueryTree, unit: Unit): Splice[] {
  return systemColumnUses(tree).flatMap(({ name, found, occurrence }) => {
    if (name !== "tableoid" || occurrence === undefined || found.unit !== unit) return [];
    const start = found.node.location ?? 0;
    let end = start;
    for (let part = 0; part < fieldsOf(found.node).length * 2 - 1; part++)
      end = nextToken(unit.text, end)?.end ?? end;
    return [{ start, end, text: `(SELECT ${occurrence.relation.oid}::pg_catalog.oid AS tableoid)` }];
  });
}

/**
 * ctid and xmin mean something where all rows come from one table of one server. Undefined: no objection; otherwise the
 * refusal for the levels at which rows of several would meet.
 */
export function checkSystemColumns(
  tree: QueryTree,
  uses: readonly TableUse[],
  snapshot: Snapshot,
): PgError | undefined {
  const found = systemColumnUses(tree);
  if (found.length === 0) return undefined;
  for (const { name, occurrence } of found) {
    if (occurrence === undefined) throw refusal("system-columns", `Column ${name}.`);
    if (name === "tableoid" && hasChildren(snapshot, occurrence.relation)) throw refusal("inherits");
  }
  const physical = found.filter((use) => use.name !== "tableoid");
  if (physical.length === 0) return undefined;
  const objection = refusal("system-columns", `Column ${physical[0]!.name}.`);
  for (const { relation, filter } of uses) {
    const onePlace =
      relation.distribution?.kind === "single" || (filter.kind === "points" && filter.tuples.length === 1);
    if (!onePlace) throw objection;
  }
  return objection;
}
