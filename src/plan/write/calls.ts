/** What the expressions of a writing statement call: asked of parts of it for which there is no plan of their own. */
import type { RangeVar } from "@pgsql/types";
import { names, walk } from "../../sql/walk.ts";
import {
  connectionFunctions,
  readsCatalogs,
  sequenceFunctions,
  writingFunctions,
} from "../built-in-functions.ts";
import { findTarget } from "../find-target.ts";
import { builtInName, isVolatileCall, type CallContext } from "../volatility.ts";

const regType =
  /^(?:reg(?:class|proc|procedure|oper|operator|type|role|namespace|config|dictionary|collation))$/;

/** Sequences, system catalogs and names of objects: only the catalog node has them. */
export function needsCatalogNode(tree: unknown): boolean {
  let needed = false;
  walk(tree, (type, fields) => {
    if (type === "FuncCall") {
      const name = builtInName(names((fields as { funcname?: never[] }).funcname) ?? []);
      needed ||=
        name !== undefined &&
        (sequenceFunctions.has(name) ||
          writingFunctions.has(name) ||
          readsCatalogs(name) ||
          connectionFunctions.has(name));
    } else if (type === "TypeName") {
      needed ||= regType.test((names((fields as { names?: never[] }).names) ?? []).at(-1) ?? "");
    }
    return !needed;
  });
  return needed;
}

export function callsVolatile(tree: unknown, context: CallContext): boolean {
  let found = false;
  walk(tree, (type, fields) => {
    if (type === "FuncCall" && isVolatileCall(fields, context)) found = true;
    return !found;
  });
  return found;
}

export function hasSubquery(tree: unknown): boolean {
  let found = false;
  walk(tree, (type) => {
    if (type === "SelectStmt") found = true;
    return !found;
  });
  return found;
}

/** Do the queries inside the expressions read replicated tables only? A name that is no table's (a CTE, a view) is not certain. */
export function readsReplicatedOnly(tree: unknown, context: CallContext): boolean {
  let only = true;
  walk(tree, (type, fields) => {
    if (type !== "RangeVar" || !only) return only;
    try {
      const found = findTarget(fields as RangeVar, context);
      only = found.kind === "table" && found.relation.distribution?.kind === "replicated";
    } catch {
      only = false;
    }
    return only;
  });
  return only;
}
