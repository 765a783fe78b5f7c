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

/**
 * Calls that somebody else notices: how often they are made must not depend on which rows were left out beforehand. random()
 * is not one of them, nor is a function of the user's that was opened and found to write nothing, sequences apart.
 */
export function isNoticedCall(call: FuncCall, context: CallContext, usersUseSequences: boolean): boolean {
  const path = names(call.funcname) ?? [];
  const name = builtInName(path);
  if (name !== undefined && (sequenceFunctions.has(name) || writingFunctions.has(name))) return true;
  return usersUseSequences && isVolatileCall(call, context);
}

/** Is there such a call anywhere in the expression, queries inside it included? */
export function containsCall(node: Node, isMeant: (call: FuncCall) => boolean): boolean {
  let found = false;
  walk(node, (type, fields) => {
    if (type === "FuncCall" && isMeant(fields)) found = true;
    return !found;
  });
  return found;
}

/** Levels in which, or in whose expressions' queries, such a function is called. */
export function callingBlocks(tree: QueryTree, isMeant: (call: FuncCall) => boolean): ReadonlySet<Block> {
  const result = new Set<Block>();
  for (const { node, block } of tree.functionCalls) {
    if (!isMeant(node)) continue;
    for (let b = block; b !== undefined; b = b.parent) result.add(b);
  }
  return result;
}
