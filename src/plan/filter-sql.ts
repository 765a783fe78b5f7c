/**
 * Conditions that may be evaluated on a data node before the rows are moved: written out anew, over the table's own columns.
 * Only what cannot fail, cannot depend on where it runs, and means the same there is written; for all else the answer is
 * undefined and the rows are moved unfiltered. PostgreSQL itself gives no order of evaluation, but WHERE x <> 0 AND 1 / x > 2
 * works there most of the time: divisions, casts of columns and user code are left alone.
 */
import type { A_Expr, ColumnRef, Node, TypeName } from "@pgsql/types";
import type { Column } from "../catalog/snapshot.ts";
import { quoteIdentifier, quoteLiteral } from "../sql/quote.ts";
import { names } from "../sql/walk.ts";
import type { ShipFilter } from "./plan.ts";

export interface FilterSqlContext {
  readonly isUserOperator: (name: string) => boolean;
  /** Is there a routine of the user's that this name could mean? */
  readonly isUserRoutine: (name: string) => boolean;
}

type Columns = (ref: ColumnRef) => Column | undefined;

/** The condition as SQL over the columns' own names, unqualified; undefined when it must stay where it is. */
export function filterSql(node: Node, columns: Columns, context: FilterSqlContext): ShipFilter | undefined {
  const writer = new Writer(columns, context);
  const sql = writer.condition(node);
  return sql === undefined ? undefined : { sql, parameters: [...writer.parameters] };
}

const comparisons = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);
const patterns = new Set(["~~", "!~~", "~~*", "!~~*"]);
/** Cannot fail for any value, and depends on nothing but its arguments (lower, upper: also on the collation, which is the column's). */
const functions = new Set(["lower", "upper", "starts_with", "octet_length", "char_length", "btrim", "md5"]);
/** Types whose input, for a constant, PostgreSQL has already accepted when it described the statement. */
const castTypes = new Set([
  "bool",
  "int2",
  "int4",
  "int8",
  "numeric",
  "float4",
  "float8",
  "text",
  "varchar",
  "bpchar",
  "date",
  "time",
  "timetz",
  "timestamp",
  "timestamptz",
  "interval",
  "uuid",
  "bytea",
]);

const intervalFields: Readonly<Record<string, string>> = {
  "2": "month",
  "4": "year",
  "8": "day",
  "1024": "hour",
  "2048": "minute",
  "4096": "second",
};

class Writer {
  private readonly columns: Columns;
  private readonly context: FilterSqlContext;
  /** A column of a user's type is in the expression being written: its operators may be the user's too. */
  private userTyped = false;
  readonly parameters = new Set<number>();

  constructor(columns: Columns, context: FilterSqlContext) {
    this.columns = columns;
    this.context = context;
  }

  condition(node: Node | undefined): string | undefined {
    if (node === undefined) return undefined;
    if ("BoolExpr" in node) {
      const parts = this.all(node.BoolExpr.args ?? [], (arg) => this.condition(arg));
      if (parts === undefined) return undefined;
      if (node.BoolExpr.boolop === "NOT_EXPR") return `(NOT ${parts[0]})`;
      return `(${parts.join(node.BoolExpr.boolop === "AND_EXPR" ? " AND " : " OR ")})`;
    }
    if ("A_Expr" in node) return this.expression(node.A_Expr);
    if ("NullTest" in node) {
      // IS NULL of a composite looks into it, which PostgreSQL's pruning by a key of such a type does not know.
      const outer = this.userTyped;
      this.userTyped = false;
      const value = this.value(node.NullTest.arg);
      const arg = this.userTyped ? undefined : value;
      this.userTyped ||= outer;
      return arg && `(${arg} IS ${node.NullTest.nulltesttype === "IS_NULL" ? "" : "NOT "}NULL)`;
    }
    if ("BooleanTest" in node) {
      const arg = this.condition(node.BooleanTest.arg);
      const test = node.BooleanTest.booltesttype?.replaceAll("_", " ");
      return arg && test && `(${arg} ${test})`;
    }
    if ("ColumnRef" in node) return this.value(node);
    return undefined;
  }

  private expression(expr: A_Expr): string | undefined {
    const path = names(expr.name) ?? [];
    const operator = path.at(-1) ?? "";
    if (path.length !== 1 && !(path.length === 2 && path[0] === "pg_catalog")) return undefined;
    const outer = this.userTyped;
    this.userTyped = false;
    const sql = this.operation(expr, operator);
    // Between built-in types PostgreSQL's own operator is an exact match and comes first; for others a user's may be meant.
    const usersOwn = this.userTyped && path.length === 1 && this.context.isUserOperator(operator);
    this.userTyped ||= outer;
    return usersOwn ? undefined : sql;
  }

  private operation(expr: A_Expr, operator: string): string | undefined {
    switch (expr.kind) {
      case "AEXPR_OP": {
        if (!comparisons.has(operator) && !patterns.has(operator)) return undefined;
        const rows = this.rows(expr.lexpr, expr.rexpr);
        return rows && `(${rows[0]} ${operator} ${rows[1]})`;
      }
      case "AEXPR_DISTINCT":
      case "AEXPR_NOT_DISTINCT": {
        const [left, right] = [this.value(expr.lexpr), this.value(expr.rexpr)];
        return (
          left &&
          right &&
          `(${left} IS ${expr.kind === "AEXPR_DISTINCT" ? "" : "NOT "}DISTINCT FROM ${right})`
        );
      }
      case "AEXPR_LIKE":
      case "AEXPR_ILIKE": {
        const [left, right] = [this.value(expr.lexpr), this.pattern(expr.rexpr)];
        return left && right && `(${left} ${operator} ${right})`;
      }
      case "AEXPR_BETWEEN":
      case "AEXPR_NOT_BETWEEN": {
        const left = this.value(expr.lexpr);
        const bounds = this.list(expr.rexpr);
        return (
          left &&
          bounds &&
          `(${left} ${expr.kind === "AEXPR_BETWEEN" ? "" : "NOT "}BETWEEN ${bounds.join(" AND ")})`
        );
      }
      case "AEXPR_IN": {
        const left = this.rowOrValue(expr.lexpr);
        const items = this.list(expr.rexpr);
        return left && items && `(${left} ${operator === "=" ? "" : "NOT "}IN (${items.join(", ")}))`;
      }
      case "AEXPR_OP_ANY":
      case "AEXPR_OP_ALL": {
        const [left, right] = [this.value(expr.lexpr), this.array(expr.rexpr)];
        if (!comparisons.has(operator)) return undefined;
        return (
          left && right && `(${left} ${operator} ${expr.kind === "AEXPR_OP_ANY" ? "ANY" : "ALL"} (${right}))`
        );
      }
      default:
        return undefined;
    }
  }

  private rows(left: Node | undefined, right: Node | undefined): [string, string] | undefined {
    const a = this.rowOrValue(left);
    const b = this.rowOrValue(right);
    return a !== undefined && b !== undefined ? [a, b] : undefined;
  }

  private rowOrValue(node: Node | undefined): string | undefined {
    if (node === undefined || !("RowExpr" in node)) return this.value(node);
    const parts = this.all(node.RowExpr.args ?? [], (arg) => this.value(arg));
    return parts && parts.length > 1 ? `(${parts.join(", ")})` : undefined;
  }

  private list(node: Node | undefined): string[] | undefined {
    if (node === undefined || !("List" in node)) return undefined;
    return this.all(node.List.items ?? [], (item) => this.rowOrValue(item));
  }

  private all(nodes: readonly Node[], write: (node: Node) => string | undefined): string[] | undefined {
    const parts: string[] = [];
    for (const node of nodes) {
      const part = write(node);
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return parts;
  }

  /** A column, a constant, a parameter, or a function of them that cannot fail. */
  private value(node: Node | undefined): string | undefined {
    if (node === undefined) return undefined;
    if ("ColumnRef" in node) {
      const column = this.columns(node.ColumnRef);
      this.userTyped ||= column?.userType === true;
      return column && quoteIdentifier(column.name);
    }
    if ("A_Const" in node) return constantSql(node);
    if ("ParamRef" in node) {
      const { number } = node.ParamRef;
      if (number === undefined) return undefined;
      this.parameters.add(number);
      return `$${number}`;
    }
    if ("TypeCast" in node) {
      const { arg, typeName } = node.TypeCast;
      const type = castType(typeName, false);
      const inner =
        arg === undefined || !("A_Const" in arg || "ParamRef" in arg) ? undefined : this.value(arg);
      return type && inner && `CAST(${inner} AS ${type})`;
    }
    if ("A_Expr" in node) return this.constantOperation(node.A_Expr);
    if ("CoalesceExpr" in node) {
      const parts = this.all(node.CoalesceExpr.args ?? [], (arg) => this.value(arg));
      return parts && `COALESCE(${parts.join(", ")})`;
    }
    if ("FuncCall" in node) {
      const call = node.FuncCall;
      const path = names(call.funcname) ?? [];
      const name = path.at(-1) ?? "";
      const plain =
        call.over === undefined &&
        call.agg_distinct !== true &&
        call.func_variadic !== true &&
        call.agg_filter === undefined;
      if (
        !plain ||
        !functions.has(name) ||
        path.length > 2 ||
        (path.length === 2 && path[0] !== "pg_catalog")
      )
        return undefined;
      if (path.length === 1 && this.context.isUserRoutine(name)) return undefined;
      const args = this.all(call.args ?? [], (arg) => this.value(arg));
      return args && `pg_catalog.${quoteIdentifier(name)}(${args.join(", ")})`;
    }
    return undefined;
  }

  /** date '1993-07-01' + interval '3' month: if it fails, it fails for every row, and before the first one. */
  private constantOperation(expr: A_Expr): string | undefined {
    const operator = names(expr.name) ?? [];
    if (expr.kind !== "AEXPR_OP" || operator.length !== 1 || !["+", "-", "*"].includes(operator[0]!))
      return undefined;
    if (this.context.isUserOperator(operator[0]!) || !isConstant(expr.lexpr) || !isConstant(expr.rexpr))
      return undefined;
    const [left, right] = [this.value(expr.lexpr), this.value(expr.rexpr)];
    return left && right && `(${left} ${operator[0]} ${right})`;
  }

  /** A pattern that ends in a lone backslash is an error, as soon as a row is compared with it. */
  private pattern(node: Node | undefined): string | undefined {
    if (node === undefined || !("A_Const" in node) || (node.A_Const.sval?.sval ?? "").includes("\\"))
      return undefined;
    return constantSql(node);
  }

  private array(node: Node | undefined): string | undefined {
    if (node === undefined) return undefined;
    if ("ParamRef" in node || "A_Const" in node) return this.value(node);
    if ("A_ArrayExpr" in node) {
      const items = this.all(node.A_ArrayExpr.elements ?? [], (item) =>
        "ColumnRef" in item ? undefined : this.value(item),
      );
      return items && items.length > 0 ? `ARRAY[${items.join(", ")}]` : undefined;
    }
    if ("TypeCast" in node) {
      const type = castType(node.TypeCast.typeName, true);
      const inner = this.array(node.TypeCast.arg);
      return type && inner && `CAST(${inner} AS ${type})`;
    }
    return undefined;
  }
}

function isConstant(node: Node | undefined): boolean {
  if (node === undefined) return false;
  if ("TypeCast" in node) return isConstant(node.TypeCast.arg);
  return (
    "A_Const" in node || ("A_Expr" in node && isConstant(node.A_Expr.lexpr) && isConstant(node.A_Expr.rexpr))
  );
}

function constantSql(node: Extract<Node, { A_Const: unknown }>): string | undefined {
  const { isnull, sval, ival, fval, boolval } = node.A_Const;
  if (isnull === true) return "NULL";
  if (sval !== undefined) {
    const text = sval.sval ?? "";
    // 'now' and 'today' are read as other moments on other servers.
    return text.length < 60 && /\b(?:now|today|tomorrow|yesterday)\b/i.test(text)
      ? undefined
      : quoteLiteral(text);
  }
  // A sign binds weaker than a cast: -5::text is not (-5)::text.
  if (ival !== undefined) return (ival.ival ?? 0) < 0 ? `(${ival.ival})` : String(ival.ival ?? 0);
  if (fval !== undefined)
    return /^[0-9.eE+]+$/.test(fval.fval ?? "")
      ? fval.fval
      : fval.fval === undefined
        ? undefined
        : `(${fval.fval})`;
  if (boolval !== undefined) return boolval.boolval === true ? "TRUE" : "FALSE";
  return undefined;
}

function castType(type: TypeName | undefined, array: boolean): string | undefined {
  const path = names(type?.names) ?? [];
  const name = path.at(-1) ?? "";
  if (
    type === undefined ||
    path.length === 0 ||
    path.length > 2 ||
    (path.length === 2 && path[0] !== "pg_catalog")
  )
    return undefined;
  if (!castTypes.has(name) || type.setof === true) return undefined;
  if ((type.arrayBounds?.length ?? 0) > 0 !== array) return undefined;
  const modifiers: string[] = [];
  for (const modifier of type.typmods ?? []) {
    if (!("A_Const" in modifier) || modifier.A_Const.ival === undefined) return undefined;
    modifiers.push(String(modifier.A_Const.ival.ival ?? 0));
  }
  // The modifiers of interval are a mask of fields, not what is written: interval '3' month.
  if (name === "interval" && modifiers.length > 0) {
    const field = modifiers.length === 1 ? intervalFields[modifiers[0]!] : undefined;
    return field && !array ? `interval ${field}` : undefined;
  }
  return `pg_catalog.${name}${modifiers.length > 0 ? `(${modifiers.join(", ")})` : ""}${array ? "[]" : ""}`;
}
