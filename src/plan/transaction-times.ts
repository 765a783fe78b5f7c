/** Calls whose value is the start of the client's transaction, with the SQL that gives the same value from a literal. */
import type { SQLValueFunction } from "@pgsql/types";
import { isSymbol, nextToken } from "../sql/tokens.ts";
import { names } from "../sql/walk.ts";
import { transactionTimeFunctions } from "./built-in-functions.ts";
import type { TransactionTime } from "./plan.ts";
import type { QueryTree, Unit } from "./query-tree.ts";

const types: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_DATE: "date",
  SVFOP_CURRENT_TIME: "timetz",
  SVFOP_CURRENT_TIME_N: "timetz",
  SVFOP_CURRENT_TIMESTAMP: "timestamptz",
  SVFOP_CURRENT_TIMESTAMP_N: "timestamptz",
  SVFOP_LOCALTIME: "time",
  SVFOP_LOCALTIME_N: "time",
  SVFOP_LOCALTIMESTAMP: "timestamp",
  SVFOP_LOCALTIMESTAMP_N: "timestamp",
};

/** Those in the statement's own text, or in that of a view which it names. */
export function transactionTimes(tree: QueryTree, within: Unit = tree.unit): TransactionTime[] {
  const result: TransactionTime[] = [];
  for (const { node, unit } of tree.timeFunctions) {
    const type = types[node.op ?? ""];
    if (type === undefined || unit !== within) continue;
    result.push({ ...keywordRange(unit, node), template: template(type, node) });
  }
  for (const { node, unit } of tree.functionCalls) {
    const path = names(node.funcname) ?? [];
    if (unit !== within || !isTransactionTime(path)) continue;
    const start = node.location ?? 0;
    let end = start;
    // now ( ), pg_catalog . now ( )
    for (let i = 0; i < path.length * 2 + 1; i++) end = nextToken(unit.text, end)?.end ?? end;
    result.push({ start, end, template: "(@)" });
  }
  return result.toSorted((a, b) => a.start - b.start);
}

export function isTransactionTime(path: readonly string[]): boolean {
  return transactionTimeFunctions.has(path.at(-1) ?? "") && (path.length === 1 || path[0] === "pg_catalog");
}

/** Does a view's definition ask for the time? It has no place in the statement's text where a literal could be put. */
export function hasHiddenTimes(tree: QueryTree): boolean {
  return (
    tree.timeFunctions.some(({ node, unit }) => unit !== tree.unit && types[node.op ?? ""] !== undefined) ||
    tree.functionCalls.some(
      ({ node, unit }) => unit !== tree.unit && isTransactionTime(names(node.funcname) ?? []),
    )
  );
}

function keywordRange(unit: Unit, node: SQLValueFunction): { start: number; end: number } {
  const start = node.location ?? 0;
  const keyword = nextToken(unit.text, start);
  let end = keyword?.end ?? start;
  if (node.op?.endsWith("_N") === true) {
    let token = nextToken(unit.text, end);
    while (token !== undefined && !isSymbol(unit.text, token, ")")) token = nextToken(unit.text, token.end);
    end = token?.end ?? end;
  }
  return { start, end };
}

function template(type: string, node: SQLValueFunction): string {
  const precision = node.op?.endsWith("_N") === true ? `(${node.typmod ?? 0})` : "";
  return `(@)::pg_catalog.${type}${precision}`;
}
