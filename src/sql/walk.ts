/**
 * A generic visitor over PostgreSQL's parse trees in their JSON form. Every node is an object with one key, its type:
 * { ColumnRef: { fields: […] } }; a few fields hold the inner object without the key (alias, withClause, larg of a set operation).
 */
import type { Node } from "@pgsql/types";

/** The inner object of a node. */
export type Fields = Readonly<Record<string, unknown>>;

/** Return false to stay out of the node's children. */
export type Visitor = (type: string, fields: Fields) => boolean | void;

const typeName = /^[A-Z]/;

/** Fields that hold a type's name without the key TypeName around it. */
const unwrapped: Readonly<Record<string, string>> = {
  typeName: "TypeName",
  returnType: "TypeName",
  ofTypename: "TypeName",
};

/** Visits `tree` and all below it, parents first. Without recursion on the stack of JavaScript, so depth is no matter. */
export function walk(tree: unknown, visit: Visitor): void {
  const stack: unknown[] = [tree];
  while (stack.length > 0) {
    const item = stack.pop();
    if (Array.isArray(item)) {
      for (let i = item.length - 1; i >= 0; i--) stack.push(item[i]);
      continue;
    }
    if (typeof item !== "object" || item === null) continue;
    const children: unknown[] = [];
    for (const key in item) {
      const value = (item as Fields)[key];
      if (typeof value !== "object" || value === null) continue;
      const type = typeName.test(key) ? key : unwrapped[key];
      if (type !== undefined && visit(type, value as Fields) === false) continue;
      children.push(value);
    }
    for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]);
  }
}

/** The names in a list of String nodes; undefined where another kind of node is among them (A_Star). */
export function names(list: readonly Node[] | undefined): string[] | undefined {
  const result: string[] = [];
  for (const node of list ?? []) {
    if (!("String" in node)) return undefined;
    result.push(node.String.sval ?? "");
  }
  return result;
}

const locationFields = new Set([
  "location",
  "name_location",
  "query_location",
  "rexpr_list_start",
  "rexpr_list_end",
  "list_start",
  "list_end",
  "stmt_location",
]);

/** Moves all locations of a tree by `by` bytes, in place. Locations that PostgreSQL does not know (-1) stay; 0 is left out in the JSON. */
export function shiftLocations(tree: unknown, by: number): void {
  const stack: unknown[] = [tree];
  while (stack.length > 0) {
    const item = stack.pop();
    if (typeof item !== "object" || item === null) continue;
    const fields = item as Record<string, unknown>;
    for (const key in fields) {
      const value = fields[key];
      if (typeof value === "number") {
        if (value > 0 && locationFields.has(key)) fields[key] = value + by;
      } else if (typeof value === "object") stack.push(value);
    }
  }
}
