/** What kind of statement a tree is: a cheap look at its top, before anything is planned. */
import type { Node } from "@pgsql/types";
import type { Fields } from "../sql/walk.ts";

export type StatementClass =
  /** SELECT, VALUES, TABLE without writing parts: planRead. */
  | "read"
  /** INSERT, UPDATE, DELETE, MERGE, and WITH that holds one of them. */
  | "write"
  /** SELECT … INTO, CREATE TABLE AS. */
  | "create as"
  /** CREATE, ALTER, DROP, COMMENT, GRANT, TRUNCATE …: changes what the catalog node knows, or all rows. */
  | "ddl"
  | "transaction"
  | "copy"
  | "explain"
  /** SET, SHOW, RESET, DISCARD. */
  | "setting"
  | "prepare"
  /** DECLARE, FETCH, MOVE, CLOSE. */
  | "cursor"
  | "call"
  | "do"
  /** LISTEN, NOTIFY, LOCK, VACUUM, CHECKPOINT, LOAD …, each by its own name. */
  | "utility";

const classes: Readonly<Record<string, StatementClass>> = {
  InsertStmt: "write",
  UpdateStmt: "write",
  DeleteStmt: "write",
  MergeStmt: "write",
  CreateTableAsStmt: "create as",
  TransactionStmt: "transaction",
  CopyStmt: "copy",
  ExplainStmt: "explain",
  VariableSetStmt: "setting",
  VariableShowStmt: "setting",
  DiscardStmt: "setting",
  ConstraintsSetStmt: "setting",
  PrepareStmt: "prepare",
  ExecuteStmt: "prepare",
  DeallocateStmt: "prepare",
  DeclareCursorStmt: "cursor",
  FetchStmt: "cursor",
  ClosePortalStmt: "cursor",
  CallStmt: "call",
  DoStmt: "do",
  ListenStmt: "utility",
  UnlistenStmt: "utility",
  NotifyStmt: "utility",
  LockStmt: "utility",
  VacuumStmt: "utility",
  CheckPointStmt: "utility",
  LoadStmt: "utility",
  ReindexStmt: "utility",
  ClusterStmt: "utility",
  AlterSystemStmt: "utility",
  CreatedbStmt: "ddl",
  DropdbStmt: "ddl",
};

/** The class of a statement's node. Node types that are not listed are definitions: "ddl". */
export function classify(tree: Node): StatementClass {
  const type = statementType(tree);
  if (type !== "SelectStmt") return classes[type] ?? "ddl";
  const select = (tree as { SelectStmt: Fields }).SelectStmt;
  if (hasInto(select)) return "create as";
  return writesInWith(select) ? "write" : "read";
}

/** The one key of a statement's node: "SelectStmt", "CreateStmt" … */
export function statementType(tree: Node): string {
  return Object.keys(tree)[0] ?? "";
}

function hasInto(select: Fields): boolean {
  // In SELECT … INTO … UNION SELECT … the clause hangs on the leftmost arm.
  for (let s: Fields | undefined = select; s !== undefined; s = s["larg"] as Fields | undefined) {
    if (s["intoClause"] !== undefined) return true;
  }
  return false;
}

/** PostgreSQL allows writing parts only in the outermost WITH. */
function writesInWith(select: Fields): boolean {
  const withClause = select["withClause"] as
    | { ctes?: { CommonTableExpr?: { ctequery?: Node } }[] }
    | undefined;
  return (withClause?.ctes ?? []).some((cte) => {
    const query = cte.CommonTableExpr?.ctequery;
    return query !== undefined && classes[statementType(query)] === "write";
  });
}
