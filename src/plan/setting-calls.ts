/**
 * Calls of set_config(): which settings a statement changes, and whether until the end of the transaction only. Names that are
 * put together at run time are refused: the session could not follow.
 */
import type { FuncCall, Node, SelectStmt } from "@pgsql/types";
import { refusal } from "../errors/refusal.ts";
import { isSymbol, isWord, tokenText, type Token } from "../sql/tokens.ts";
import { names, walk } from "../sql/walk.ts";
import { fieldsOf } from "./table-names.ts";

export interface SettingCall {
  readonly name: { readonly text: string } | { readonly parameter: number };
  readonly local: boolean | { readonly parameter: number };
}

/** A call in a statement's tree, at the level `select`. Throws a refusal when it does not say what it sets. */
export function settingCall(call: FuncCall, select: SelectStmt | undefined): SettingCall {
  const args = (call.args ?? []).map(withoutCast);
  const [name, , local] = args;
  // With another number of arguments PostgreSQL knows no such function.
  if (name === undefined || local === undefined || args.length !== 3) throw refusal("set-config-of-unknown");
  const named = constantOrParameter(name) ?? nameInSettings(name, select);
  const locality = constantOrParameter(local);
  if (named === undefined || locality === undefined || typeof named === "boolean")
    throw refusal("set-config-of-unknown");
  if (typeof locality === "object" && "text" in locality) {
    const value = booleanOf(locality.text);
    if (value === undefined) throw refusal("set-config-of-unknown");
    return { name: named, local: value };
  }
  return { name: named, local: locality };
}

/**
 * SELECT set_config(name, …) FROM pg_settings WHERE name = 'a_setting': how pg_dump sets what not every version has. With no such row
 * nothing is called.
 */
function nameInSettings(name: Node, select: SelectStmt | undefined): { text: string } | undefined {
  const [from, another] = select?.fromClause ?? [];
  const where = select?.whereClause;
  if (from === undefined || another !== undefined || !("RangeVar" in from) || where === undefined)
    return undefined;
  if (from.RangeVar.relname !== "pg_settings" || from.RangeVar.alias !== undefined) return undefined;
  if (!isName(name) || !("A_Expr" in where)) return undefined;
  const { kind, name: operator, lexpr, rexpr } = where.A_Expr;
  if (kind !== "AEXPR_OP" || names(operator)?.join(".") !== "=" || !lexpr || !rexpr || !isName(lexpr))
    return undefined;
  const value = constantOrParameter(rexpr);
  return typeof value === "object" && "text" in value ? value : undefined;
}

function isName(node: Node): boolean {
  return "ColumnRef" in node && fieldsOf(node.ColumnRef).join(".") === "name";
}

/** PostgreSQL's spellings of a boolean. */
export function booleanOf(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (/^(?:t|tr|tru|true|y|ye|yes|on|1)$/.test(word)) return true;
  return /^(?:f|fa|fal|fals|false|n|no|of|off|0)$/.test(word) ? false : undefined;
}

/** In a function's body, at the token of the name set_config; undefined when it is not certain what is set. */
export function settingCallInBody(
  bytes: Buffer,
  tokens: readonly Token[],
  at: number,
): SettingCall | undefined {
  const first = tokens[at + 2];
  if (first?.kind !== "string" || !isSymbol(bytes, tokens[at + 3], ",")) return undefined;
  const text = /^'((?:[^'\\]|'')*)'$/.exec(tokenText(bytes, first))?.[1]?.replaceAll("''", "'");
  let depth = 1;
  let end = at + 2;
  for (; depth > 0; end++) {
    const token = tokens[end];
    if (token === undefined) return undefined;
    if (isSymbol(bytes, token, "(")) depth++;
    else if (isSymbol(bytes, token, ")")) depth--;
  }
  const last = tokens[end - 2];
  if (text === undefined || !isSymbol(bytes, tokens[end - 3], ",")) return undefined;
  if (isWord(bytes, last, "true")) return { name: { text }, local: true };
  return isWord(bytes, last, "false") ? { name: { text }, local: false } : undefined;
}

export function callsSetConfig(tree: unknown): boolean {
  let found = false;
  walk(tree, (type, fields) => {
    if (type === "FuncCall" && names((fields as { funcname?: never[] }).funcname)?.at(-1) === "set_config")
      found = true;
    return !found;
  });
  return found;
}

function withoutCast(node: Node): Node {
  return "TypeCast" in node && node.TypeCast.arg !== undefined ? withoutCast(node.TypeCast.arg) : node;
}

function constantOrParameter(node: Node): { text: string } | { parameter: number } | boolean | undefined {
  if ("ParamRef" in node) return { parameter: node.ParamRef.number ?? 0 };
  if (!("A_Const" in node)) return undefined;
  const { sval, boolval } = node.A_Const;
  if (sval !== undefined) return { text: sval.sval ?? "" };
  return boolval === undefined ? undefined : boolval.boolval === true;
}
