/** What a statement's function calls are: volatile, aggregate, set-returning; built-in by name, user-defined by the catalog. */
import type { FuncCall, Node } from "@pgsql/types";
import { relationKey, type Routine, type Snapshot } from "../catalog/snapshot.ts";
import { names, walk } from "../sql/walk.ts";
import {
  aggregates,
  sequenceFunctions,
  setReturningFunctions,
  volatileFunctions,
  writingFunctions,
} from "./built-in-functions.ts";
import type { Block, QueryTree } from "./query-tree.ts";

export interface CallContext {
  readonly snapshot: Snapshot;
  readonly searchPath: readonly string[];
}

/** All user-defined routines that a name may mean, whatever their arguments. */
export function routinesNamed(path: readonly string[], context: CallContext): readonly Routine[] {
  const name = path.at(-1) ?? "";
  if (path.length > 1) return context.snapshot.routines.get(relationKey(path.at(-2)!, name)) ?? [];
  return context.searchPath.flatMap(
    (schema) => context.snapshot.routines.get(relationKey(schema, name)) ?? [],
  );
}

/** The name when PostgreSQL's own function may be meant. */
export function builtInName(path: readonly string[]): string | undefined {
  return path.length === 1 || (path.length === 2 && path[0] === "pg_catalog") ? path.at(-1) : undefined;
}

export function isVolatileCall(call: FuncCall, context: CallContext): boolean {
  const path = names(call.funcname) ?? [];
  const name = builtInName(path);
  if (
    name !== undefined &&
    (volatileFunctions.has(name) || sequenceFunctions.has(name) || writingFunctions.has(name))
  )
    return true;
  return routinesNamed(path, context).some((r) => r.volatility === "volatile" && r.kind !== "aggregate");
}

export function isAggregateCall(call: FuncCall, context: CallContext): boolean {
  const path = names(call.funcname) ?? [];
  const name = builtInName(path);
  return (
    (name !== undefined && aggregates.has(name)) ||
    routinesNamed(path, context).some((r) => r.kind === "aggregate")
  );
}

export function isSetReturningCall(call: FuncCall, context: CallContext): boolean {
  const path = names(call.funcname) ?? [];
  const name = builtInName(path);
  return (
    (name !== undefined && setReturningFunctions.has(name)) ||
    routinesNamed(path, context).some((r) => r.returnsSet)
  );
}

/** Is there a volatile call anywhere in the expression, queries inside it included? */
export function containsVolatile(node: Node, context: CallContext): boolean {
  let found = false;
  walk(node, (type, fields) => {
    if (type === "FuncCall" && isVolatileCall(fields, context)) found = true;
    return !found;
  });
  return found;
}

/** Levels in which, or in whose expressions' queries, a volatile function is called. */
export function volatileBlocks(tree: QueryTree, context: CallContext): ReadonlySet<Block> {
  const result = new Set<Block>();
  for (const { node, block } of tree.functionCalls) {
    if (!isVolatileCall(node, context)) continue;
    for (let b = block; b !== undefined; b = b.parent) result.add(b);
  }
  return result;
}
