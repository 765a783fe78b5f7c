/**
 * References to the objects of a snapshot: how something that was made from it (a plan) names them where the snapshot itself is
 * another copy. The copy's own objects have to come back: relations and columns are told apart, and remembered, by identity.
 */
import type { Relation, Snapshot } from "./snapshot.ts";

export type MemberReference =
  | { readonly part: "relation" | "columns" | "indexes" | "distribution"; readonly oid: number }
  | { readonly part: "column"; readonly oid: number; readonly index: number };

const members = new WeakMap<Snapshot, ReadonlyMap<object, Relation>>();

/** Undefined for what is no relation of the snapshot, and no part of one. */
export function memberReference(snapshot: Snapshot, object: object): MemberReference | undefined {
  const relation = membersOf(snapshot).get(object);
  if (relation === undefined) return undefined;
  const { oid } = relation;
  if (object === relation) return { part: "relation", oid };
  if (object === relation.columns) return { part: "columns", oid };
  if (object === relation.indexes) return { part: "indexes", oid };
  if (object === relation.distribution) return { part: "distribution", oid };
  return { part: "column", oid, index: relation.columns.findIndex((column) => column === object) };
}

/** Undefined when this snapshot has no such object. */
export function referredMember(snapshot: Snapshot, reference: MemberReference): object | undefined {
  const relation = snapshot.relationsByOid.get(reference.oid);
  switch (reference.part) {
    case "relation":
      return relation;
    case "column":
      return relation?.columns[reference.index];
    case "columns":
    case "indexes":
    case "distribution":
      return relation?.[reference.part];
  }
}

/** For each object of the snapshot's relations the relation that it belongs to. Made for the first plan, used by all that follow. */
function membersOf(snapshot: Snapshot): ReadonlyMap<object, Relation> {
  let owners = members.get(snapshot) as Map<object, Relation> | undefined;
  if (owners !== undefined) return owners;
  owners = new Map();
  for (const relation of snapshot.relationsByOid.values()) {
    owners.set(relation, relation).set(relation.columns, relation).set(relation.indexes, relation);
    if (relation.distribution !== undefined) owners.set(relation.distribution, relation);
    for (const column of relation.columns) owners.set(column, relation);
  }
  members.set(snapshot, owners);
  return owners;
}
