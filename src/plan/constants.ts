/** Constants of a statement in the text form in which a key column's type reads them, where that form is certain. */
import type { Node, TypeName } from "@pgsql/types";
import { typeOids } from "../catalog/type-oids.ts";
import type { Column } from "../catalog/snapshot.ts";
import type { KeyValue } from "../catalog/shard-filter.ts";
import { names } from "../sql/walk.ts";

export interface ConstantContext {
  /** Described types of $1, $2 … */
  readonly parameterTypes: readonly number[];
  /** x = NULL is read as x IS NULL. */
  readonly transformNullEquals: boolean;
  readonly isEnum: (typeOid: number) => boolean;
}

/** No value of the column's type equals the constant: tenant_id = 70000000000, tenant_id = 7.5, tenant_id = NULL. */
export const NEVER = Symbol("NEVER");

const integerRange = new Map<number, readonly [bigint, bigint]>([
  [typeOids.int2, [-32768n, 32767n]],
  [typeOids.int4, [-2147483648n, 2147483647n]],
  [typeOids.int8, [-9223372036854775808n, 9223372036854775807n]],
]);

const numeric = 1700;

/** Types that compare with the column's by their bytes alone, so that a value of one is a key of the other. */
function sameAsColumn(typeOid: number, column: Column): boolean {
  if (typeOid === column.typeOid) return true;
  const { text, varchar } = typeOids;
  return (typeOid === text || typeOid === varchar) && (column.typeOid === text || column.typeOid === varchar);
}

const typesByName: Readonly<Record<string, number>> = { ...typeOids, numeric };

/** The OID of a built-in type written without modifiers; undefined for all others. `array`: the element type of type[]. */
function builtInType(type: TypeName | undefined, array = false): number | undefined {
  const path = names(type?.names);
  if (type === undefined || path === undefined || (type.typmods?.length ?? 0) > 0 || type.setof === true)
    return undefined;
  if ((type.arrayBounds?.length ?? 0) > 0 !== array) return undefined;
  if (path.length === 2 && path[0] !== "pg_catalog") return undefined;
  return path.length > 2 ? undefined : typesByName[path.at(-1)!];
}

/**
 * The key value that a constant or parameter is, when compared with `column`; undefined when the comparison is by another
 * type's rules, or the form depends on the session ('today', a timestamptz without offset).
 */
export function keyConstant(
  node: Node | undefined,
  column: Column,
  context: ConstantContext,
): KeyValue | typeof NEVER | undefined {
  if (node === undefined) return undefined;
  if ("ParamRef" in node) {
    const number = node.ParamRef.number ?? 0;
    const type = context.parameterTypes[number - 1];
    return type !== undefined && sameAsColumn(type, column) ? { from: "parameter", number } : undefined;
  }
  if ("A_Const" in node) {
    const constant = node.A_Const;
    if (constant.isnull === true) return context.transformNullEquals ? undefined : NEVER;
    if (constant.sval !== undefined) return literal(readAs(constant.sval.sval ?? "", column, context));
    if (constant.ival !== undefined) return numberKey(String(constant.ival.ival ?? 0), column);
    if (constant.fval !== undefined) return numberKey(constant.fval.fval ?? "0", column);
    if (constant.boolval !== undefined && column.typeOid === typeOids.bool) {
      return literal(constant.boolval.boolval === true ? "true" : "false");
    }
    return undefined;
  }
  if ("TypeCast" in node) {
    const type = builtInType(node.TypeCast.typeName);
    const arg = node.TypeCast.arg;
    if (type === undefined || arg === undefined || !("A_Const" in arg)) return undefined;
    // 7::bigint against an integer key: the comparison is by value, whatever the widths.
    const bothIntegers = integerRange.has(type) && integerRange.has(column.typeOid);
    if (!bothIntegers && !sameAsColumn(type, column)) return undefined;
    if (arg.A_Const.isnull === true) return NEVER;
    if (bothIntegers && arg.A_Const.sval !== undefined)
      return numberKey(arg.A_Const.sval.sval?.trim() ?? "", column);
    // 7.5::int is rounded by the cast: that is PostgreSQL's to do.
    if (bothIntegers && arg.A_Const.fval !== undefined) {
      return /^\d+$/.test(arg.A_Const.fval.fval ?? "")
        ? numberKey(arg.A_Const.fval.fval!, column)
        : undefined;
    }
    return keyConstant(arg, column, context);
  }
  return undefined;
}

/** The elements of ARRAY[…], '{…}' or '{…}'::type[]; NULL elements equal nothing and are left out. */
export function arrayConstants(
  node: Node | undefined,
  column: Column,
  context: ConstantContext,
): readonly KeyValue[] | undefined {
  if (node === undefined) return undefined;
  if ("A_ArrayExpr" in node) return elementKeys(node.A_ArrayExpr.elements ?? [], column, context);
  let constant: Node | undefined = node;
  if ("TypeCast" in node) {
    const type = builtInType(node.TypeCast.typeName, true);
    const bothIntegers = type !== undefined && integerRange.has(type) && integerRange.has(column.typeOid);
    if (type === undefined || !(bothIntegers || sameAsColumn(type, column))) return undefined;
    constant = node.TypeCast.arg;
    if (constant !== undefined && "A_ArrayExpr" in constant)
      return elementKeys(constant.A_ArrayExpr.elements ?? [], column, context);
  }
  if (constant === undefined || !("A_Const" in constant) || constant.A_Const.sval === undefined)
    return undefined;
  const written = constant.A_Const.sval.sval ?? "";
  if (!/^\{[^{}"\\]*\}$/.test(written)) return undefined;
  const keys: KeyValue[] = [];
  for (const element of written.slice(1, -1).split(",")) {
    const text = element.trim();
    if (text === "" ? written !== "{}" : false) return undefined;
    if (text === "" || text.toLowerCase() === "null") continue;
    const key = integerRange.has(column.typeOid)
      ? numberKey(text, column)
      : literal(readAs(text, column, context));
    if (key === undefined) return undefined;
    if (key !== NEVER) keys.push(key);
  }
  return keys;
}

/** The keys of a list of constants; undefined when one of them is none. */
export function elementKeys(
  nodes: readonly Node[],
  column: Column,
  context: ConstantContext,
): readonly KeyValue[] | undefined {
  const keys: KeyValue[] = [];
  for (const node of nodes) {
    // IN (3, NULL): what equals nothing adds nothing. transform_null_equals does not reach into lists.
    const isNull = "A_Const" in node && node.A_Const.isnull === true;
    const key = isNull ? NEVER : keyConstant(node, column, context);
    if (key === undefined) return undefined;
    if (key !== NEVER) keys.push(key);
  }
  return keys;
}

const arrayTypes = new Map<number, number>([
  [1000, typeOids.bool],
  [1005, typeOids.int2],
  [1007, typeOids.int4],
  [1016, typeOids.int8],
  [1009, typeOids.text],
  [1015, typeOids.varchar],
  [1014, typeOids.bpchar],
  [1182, typeOids.date],
  [2951, typeOids.uuid],
]);

/** Is $number described as an array of the column's own type? */
export function isArrayParameter(
  node: Node | undefined,
  column: Column,
  context: ConstantContext,
): number | undefined {
  if (node === undefined || !("ParamRef" in node)) return undefined;
  const number = node.ParamRef.number ?? 0;
  const element = arrayTypes.get(context.parameterTypes[number - 1] ?? 0);
  return element !== undefined && sameAsColumn(element, column) ? number : undefined;
}

function literal(text: string | undefined): KeyValue | undefined {
  return text === undefined ? undefined : { from: "literal", text };
}

/** A number as written, against an integer, numeric or float column. */
function numberKey(written: string, column: Column): KeyValue | typeof NEVER | undefined {
  const range = integerRange.get(column.typeOid);
  if (range !== undefined) {
    const match = /^([+-]?\d+)(?:\.(\d*))?$/.exec(written);
    if (match === null) return undefined;
    if (/[1-9]/.test(match[2] ?? "")) return NEVER;
    const value = BigInt(match[1]!.replace(/^\+/, ""));
    return value < range[0] || value > range[1] ? NEVER : literal(value.toString());
  }
  if (column.typeOid === numeric) return /^[+-]?\d+(?:\.\d+)?$/.test(written) ? literal(written) : undefined;
  return undefined;
}

/** A string literal as the column's type reads it; undefined when that depends on the session or is an error. */
function readAs(text: string, column: Column, context: ConstantContext): string | undefined {
  switch (column.typeOid) {
    case typeOids.int2:
    case typeOids.int4:
    case typeOids.int8: {
      const key = /^\s*[+-]?\d+\s*$/.test(text) ? numberKey(text.trim(), column) : undefined;
      return key === undefined || key === NEVER || key.from !== "literal"
        ? undefined
        : (key.text ?? undefined);
    }
    case numeric:
      return /^\s*[+-]?\d+(?:\.\d+)?\s*$/.test(text) ? text.trim() : undefined;
    case typeOids.text:
    case typeOids.varchar:
    case typeOids.bpchar:
    case typeOids.name:
      // Under a nondeterministic collation equal texts have other bytes.
      return column.deterministicCollation ? text : undefined;
    case typeOids.bool:
      return /^(?:t|true|yes|on|1)$/i.test(text)
        ? "true"
        : /^(?:f|false|no|off|0)$/i.test(text)
          ? "false"
          : undefined;
    case typeOids.uuid: {
      const digits = text.replaceAll(/[{}-]/g, "").toLowerCase();
      return /^[0-9a-f]{32}$/.test(digits)
        ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
        : undefined;
    }
    case typeOids.date:
      return /^(?:\d{4}-\d{2}-\d{2}|-?infinity)$/.test(text) ? text : undefined;
    case typeOids.timestamp:
      return /^(?:\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?|-?infinity)$/.test(text)
        ? text
        : undefined;
    case typeOids.timestamptz:
      return /^(?:\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}(?::?\d{2})?)|-?infinity)$/.test(
        text,
      )
        ? text
        : undefined;
    default:
      return context.isEnum(column.typeOid) ? text : undefined;
  }
}
