/** CREATE TABLE AS and SELECT INTO: the catalog node makes the empty shell, the rows come by INSERT … SELECT. */
import type { CreateTableAsStmt, IntoClause, SelectStmt } from "@pgsql/types";
import { pgError } from "../../errors/pg-error.ts";
import { hasWritingWith } from "../../plan/write/writing-with.ts";
import { refusal } from "../../errors/refusal.ts";
import { endOfName } from "../../plan/ddl/table-head.ts";
import { quoteQualified } from "../../sql/quote.ts";
import { applySplices } from "../../sql/splice.ts";
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import { isSymbol, isWord, nextToken, tokenize } from "../../sql/tokens.ts";
import { createdRelation, placeTable } from "./create-table.ts";
import { fillMaterializedView } from "./materialized-view.ts";
import type { DdlStatement } from "./ddl-statement.ts";

export async function createTableAs(ddl: DdlStatement): Promise<string> {
  const tree = ddl.statement.tree as { CreateTableAsStmt?: CreateTableAsStmt; SelectStmt?: SelectStmt };
  const into = intoClause(tree);
  if (into.tableSpaceName !== undefined) throw refusal("tablespace");
  if (tree.CreateTableAsStmt?.objtype === "OBJECT_MATVIEW") return createMaterializedView(ddl, into);
  if (tree.CreateTableAsStmt?.query !== undefined && "ExecuteStmt" in tree.CreateTableAsStmt.query)
    throw refusal("create-as-execute");
  if (hasWritingWith(tree.CreateTableAsStmt?.query ?? ddl.statement.tree))
    throw refusal("writing-with-in-read");
  const { shell, query } = partsOfCreateAs(ddl.statement);
  const tag = await ddl.onCatalog(shell);
  if (ddl.skipped) return tag;
  const relation = await placeTable(
    ddl,
    await createdRelation(ddl, into.rel ?? {}),
    ddl.statement.distribution,
  );
  if (into.skipData === true) return tag;
  const inserted = await ddl.context.runStatement(
    `INSERT INTO ${quoteQualified(relation.schema, relation.name)} ${query}`,
  );
  return `SELECT ${inserted.split(" ").at(-1)}`;
}

async function createMaterializedView(ddl: DdlStatement, into: IntoClause): Promise<string> {
  const tag = await ddl.onCatalog(partsOfCreateAs(ddl.statement).shell);
  if (ddl.skipped) return tag;
  const oid = await createdRelation(ddl, into.rel ?? {});
  // Whatever it is joined to, its rows are there; and it can have unique keys.
  const view = await placeTable(ddl, oid, {
    by: { kind: "replicated" },
    shards: undefined,
    colocateWith: undefined,
  });
  return into.skipData === true ? tag : `SELECT ${await fillMaterializedView(ddl, view, false)}`;
}

function intoClause(tree: { CreateTableAsStmt?: CreateTableAsStmt; SelectStmt?: SelectStmt }): IntoClause {
  let select = tree.SelectStmt;
  let into = tree.CreateTableAsStmt?.into ?? select?.intoClause;
  while (into === undefined && select?.larg !== undefined) {
    select = select.larg;
    into = select.intoClause;
  }
  if (into === undefined) throw pgError("XX000", "CREATE TABLE AS without a table");
  return into;
}

/** `name`: another one, quoted, for the table. */
export function partsOfCreateAs(statement: ParsedStatement, name?: string): Parts {
  const tree = statement.tree as { CreateTableAsStmt?: CreateTableAsStmt; SelectStmt?: SelectStmt };
  const into = intoClause(tree);
  return tree.CreateTableAsStmt === undefined
    ? fromSelectInto(statement, into, name)
    : fromCreateAs(statement, into, name);
}

interface Parts {
  readonly into: IntoClause;
  /** Changes that leave CREATE TABLE … AS … WITH NO DATA. */
  readonly shell: readonly Splice[];
  readonly query: string;
}

function fromCreateAs({ text }: ParsedStatement, into: IntoClause, name: string | undefined): Parts {
  const tokens = tokenize(text);
  let depth = 0;
  const as = tokens.findIndex((token) => {
    if (isSymbol(text, token, "(")) depth++;
    else if (isSymbol(text, token, ")")) depth--;
    return depth === 0 && token.start > (into.rel?.location ?? 0) && isWord(text, token, "as");
  });
  const last = tokens.at(-1)!;
  const withData =
    isWord(text, last, "data") && (isWord(text, tokens.at(-2), "with") || isWord(text, tokens.at(-2), "no"));
  const withoutClause = withData ? tokens.at(isWord(text, tokens.at(-2), "no") ? -3 : -2)!.start : last.end;
  const nameStart = into.rel!.location ?? 0;
  const renamed =
    name === undefined ? [] : [{ start: nameStart, end: endOfName(text, nameStart), text: name }];
  return {
    into,
    shell: [...renamed, { start: withoutClause, end: text.length, text: " WITH NO DATA" }],
    query: text.toString("utf8", tokens[as]!.end, withoutClause),
  };
}

/** SELECT … INTO t FROM … is CREATE TABLE t AS SELECT … FROM …. */
function fromSelectInto({ text }: ParsedStatement, into: IntoClause, name: string | undefined): Parts {
  const nameStart = into.rel!.location ?? 0;
  const nameEnd = endOfName(text, nameStart);
  let start = 0;
  for (
    let token = nextToken(text, 0);
    token !== undefined && token.start < nameStart;
    token = nextToken(text, token.end)
  )
    if (isWord(text, token, "into")) start = token.start;
  const cut = { start, end: nameEnd, text: " " };
  const kind = { u: "UNLOGGED ", t: "TEMPORARY " }[into.rel!.relpersistence ?? "p"] ?? "";
  const written = name ?? text.toString("utf8", nameStart, nameEnd);
  return {
    into,
    shell: [
      { start: 0, end: 0, text: `CREATE ${kind}TABLE ${written} AS ` },
      cut,
      { start: text.length, end: text.length, text: " WITH NO DATA" },
    ],
    query: applySplices(text, [cut]).toString(),
  };
}
