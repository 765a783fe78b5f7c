/** A list of tables in a statement (GRANT ON a, b; VACUUM a, b): each node is told only of those that it has. */
import type { RangeVar } from "@pgsql/types";
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import { isSymbol, nextToken } from "../../sql/tokens.ts";
import { endOfName } from "./table-head.ts";

export interface ListedTable {
  readonly start: number;
  readonly end: number;
}

/** Byte ranges of the names, each with a list of columns behind it if there is one. */
export function listedTables(statement: ParsedStatement, names: readonly RangeVar[]): readonly ListedTable[] {
  return names.map((name) => {
    const start = name.location ?? 0;
    return { start, end: endOfColumns(statement.text, endOfName(statement.text, start)) };
  });
}

function endOfColumns(text: Buffer, from: number): number {
  let token = nextToken(text, from);
  if (!isSymbol(text, token, "(")) return from;
  while (token !== undefined && !isSymbol(text, token, ")")) token = nextToken(text, token.end);
  return token?.end ?? from;
}

/** Changes that leave only the listed tables for which `kept` holds; undefined when that is none. */
export function keepListed(
  tables: readonly ListedTable[],
  kept: readonly boolean[],
): readonly Splice[] | undefined {
  if (!kept.includes(true)) return undefined;
  return tables.flatMap((table, i) => {
    if (kept[i] === true) return [];
    const last = !kept.slice(i + 1).includes(true);
    return [
      last
        ? { start: tables[i - 1]!.end, end: table.end, text: "" }
        : { start: table.start, end: tables[i + 1]!.start, text: "" },
    ];
  });
}
