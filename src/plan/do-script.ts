/**
 * DO blocks that are no more than statements in a row, with IF and EXCEPTION around them, as migrations write them (`DO $$ BEGIN
 * CREATE TYPE … EXCEPTION WHEN duplicate_object THEN NULL; END $$`): each statement can be run as if the client had sent it. Read with
 * PostgreSQL's own parser of PL/pgSQL; whatever has a variable, a loop or a result to be kept is not understood here.
 */
import { parsePlPgSQLSync } from "libpg-query";
import { parseStatements } from "../sql/parse.ts";
import { quoteLiteral } from "../sql/quote.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import { names, walk } from "../sql/walk.ts";
import { classify } from "./classify.ts";
import { conditionCode } from "./condition-codes.ts";

export type ScriptStep =
  | {
      readonly kind: "sql";
      readonly what: "SQL statement" | "PERFORM";
      readonly line: number;
      readonly sql: string;
    }
  | {
      readonly kind: "if";
      readonly branches: readonly {
        readonly line: number;
        readonly condition: string;
        readonly steps: readonly ScriptStep[];
      }[];
      readonly otherwise: readonly ScriptStep[];
    }
  | {
      readonly kind: "block";
      readonly steps: readonly ScriptStep[];
      readonly handlers: readonly ScriptHandler[];
    };

export interface ScriptHandler {
  /** SQLSTATEs; "others" for nearly all. */
  readonly codes: ReadonlySet<string>;
  readonly steps: readonly ScriptStep[];
}

/** A part of the tree of PL/pgSQL: one key that says what it is. */
type Part = Readonly<Record<string, PartFields>>;

interface PartFields {
  readonly lineno?: number;
  readonly body?: readonly Part[];
  readonly sqlstmt?: Part;
  readonly expr?: Part;
  readonly cond?: Part;
  readonly into?: boolean;
  readonly then_body?: readonly Part[];
  readonly elsif_list?: readonly Part[];
  readonly else_body?: readonly Part[];
  readonly stmts?: readonly Part[];
  readonly exceptions?: Part;
  readonly exc_list?: readonly Part[];
  readonly conditions?: readonly Part[];
  readonly action?: readonly Part[];
  readonly condname?: string;
  readonly query?: string;
  readonly refname?: string;
}

interface ParsedFunction {
  readonly plpgsql_funcs?: readonly {
    readonly PLpgSQL_function?: { readonly datums?: readonly Part[]; readonly action?: Part };
  }[];
}

/** What every body has without declaring it. */
const GIVEN: ReadonlySet<string> = new Set(["found", "sqlstate", "sqlerrm"]);

/** Thrown, and caught here, at the first thing that is not understood. */
class NotUnderstood extends Error {}

/** undefined: the block is more than a script, or not PL/pgSQL at all. */
export function readScript(body: string): readonly ScriptStep[] | undefined {
  let parsed: ParsedFunction;
  try {
    parsed = parsePlPgSQLSync(
      `CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS ${quoteLiteral(body)}`,
    ) as ParsedFunction;
  } catch {
    return undefined;
  }
  const parts = parsed.plpgsql_funcs?.[0]?.PLpgSQL_function;
  const declared = parts?.datums?.some((datum) => !GIVEN.has(datum["PLpgSQL_var"]?.refname ?? "")) ?? true;
  if (parts?.action === undefined || declared) return undefined;
  try {
    return stepsOf([parts.action]);
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

function stepsOf(parts: readonly Part[] | undefined): readonly ScriptStep[] {
  return (parts ?? []).flatMap((part) => stepOf(part));
}

function stepOf(part: Part): readonly ScriptStep[] {
  const [[type, fields]] = Object.entries(part) as [[string, PartFields]];
  const line = fields.lineno ?? 0;
  switch (type) {
    case "PLpgSQL_stmt_block":
      return [
        {
          kind: "block",
          steps: stepsOf(fields.body),
          handlers: (fields.exceptions?.["PLpgSQL_exception_block"]?.exc_list ?? []).map(handlerOf),
        },
      ];
    case "PLpgSQL_stmt_execsql": {
      const sql = queryOf(fields.sqlstmt);
      if (fields.into === true || !isPlainStatement(sql)) throw new NotUnderstood();
      return [{ kind: "sql", what: "SQL statement", line, sql }];
    }
    case "PLpgSQL_stmt_perform": {
      const sql = queryOf(fields.expr);
      if (classify(only(sql).tree) !== "read") throw new NotUnderstood();
      return [{ kind: "sql", what: "PERFORM", line, sql }];
    }
    case "PLpgSQL_stmt_if":
      return [
        {
          kind: "if",
          branches: [
            { line, condition: conditionOf(fields.cond), steps: stepsOf(fields.then_body) },
            ...(fields.elsif_list ?? []).map((branch) => {
              const { lineno = 0, cond, stmts } = branch["PLpgSQL_if_elsif"] ?? {};
              return { line: lineno, condition: conditionOf(cond), steps: stepsOf(stmts) };
            }),
          ],
          otherwise: stepsOf(fields.else_body),
        },
      ];
    case "PLpgSQL_stmt_return":
      // The one that the parser adds at the end has no line.
      if (fields.lineno === undefined) return [];
      throw new NotUnderstood();
    default:
      throw new NotUnderstood();
  }
}

function handlerOf(part: Part): ScriptHandler {
  const { conditions, action } = part["PLpgSQL_exception"] ?? {};
  const codes = (conditions ?? []).map((condition) => {
    const code = conditionCode(condition["PLpgSQL_condition"]?.condname ?? "");
    if (code === undefined) throw new NotUnderstood();
    return code;
  });
  return { codes: new Set(codes), steps: stepsOf(action) };
}

function queryOf(part: Part | undefined): string {
  const query = part?.["PLpgSQL_expr"]?.query;
  if (query === undefined) throw new NotUnderstood();
  return query;
}

function conditionOf(part: Part | undefined): string {
  const condition = queryOf(part);
  if (classify(only(`SELECT ${condition}`).tree) !== "read") throw new NotUnderstood();
  return condition;
}

/** One statement that speaks of nothing that only the block knows. */
function only(sql: string): ParsedStatement {
  const statements = parseStatements(sql);
  const [statement] = statements;
  if (statement === undefined || statements.length > 1) throw new NotUnderstood();
  walk(statement.tree, (type, fields) => {
    if (type === "ColumnRef" && names(fields["fields"] as never)?.some((name) => GIVEN.has(name)))
      throw new NotUnderstood();
    // It is the block's start.
    if (type === "FuncCall" && names(fields["funcname"] as never)?.at(-1) === "statement_timestamp")
      throw new NotUnderstood();
  });
  return statement;
}

/** Without rows to give back, and allowed in a function. */
function isPlainStatement(sql: string): boolean {
  const { tree } = only(sql);
  const kind = classify(tree);
  if (kind === "write") {
    const [fields] = Object.values(tree) as { returningList?: unknown; returningClause?: unknown }[];
    return fields?.returningList === undefined && fields?.returningClause === undefined;
  }
  return (
    (kind === "ddl" || kind === "create as") &&
    !NOT_IN_FUNCTIONS.has(Object.keys(tree)[0]!) &&
    !isConcurrent(tree)
  );
}

const NOT_IN_FUNCTIONS: ReadonlySet<string> = new Set([
  "CreatedbStmt",
  "DropdbStmt",
  "AlterDatabaseStmt",
  "CreateTableSpaceStmt",
  "DropTableSpaceStmt",
  "AlterSystemStmt",
  "CreateSubscriptionStmt",
  "DropSubscriptionStmt",
]);

function isConcurrent(tree: object): boolean {
  const [fields] = Object.values(tree) as { concurrent?: boolean }[];
  return fields?.concurrent === true;
}
