/**
 * What a statement reads through views. PostgreSQL resolves a view's definition once, when it is made, and lets whoever may read
 * the view read what lies behind it; in the view's place its definition would ask for the client's own rights on all of that.
 */
import type { Node } from "@pgsql/types";
import type { Relation, Snapshot } from "../catalog/snapshot.ts";
import { names } from "../sql/walk.ts";
import type { QueryTree, Unit } from "./query-tree.ts";

export interface ViewReads {
  /** Tables that stand in definitions of views. */
  readonly relations: readonly Relation[];
  /** User schemas that the definitions name, and those of the tables' columns' types: who reads anew what is written there must be allowed to look into them. */
  readonly schemas: readonly string[];
}

/** Undefined when the statement names no view. */
export function viewReads(tree: QueryTree, snapshot: Snapshot): ViewReads | undefined {
  if (tree.units.length === 1) return undefined;
  const relations = relationsBehindViews(tree);
  const schemas = new Set<string>();
  const note = ({ unit }: { readonly unit: Unit }, list: readonly Node[] | undefined): void => {
    const path = names(list) ?? [];
    if (unit.view !== undefined && path.length > 1) schemas.add(path.at(-2)!);
  };
  for (const found of tree.functionCalls) note(found, found.node.funcname);
  for (const found of tree.typeNames) note(found, found.node.names);
  for (const found of tree.operators) note(found, found.node.name);
  for (const { typeOid } of [...relations].flatMap(({ columns }) => columns)) {
    const type = snapshot.userTypes.get(typeOid);
    if (type !== undefined) schemas.add(type.schema);
  }
  return {
    relations: [...relations],
    schemas: [...schemas].filter((schema) => snapshot.schemas.has(schema)),
  };
}

export function relationsBehindViews(tree: QueryTree): ReadonlySet<Relation> {
  return new Set(
    tree.occurrences.filter(({ block }) => block.unit.view !== undefined).map(({ relation }) => relation),
  );
}
