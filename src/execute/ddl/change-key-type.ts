/**
 * ALTER COLUMN … TYPE of a distribution column. PostgreSQL cannot do that to the key of a partitioned table: the table is
 * made anew with the new type, and its rows move to where their new keys place them.
 */
import type { ColumnDef } from "@pgsql/types";
import type { DistributionSpec } from "../../catalog/record-distribution.ts";
import { DEFAULT_SLICE, MAXVALUE, type Distribution, type Relation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import type { AlterParts } from "../../plan/ddl/alter-table-parts.ts";
import { quoteIdentifier } from "../../sql/quote.ts";
import { isSymbol, isWord, nextToken } from "../../sql/tokens.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { redistribute } from "./redistribute.ts";

export async function changeKeyType(
  ddl: DdlStatement,
  was: Relation,
  now: Relation,
  { parts }: AlterParts,
): Promise<void> {
  const sources = new Map<string, string>();
  for (const part of parts) {
    const { command } = part;
    // Dropping the key, or changing more than types along with it.
    if (command.subtype !== "AT_AlterColumnType") throw refusal("key-changed", `Table "${was.name}".`);
    const name = command.name!;
    const { ColumnDef: column } = command.def as { ColumnDef: ColumnDef };
    const type = now.columns.find((c) => c.name === name)!.typeName;
    if (column.raw_default !== undefined)
      sources.set(name, `(${usingExpression(ddl, part.start, part.end)})::${type}`);
    else sources.set(name, `${quoteIdentifier(name)}::${type}`);
  }
  await redistribute(ddl, was, { spec: specOf(was.distribution!), colocateWith: undefined }, sources);
}

function usingExpression(ddl: DdlStatement, start: number, end: number): string {
  const { text } = ddl.statement;
  let depth = 0;
  for (
    let token = nextToken(text, start);
    token !== undefined && token.end <= end;
    token = nextToken(text, token.end)
  ) {
    if (isSymbol(text, token, "(")) depth++;
    else if (isSymbol(text, token, ")")) depth--;
    else if (depth === 0 && isWord(text, token, "using")) return text.toString("utf8", token.end, end);
  }
  return "";
}

/** A distribution that exists, as one that is wanted. */
function specOf(distribution: Distribution): DistributionSpec {
  switch (distribution.kind) {
    case "replicated":
    case "random":
      return { kind: distribution.kind };
    case "single":
      return { kind: "single", node: distribution.node };
    case "hash":
      return { kind: "hash", columns: distribution.columns, shards: distribution.placements.length };
    case "range":
      return {
        kind: "range",
        columns: distribution.columns,
        slices: distribution.slices.map(({ name, lessThan }) => ({
          name,
          bounds: lessThan.map((value) => (value === MAXVALUE ? { max: true } : value)),
        })),
      };
    case "list":
      return {
        kind: "list",
        columns: distribution.columns,
        slices: distribution.slices.map(({ name, values }) => ({
          name,
          bounds: values === DEFAULT_SLICE ? { default: true } : values,
        })),
      };
  }
}
