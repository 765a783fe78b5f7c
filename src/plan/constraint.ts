/**
 * What a condition says about columns, in disjunctive form: a list of terms of which one must hold, each saying for some
 * columns which values they have. Only comparisons with constants and parameters count, by PostgreSQL's own operators; the
 * answer is always a weaker statement than the condition. All of it is strict: a term never holds for a NULL in its columns.
 */
import type { A_Expr, Node } from "@pgsql/types";
import type { KeyValue } from "../catalog/shard-filter.ts";
import type { Column } from "../catalog/snapshot.ts";
import { names } from "../sql/walk.ts";
import {
  arrayConstants,
  elementKeys,
  isArrayParameter,
  keyConstant,
  NEVER,
  type ConstantContext,
} from "./constants.ts";

/** Values that a column may have; bounds are taken as inclusive. */
export type Fact =
  | { readonly kind: "in"; readonly values: readonly KeyValue[] }
  | { readonly kind: "any of array"; readonly parameter: number }
  | { readonly kind: "between"; readonly lower: KeyValue | undefined; readonly upper: KeyValue | undefined };

/** All of its facts hold together. */
export type Term<C> = ReadonlyMap<C, readonly Fact[]>;

/** Undefined: nothing is known. Empty: the condition never holds. */
export type Constraint<C> = readonly Term<C>[] | undefined;

export interface ConstraintContext<C> extends ConstantContext {
  /** The column that an expression is, if it is one. */
  readonly columnOf: (node: Node) => { readonly key: C; readonly column: Column } | undefined;
  readonly isUserOperator: (name: string) => boolean;
}

/** Terms of one OR; a thousand ORs of (key, id) pairs are served, a product of such lists is not worth it. */
const termCountMax = 20_000;
const productMax = 4096;

export function constraintOf<C>(node: Node | undefined, context: ConstraintContext<C>): Constraint<C> {
  if (node === undefined) return undefined;
  if ("BoolExpr" in node) {
    const args = node.BoolExpr.args ?? [];
    if (node.BoolExpr.boolop === "AND_EXPR")
      return conjunction(args.map((arg) => constraintOf(arg, context)));
    if (node.BoolExpr.boolop === "OR_EXPR") return disjunction(args, context);
    return undefined;
  }
  if ("A_Const" in node) {
    const { boolval, isnull } = node.A_Const;
    return isnull === true || (boolval !== undefined && boolval.boolval !== true) ? [] : undefined;
  }
  return "A_Expr" in node ? ofExpression(node.A_Expr, context) : undefined;
}

function disjunction<C>(args: readonly Node[], context: ConstraintContext<C>): Constraint<C> {
  const terms: Term<C>[] = [];
  for (const arg of args) {
    const constraint = constraintOf(arg, context);
    if (constraint === undefined || terms.length + constraint.length > termCountMax) return undefined;
    terms.push(...constraint);
  }
  return merged(terms);
}

/** k = 3 OR k = 7 is k IN (3, 7): one term, whose facts can go through joins. */
function merged<C>(terms: readonly Term<C>[]): Constraint<C> {
  const [first] = terms;
  const column = first?.keys().next().value;
  if (first === undefined || column === undefined || terms.length < 2) return terms;
  const values: KeyValue[] = [];
  for (const term of terms) {
    const facts = term.get(column);
    const [fact] = facts ?? [];
    if (term.size !== 1 || facts?.length !== 1 || fact?.kind !== "in") return terms;
    values.push(...fact.values);
  }
  return [new Map([[column, [{ kind: "in", values }]]])];
}

function conjunction<C>(constraints: readonly Constraint<C>[]): Constraint<C> {
  let result: readonly Term<C>[] | undefined;
  for (const constraint of constraints) {
    if (constraint === undefined) continue;
    if (result === undefined) result = constraint;
    // A product too large: what was found first is enough, since a weaker statement is allowed.
    else if (result.length * constraint.length <= productMax) {
      const left: readonly Term<C>[] = result;
      result = left.flatMap((a) => constraint.map((b) => both(a, b)));
    } else if (constraint.length === 0) result = [];
  }
  return result;
}

function both<C>(a: Term<C>, b: Term<C>): Term<C> {
  const result = new Map(a);
  for (const [column, facts] of b) result.set(column, [...(result.get(column) ?? []), ...facts]);
  return result;
}

function ofExpression<C>(expr: A_Expr, context: ConstraintContext<C>): Constraint<C> {
  const operator = comparisonOperator(expr);
  if (operator === undefined || expr.lexpr === undefined || expr.rexpr === undefined) return undefined;
  switch (expr.kind) {
    case "AEXPR_OP":
      return comparison(operator, expr.lexpr, expr.rexpr, context);
    case "AEXPR_NOT_DISTINCT": {
      const isNull = "A_Const" in expr.rexpr && expr.rexpr.A_Const.isnull === true;
      return isNull || "ParamRef" in expr.rexpr
        ? undefined
        : comparison("=", expr.lexpr, expr.rexpr, context);
    }
    case "AEXPR_IN":
      return operator === "=" ? inList(expr.lexpr, expr.rexpr, context) : undefined;
    case "AEXPR_OP_ANY": {
      const found = operator === "=" ? columnIn(expr.lexpr, "=", context) : undefined;
      if (found === undefined) return undefined;
      const parameter = isArrayParameter(expr.rexpr, found.column, context);
      if (parameter !== undefined) return one(found.key, { kind: "any of array", parameter });
      const values = arrayConstants(expr.rexpr, found.column, context);
      return values === undefined ? undefined : one(found.key, { kind: "in", values });
    }
    case "AEXPR_BETWEEN": {
      const found = columnIn(expr.lexpr, "<=", context);
      const items = "List" in expr.rexpr ? (expr.rexpr.List.items ?? []) : [];
      if (found === undefined || items.length !== 2) return undefined;
      return interval(found, bound(items[0], found.column, context), bound(items[1], found.column, context));
    }
    default:
      return undefined;
  }
}

/** The operator's name, unless another schema than pg_catalog is written. */
export function comparisonOperator(expr: A_Expr): string | undefined {
  const path = names(expr.name);
  if (path === undefined || path.length === 0 || path.length > 2) return undefined;
  return path.length === 2 && path[0] !== "pg_catalog" ? undefined : path.at(-1);
}

/**
 * Between a column of a built-in type and a constant of the same type PostgreSQL's own operator is an exact match, and is
 * found first (citext's = does not disturb int4's). For a user's type a user's operator may be meant.
 */
function columnIn<C>(
  node: Node,
  operator: string,
  context: ConstraintContext<C>,
): { key: C; column: Column } | undefined {
  const found = context.columnOf(node);
  return found !== undefined && found.column.userType && context.isUserOperator(operator) ? undefined : found;
}

function one<C>(key: C, fact: Fact): Constraint<C> {
  if (fact.kind === "in" && fact.values.length === 0) return [];
  return [new Map([[key, [fact]]])];
}

const flipped: Readonly<Record<string, string>> = { "=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

function comparison<C>(
  operator: string,
  left: Node,
  right: Node,
  context: ConstraintContext<C>,
): Constraint<C> {
  if (operator === "=" && "RowExpr" in left && "RowExpr" in right) {
    const a = left.RowExpr.args ?? [];
    const b = right.RowExpr.args ?? [];
    if (a.length !== b.length) return undefined;
    return conjunction(a.map((node, i) => comparison("=", node, b[i]!, context)));
  }
  const onLeft = columnIn(left, operator, context);
  const found = onLeft ?? columnIn(right, operator, context);
  const direction = onLeft === undefined ? flipped[operator] : operator;
  if (found === undefined || direction === undefined) return undefined;
  const other = onLeft === undefined ? left : right;
  const value = keyConstant(other, found.column, context);
  if (direction === "=") {
    if (value === undefined) return undefined;
    return value === NEVER ? [] : one(found.key, { kind: "in", values: [value] });
  }
  if (value === undefined || value === NEVER) return undefined;
  if (direction === "<" || direction === "<=") return interval(found, undefined, value);
  return direction === ">" || direction === ">=" ? interval(found, value, undefined) : undefined;
}

function bound<C>(
  node: Node | undefined,
  column: Column,
  context: ConstraintContext<C>,
): KeyValue | undefined {
  const value = keyConstant(node, column, context);
  return value === NEVER ? undefined : value;
}

function interval<C>(
  found: { key: C },
  lower: KeyValue | undefined,
  upper: KeyValue | undefined,
): Constraint<C> {
  return lower === undefined && upper === undefined
    ? undefined
    : one(found.key, { kind: "between", lower, upper });
}

function inList<C>(left: Node, right: Node, context: ConstraintContext<C>): Constraint<C> {
  const items = "List" in right ? (right.List.items ?? []) : [];
  if ("RowExpr" in left) {
    const terms: Term<C>[] = [];
    if (items.length > termCountMax) return undefined;
    for (const item of items) {
      const constraint = comparison("=", left, item, context);
      if (constraint === undefined) return undefined;
      terms.push(...constraint);
    }
    return terms;
  }
  const found = columnIn(left, "=", context);
  if (found === undefined) return undefined;
  const values = elementKeys(items, found.column, context);
  return values === undefined ? undefined : one(found.key, { kind: "in", values });
}
