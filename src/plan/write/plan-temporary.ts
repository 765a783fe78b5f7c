/** INSERT, UPDATE, DELETE and MERGE of temporary tables: those that concern nothing else run where the tables are, as they are written. */
import type { Node, RangeVar, SelectStmt } from "@pgsql/types";
import { findRelation } from "../../catalog/snapshot.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import type { CatalogPlan } from "../plan.ts";
import { planRead, type PlanContext } from "../plan-read.ts";
import { isTemporary } from "../temporary.ts";
import { refusal } from "../../errors/refusal.ts";
import { names, walk } from "../../sql/walk.ts";
import { routinesNamed } from "../volatility.ts";
import { hasWritingWith } from "./writing-with.ts";
import { deleteAsSelect, insertAsSelect, mergeAsSelect, updateAsSelect } from "./as-select.ts";

interface Parts {
  readonly target: RangeVar;
  readonly select: SelectStmt;
}

/** Undefined for statements that write or read a user's table. */
export function planTemporaryWrite(
  statement: ParsedStatement,
  context: PlanContext,
): CatalogPlan | undefined {
  if (hasWritingWith(statement.tree)) return planWritingWithTemporary(statement, context);
  const parts = partsOf(statement);
  if (parts === undefined) return undefined;
  const { schemaname, relname } = parts.target;
  const relation = findRelation(context.snapshot, context.searchPath, schemaname, relname ?? "");
  if (relation === undefined || !isTemporary(relation)) return undefined;
  const plan = planRead({ ...statement, tree: { SelectStmt: parts.select } }, context);
  return plan.kind === "catalog" ? { ...plan, statement, writes: true } : undefined;
}

function partsOf({ tree }: ParsedStatement): Parts | undefined {
  if ("InsertStmt" in tree) {
    const target = tree.InsertStmt.relation!;
    return { target, select: insertAsSelect(tree.InsertStmt, target) };
  }
  if ("UpdateStmt" in tree) {
    const target = tree.UpdateStmt.relation!;
    return { target, select: updateAsSelect(tree.UpdateStmt, target) };
  }
  if ("DeleteStmt" in tree) {
    const target = tree.DeleteStmt.relation!;
    return { target, select: deleteAsSelect(tree.DeleteStmt, target) };
  }
  if (!("MergeStmt" in tree)) return undefined;
  const target = tree.MergeStmt.relation!;
  return { target, select: mergeAsSelect(tree.MergeStmt, target) };
}

/** WITH that writes: all its parts see one moment, which only one server gives them. So either all of its tables are temporary, or none. */
function planWritingWithTemporary(statement: ParsedStatement, context: PlanContext): CatalogPlan | undefined {
  const entries = new Set<string>();
  walk(statement.tree, (type, fields) => {
    if (type === "CommonTableExpr") entries.add(String(fields["ctename"]));
  });
  let some = false;
  let others = false;
  const stack: unknown[] = [statement.tree];
  while (stack.length > 0) {
    const item = stack.pop();
    if (typeof item !== "object" || item === null) continue;
    const { relname, schemaname } = item as RangeVar;
    if (relname !== undefined) {
      const relation = findRelation(context.snapshot, context.searchPath, schemaname, relname);
      if (relation !== undefined && isTemporary(relation) && relation.kind !== "view") some = true;
      else if (schemaname !== undefined || !entries.has(relname)) others = true;
    }
    const { funcname } = item as { funcname?: readonly Node[] };
    if (funcname !== undefined) others ||= routinesNamed(names(funcname) ?? [], context).length > 0;
    stack.push(...(Object.values(item) as unknown[]));
  }
  if (!some) return undefined;
  if (others)
    throw refusal("temporary-object", "It is changed in a WITH beside other tables, views or functions.");
  return {
    kind: "catalog",
    statement,
    usesSequences: false,
    readsLastValues: false,
    writes: true,
    settingCalls: [],
  };
}
