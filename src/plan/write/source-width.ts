/** How many columns the source of an INSERT has: where a star hides that, the catalog node is asked. */
import type { Node, SelectStmt } from "@pgsql/types";
import type { ParsedStatement } from "../../sql/statement.ts";
import { isWord, nextToken, tokenize } from "../../sql/tokens.ts";
import { endOfRelationName } from "../table-names.ts";
import { clausesStart } from "./text-places.ts";

/** Undefined where a star stands in the select list. */
export function sourceWidth(source: Node | undefined): number | undefined {
  if (source === undefined || !("SelectStmt" in source)) return undefined;
  let select: SelectStmt = source.SelectStmt;
  while (select.larg !== undefined) select = select.larg;
  const [first] = select.valuesLists ?? [];
  if (first !== undefined) return "List" in first ? (first.List.items ?? []).length : undefined;
  const list = select.targetList ?? [];
  return list.some(isStar) ? undefined : list.length;
}

function isStar(node: Node): boolean {
  const value = "ResTarget" in node ? node.ResTarget.val : undefined;
  if (value === undefined) return false;
  const path =
    "ColumnRef" in value
      ? value.ColumnRef.fields
      : "A_Indirection" in value
        ? value.A_Indirection.indirection
        : undefined;
  const last = path?.at(-1);
  return last !== undefined && "A_Star" in last;
}

/** The source as a statement of its own, to be described; undefined where its width is known, or plays no part. */
export function sourceToDescribe({ tree, text }: ParsedStatement): Buffer | undefined {
  if (!("InsertStmt" in tree)) return undefined;
  const { InsertStmt: insert } = tree;
  const { relation, selectStmt, onConflictClause, returningClause, withClause } = insert;
  if ((insert.cols ?? []).length > 0 || selectStmt === undefined || relation === undefined) return undefined;
  if (sourceWidth(selectStmt) !== undefined) return undefined;
  let start = endOfRelationName(text, relation.location ?? 0, relation);
  for (const word of relation.alias === undefined ? [] : ["as", ""]) {
    const token = nextToken(text, start);
    if (token !== undefined && (word === "" || isWord(text, token, word))) start = token.end;
  }
  const overriding = nextToken(text, start);
  if (isWord(text, overriding, "overriding")) {
    const which = nextToken(text, overriding!.end);
    start = nextToken(text, which?.end ?? start)?.end ?? start;
  }
  const clauses = onConflictClause !== undefined || returningClause !== undefined;
  const end = clauses
    ? (clausesStart(text, onConflictClause && (onConflictClause.location ?? 0)) ?? text.length)
    : text.length;
  // WITH … stands before INSERT INTO.
  const before = tokenize(text.subarray(0, relation.location ?? 0));
  const withEnd = withClause === undefined ? 0 : (before.at(-2)?.start ?? 0);
  return Buffer.concat([text.subarray(0, withEnd), text.subarray(start, end)]);
}
