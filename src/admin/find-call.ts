/** Recognises SELECT create_distributed_table(…) and its like: one call, and nothing else, at the top of a statement. */
import type { FuncCall, ResTarget, SelectStmt } from "@pgsql/types";
import { isAdminFunction, type AdminFunction } from "../catalog/install-admin-functions.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import { endOfName } from "../plan/ddl/table-head.ts";
import { names } from "../sql/walk.ts";

export interface AdminCall {
  readonly name: AdminFunction;
  /** Byte range of the function's name. */
  readonly start: number;
  readonly end: number;
}

/** Clauses that a bare SELECT f(…) does not have. */
const CLAUSES = [
  "fromClause",
  "whereClause",
  "groupClause",
  "havingClause",
  "windowClause",
  "sortClause",
  "limitCount",
  "limitOffset",
  "withClause",
  "lockingClause",
  "valuesLists",
  "larg",
  "intoClause",
  "distinctClause",
] as const satisfies readonly (keyof SelectStmt)[];

export function findAdminCall(statement: ParsedStatement): AdminCall | undefined {
  const { SelectStmt: select } = statement.tree as { SelectStmt?: SelectStmt };
  if (
    select === undefined ||
    select.targetList?.length !== 1 ||
    CLAUSES.some((clause) => select[clause] !== undefined)
  )
    return undefined;
  const { ResTarget: target } = select.targetList[0] as { ResTarget: ResTarget };
  const { FuncCall: call } = (target.val ?? {}) as { FuncCall?: FuncCall };
  const path = names(call?.funcname) ?? [];
  const name = path.at(-1) ?? "";
  if (call === undefined || !isAdminFunction(name)) return undefined;
  if (path.length > 1 && path[0] !== "pg_catalog" && path[0] !== "pleiad") return undefined;
  const start = call.location ?? 0;
  return { name, start, end: endOfName(statement.text, start) };
}
