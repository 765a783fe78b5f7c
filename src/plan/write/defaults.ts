/** Column defaults: where they may be evaluated, and whether they are constants. */
import type { Node } from "@pgsql/types";
import type { KeyValue } from "../../catalog/shard-filter.ts";
import type { Column, Snapshot } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import { parseStatements } from "../../sql/parse.ts";
import { names, walk } from "../../sql/walk.ts";
import { connectionFunctions } from "../built-in-functions.ts";
import { keyConstant, NEVER, type ConstantContext } from "../constants.ts";
import { planRead } from "../plan-read.ts";
import { isTransactionTime } from "../transaction-times.ts";
import { builtInName, isVolatileCall } from "../volatility.ts";
import type { DefaultedColumn, DefaultKind } from "../write-plan.ts";
import { needsCatalogNode } from "./calls.ts";

const kinds = new WeakMap<Column, DefaultKind>();

/** Has the column another default than NULL? */
export function hasDefault(column: Column): boolean {
  return column.generated === "" && (column.identity !== "" || column.defaultExpression !== undefined);
}

/** Throws a refusal for a default that reads tables. */
export function defaulted(column: Column, snapshot: Snapshot): DefaultedColumn {
  let kind = kinds.get(column);
  if (kind === undefined) kinds.set(column, (kind = kindOf(column, snapshot)));
  return { column, kind };
}

function kindOf(column: Column, snapshot: Snapshot): DefaultKind {
  if (!hasDefault(column)) return "anywhere";
  if (column.identity !== "") return "catalog";
  const [statement] = parseStatements(`SELECT ${column.defaultExpression!}`);
  // Printed under an empty search_path: every name that is not PostgreSQL's own has its schema.
  const context = { snapshot, searchPath: [], parameterTypes: [], transformNullEquals: false };
  if (planRead(statement!, context).kind === "read")
    throw refusal("expression-reads-table", `Column "${column.name}".`);
  const { tree } = statement!;
  if (needsCatalogNode(tree)) return "catalog";
  let kind: DefaultKind = "anywhere";
  walk(tree, (type, fields) => {
    if (type === "FuncCall") {
      const path = names((fields as { funcname?: Node[] }).funcname) ?? [];
      const name = builtInName(path);
      if (isVolatileCall(fields, context) || (name !== undefined && connectionFunctions.has(name)))
        kind = "volatile";
      else if (isTransactionTime(path) && kind === "anywhere") kind = "time";
    } else if (type === "SQLValueFunction" && kind === "anywhere" && isTime(fields)) kind = "time";
    return true;
  });
  return kind;
}

function isTime(fields: object): boolean {
  const { op } = fields as { op?: string };
  return (
    op !== undefined &&
    (op.startsWith("SVFOP_CURRENT_DATE") ||
      op.startsWith("SVFOP_CURRENT_TIME") ||
      op.startsWith("SVFOP_LOCALTIME"))
  );
}

/**
 * The value that a column gets from a constant or parameter, in the form that its type reads. Unlike in a comparison, 7.5 for
 * an integer column is rounded: that is PostgreSQL's to do, so it is not known here.
 */
export function insertedKey(
  node: Node | undefined,
  column: Column,
  context: ConstantContext,
): KeyValue | undefined {
  if (node === undefined) return undefined;
  const constant = "TypeCast" in node ? node.TypeCast.arg : node;
  if (constant !== undefined && "A_Const" in constant && constant.A_Const.isnull === true)
    return { from: "literal", text: null };
  const key = keyConstant(node, column, { ...context, transformNullEquals: false });
  return key === NEVER ? undefined : key;
}
