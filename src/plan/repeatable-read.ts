/**
 * Does a read give the same answer again as long as nobody writes and the session's settings are the same? Said only where
 * everything that the statement uses is on a list: kinds of nodes, PostgreSQL's own functions, operators and types. What is
 * not listed (the time, random(), what a server says of itself, functions, operators and types of the user's, views, row
 * security …) may still be repeatable, but nobody has proved it.
 */
import type { A_Expr, ColumnRef, FuncCall, TypeCast } from "@pgsql/types";
import type { Relation, Snapshot } from "../catalog/snapshot.ts";
import { PgError } from "../errors/pg-error.ts";
import { names, walk, type Fields } from "../sql/walk.ts";
import type { ReadPlan } from "./plan.ts";

function nameSet(list: string): ReadonlySet<string> {
  return new Set(list.trim().split(/\s+/));
}

/** Of the parse tree. */
const NODES = nameSet(`
  SelectStmt ResTarget ColumnRef A_Star String Integer Float Boolean A_Const ParamRef A_Expr BoolExpr NullTest BooleanTest FuncCall
  SubLink JoinExpr RangeVar RangeSubselect CaseExpr CaseWhen CoalesceExpr MinMaxExpr SortBy CommonTableExpr WindowDef List TypeCast
  TypeName A_ArrayExpr GroupingSet
`);

/** PostgreSQL's own, all of a name immutable, or stable by nothing but settings, over the types below. */
const FUNCTIONS = nameSet(`
  count sum avg min max bool_and bool_or every string_agg array_agg json_agg jsonb_agg stddev variance
  row_number rank dense_rank lag lead first_value last_value
  abs ceil ceiling floor round trunc sqrt power mod sign
  lower upper initcap length char_length character_length octet_length substr substring btrim ltrim rtrim replace position strpos
  overlay left right lpad rpad concat concat_ws repeat reverse split_part md5
  date_trunc date_part extract timezone to_char
  cardinality array_length array_to_string jsonb_array_length json_array_length
`);

const OPERATORS = nameSet(
  "= <> != < <= > >= + - * / % ^ || ~~ !~~ ~~* !~~* ~ ~* !~ !~* -> ->> #> #>> @> <@ && ? ?| ?&",
);

/** Of columns: their input, output, comparison and casts among each other ask for nothing but settings. */
const TYPES: ReadonlySet<number> = new Set([
  // bool, bytea, "char", name, int8, int2, int4, text, json, float4, float8, char, varchar
  16, 17, 18, 19, 20, 21, 23, 25, 114, 700, 701, 1042, 1043,
  // date, timestamp, timestamptz, interval, numeric, uuid, jsonb; not time: its time zone depends on the day
  1082, 1114, 1184, 1186, 1700, 2950, 3802,
  // Arrays of bool, int2, int4, text, char, varchar, int8, float4, float8, timestamp, date, timestamptz, numeric, uuid, jsonb
  1000,
  1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1115, 1182, 1185, 1231, 2951, 3807,
]);

const CAST_TYPES = nameSet("bool int2 int4 int8 float4 float8 numeric text varchar bpchar uuid json jsonb");
/** The text 'today' is another date tomorrow: cast only from what is looked at, constants and parameters. */
const DATE_TYPES = nameSet("date timestamp timestamptz interval");

const SYSTEM_COLUMNS = nameSet("ctid xmin xmax cmin cmax tableoid");

/** What dates and times are that depend on the day. */
const DAY = /now|today|tomorrow|yesterday/i;

/** May a text be one of those, if it is taken for a date? */
export function mayMeanDay(text: string): boolean {
  return DAY.test(text);
}

export function isRepeatableType(typeOid: number): boolean {
  return TYPES.has(typeOid);
}

/** With parameters of types for which `isRepeatableType` holds, and values of which none may mean a day. */
export function isRepeatable(plan: ReadPlan, snapshot: Snapshot): boolean {
  const { uses, direct, general, locks, writes, views, readByFunctions, hiddenTimes, transactionTimes } =
    plan;
  if (locks !== "no" || writes || views !== undefined || readByFunctions.length > 0) return false;
  if (hiddenTimes || transactionTimes.length > 0 || uses.length === 0) return false;
  const relations = uses.map(({ relation }) => relation);
  // What has a part on the catalog node may be anything that is known there.
  if (general instanceof PgError ? !direct : general.target === "catalog" || general.readsCatalogs)
    return false;
  const shipped = general instanceof PgError ? [] : general.tables.map(({ relation }) => relation);
  if (!relations.every(isPlainTable) || !shipped.every((relation) => relations.includes(relation)))
    return false;
  // A cast of the user's to one of PostgreSQL's own types may be made without being written.
  for (const type of [...CAST_TYPES, ...DATE_TYPES]) if (snapshot.userOperators.has(type)) return false;
  const { tree } = plan.statement;
  return isListed(tree, columnNames(tree, relations), routineNames(snapshot), snapshot.userOperators);
}

function isPlainTable({ kind, persistence, rowSecurity, distribution, columns }: Relation): boolean {
  return (
    (kind === "table" || kind === "partitioned table") &&
    // A crash of its server empties an unlogged one.
    persistence === "permanent" &&
    !rowSecurity &&
    distribution !== undefined &&
    columns.every(({ typeOid, userType }) => !userType && TYPES.has(typeOid))
  );
}

function routineNames({ routines }: Snapshot): ReadonlySet<string> {
  return new Set([...routines.values()].flatMap((list) => list.map(({ name }) => name)));
}

/** What t.name may be besides the function of that name. */
function columnNames(tree: unknown, relations: readonly Relation[]): ReadonlySet<string> {
  const result = new Set(relations.flatMap(({ columns }) => columns.map(({ name }) => name)));
  walk(tree, (type, fields) => {
    if (type === "ResTarget" && typeof fields["name"] === "string") result.add(fields["name"]);
  });
  return result;
}

function isListed(
  tree: unknown,
  columns: ReadonlySet<string>,
  routines: ReadonlySet<string>,
  operators: ReadonlySet<string>,
): boolean {
  let listed = true;
  walk(tree, (type, fields) => {
    listed &&=
      NODES.has(type) &&
      (type !== "FuncCall" || isListedCall(fields, routines)) &&
      (type !== "A_Expr" || isListedOperator(fields, operators)) &&
      (type !== "TypeCast" || isListedCast(fields)) &&
      (type !== "ColumnRef" || isColumn(fields, columns)) &&
      (type !== "A_Const" || !mayMeanDay((fields as { sval?: { sval?: string } }).sval?.sval ?? ""));
    return listed;
  });
  return listed;
}

function isListedCall(fields: Fields, routines: ReadonlySet<string>): boolean {
  const path = names((fields as FuncCall).funcname) ?? [];
  const name = path.at(-1) ?? "";
  if (path.length > 2 || (path.length === 2 && path[0] !== "pg_catalog")) return false;
  return FUNCTIONS.has(name) && !routines.has(name);
}

function isListedOperator(fields: Fields, operators: ReadonlySet<string>): boolean {
  const path = names((fields as A_Expr).name) ?? [];
  const name = path.at(-1) ?? "";
  if (path.length > 1) return false;
  const { kind } = fields as A_Expr;
  // Their names are the words that were written; they stand for operators of the list.
  const isWord = /BETWEEN/.test(kind ?? "");
  const meant = isWord ? ["<", "<=", ">", ">="] : [name, ...(kind === "AEXPR_NULLIF" ? ["="] : [])];
  return meant.every((operator) => OPERATORS.has(operator) && !operators.has(operator));
}

function isListedCast(fields: Fields): boolean {
  const { typeName, arg } = fields as TypeCast;
  const path = names(typeName?.names) ?? [];
  const name = path.at(-1) ?? "";
  if (path.length > 2 || (path.length === 2 && path[0] !== "pg_catalog")) return false;
  if (CAST_TYPES.has(name)) return true;
  return DATE_TYPES.has(name) && arg !== undefined && ("A_Const" in arg || "ParamRef" in arg);
}

function isColumn(fields: Fields, columns: ReadonlySet<string>): boolean {
  const path = (fields as ColumnRef).fields ?? [];
  const last = path.at(-1);
  if (last === undefined || !("String" in last)) return last !== undefined && "A_Star" in last;
  const name = last.String.sval ?? "";
  return !SYSTEM_COLUMNS.has(name) && (path.length === 1 || columns.has(name));
}
