/** Parents and children by the user's own PARTITION BY or INHERITS. */
import type { Relation, Snapshot } from "../catalog/snapshot.ts";

/** Does another table inherit from this one, or is it a partition of it? */
export function hasChildren(snapshot: Snapshot, relation: Relation): boolean {
  for (const other of snapshot.relations.values()) if (other.parents.includes(relation.oid)) return true;
  return false;
}
