/** Plans a statement that writes. Pure; PostgreSQL has described the statement before, so names and types are in order. */
import { pgError } from "../../errors/pg-error.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import type { PlanContext } from "../plan-read.ts";
import type { WritePlan } from "../write-plan.ts";
import { planInsert } from "./plan-insert.ts";
import { planModify } from "./plan-modify.ts";
import { hasWritingWith, planWritingWith } from "./writing-with.ts";

/** `width`: columns of an INSERT's source, for those that sourceToDescribe() asks about. */
export function planWrite(statement: ParsedStatement, context: PlanContext, width?: number): WritePlan {
  try {
    const { tree } = statement;
    if (hasWritingWith(tree)) return planWritingWith(statement, context);
    if ("InsertStmt" in tree) return planInsert(statement, tree.InsertStmt, context, width);
    return planModify(statement, context);
  } catch (error) {
    if (error instanceof RangeError && /call stack/.test(error.message))
      throw pgError("54001", "stack depth limit exceeded");
    throw error;
  }
}
