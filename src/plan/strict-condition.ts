/** Strict conditions: those that reject the row of NULLs which an outer join puts in place of a missing one. */
import type { Node } from "@pgsql/types";

/** Can the condition not be true when the columns in it are NULL? Asked only of conditions that filterSql accepts. */
export function isStrict(node: Node): boolean {
  const isColumn = (n: Node | undefined): boolean => n !== undefined && "ColumnRef" in n;
  if ("A_Expr" in node) {
    const { kind, lexpr, rexpr } = node.A_Expr;
    // NULL can pass IS DISTINCT FROM, and <> ALL ('{}').
    if (kind === "AEXPR_DISTINCT" || kind === "AEXPR_NOT_DISTINCT" || kind === "AEXPR_OP_ALL") return false;
    return isColumn(lexpr) || isColumn(rexpr);
  }
  if ("NullTest" in node) return node.NullTest.nulltesttype === "IS_NOT_NULL" && isColumn(node.NullTest.arg);
  if ("BoolExpr" in node && node.BoolExpr.boolop === "OR_EXPR")
    return (node.BoolExpr.args ?? []).every(isStrict);
  if ("BoolExpr" in node && node.BoolExpr.boolop === "AND_EXPR")
    return (node.BoolExpr.args ?? []).some(isStrict);
  return isColumn(node);
}
