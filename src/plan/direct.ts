/** Levels 1 and 2: what of the text changes when it runs on a data node, and where the one shard may be named instead of its table. */
import type { Snapshot } from "../catalog/snapshot.ts";
import type { Splice } from "../sql/statement.ts";
import { hasChildren } from "./inheritance.ts";
import { usesWholeRow } from "./needed-columns.ts";
import type { ShardName } from "./plan.ts";
import type { Occurrence, QueryTree, Unit } from "./query-tree.ts";
import { systemColumnUses, tableoidSplices } from "./system-columns.ts";
import { fieldsOf, namePlace, removeOnly } from "./table-names.ts";
import { hasSchemaHomonyms, schemaSplices, securedBehindView, viewSplices } from "./view-splices.ts";

/** Undefined: the text cannot run on a data node. */
export function directSplices(tree: QueryTree, snapshot: Snapshot): Splice[] | undefined {
  // A data node's table is a parent of its shards, where ONLY would find nothing; the user's own children are another matter.
  for (const occurrence of tree.occurrences) {
    if (occurrence.rangeVar.inh !== true && hasChildren(snapshot, occurrence.relation)) return undefined;
  }
  if (securedBehindView(tree) !== undefined) return undefined;
  return tree.units.length > 1 && hasSchemaHomonyms(tree) ? undefined : splicesOf(tree, tree.unit);
}

function splicesOf(tree: QueryTree, unit: Unit): Splice[] {
  const splices = [...tableoidSplices(tree, unit), ...schemaSplices(tree, unit, true)];
  for (const occurrence of tree.occurrences) {
    if (occurrence.block.unit !== unit || occurrence.rangeVar.inh === true || !isSharded(occurrence))
      continue;
    splices.push(...removeOnly(namePlace(unit, occurrence.block, occurrence.rangeVar)));
  }
  return [...splices, ...viewSplices(tree, unit, (inner) => splicesOf(tree, inner))];
}

function isSharded(occurrence: Occurrence): boolean {
  const kind = occurrence.relation.distribution?.kind;
  return kind === "hash" || kind === "range" || kind === "list";
}

/** Undefined where something would show that the shard is another table than its parent. */
export function shardNames(tree: QueryTree): ShardName[] | undefined {
  if (tree.units.length > 1 || systemColumnUses(tree).some((use) => use.name === "tableoid"))
    return undefined;
  if (tree.columnRefs.some(({ node }) => fieldsOf(node).length > 2)) return undefined;
  const result: ShardName[] = [];
  for (const occurrence of tree.occurrences) {
    if (!isSharded(occurrence)) continue;
    const { relation, rangeVar } = occurrence;
    // The leaves of the user's own partitions are sharded, not the table that they make up.
    const hidden =
      relation.rowSecurity ||
      relation.hasTriggers ||
      relation.kind !== "table" ||
      relation.parents.length > 0;
    if (hidden || usesWholeRow(tree, occurrence)) return undefined;
    const { start, end } = namePlace(tree.unit, occurrence.block, rangeVar);
    result.push({ start, end, relation });
  }
  return result;
}
