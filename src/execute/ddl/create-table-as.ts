/** CREATE TABLE AS and SELECT INTO: the catalog node makes the empty shell, the rows come by INSERT … SELECT. */
import type { CreateTableAsStmt, IntoClause, SelectStmt } from "@pgsql/types";
import { pgError } from "../../errors/pg-error.ts";
import { hasWritingWith } from "../../plan/write/writing-with.ts";
import { refusal } from "../../errors/refusal.ts";
import { endOfName } from "../../plan/ddl/table-head.ts";
import { quoteQualified } from "../../sql/quote.ts";
import { applySplices } from "../../sql/splice.ts";
import type { Splice } from "../../sql/statement.ts";
import { isSymbol, isWord, nextToken, tokenize } from "../../sql/tokens.ts";
import { createdRelation, placeTable } from "./create-table.ts";
import type { DdlStatement } from "./ddl-statement.ts";

export async function createTableAs(ddl: DdlStatement): Promise<string> {
  const tree = ddl.statement.tree as { CreateTableAsStmt?: CreateTableAsStmt; SelectStmt?: SelectStmt };
  const into = intoClause(tree);
  if (into.rel?.relpersistence === "t" || into.rel?.schemaname === "pg_temp")
    throw refusal("temporary-object", `Table "${into.rel.relname}".`);
  if (tree.CreateTableAsStmt?.objtype === "OBJECT_MATVIEW") throw refusal("create-materialized-view");
  if (into.tableSpaceName !== undefined) throw refusal("tablespace");
  if (tree.CreateTableAsStmt?.query !== undefined && "ExecuteStmt" in tree.CreateTableAsStmt.query)
    throw refusal("create-as-execute");
  if (hasWritingWith(tree.CreateTableAsStmt?.query ?? ddl.statement.tree))
    throw refusal("writing-with-in-read");
  const { shell, query } =
    tree.CreateTableAsStmt === undefined ? fromSelectInto(ddl, into) : fromCreateAs(ddl, into);
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

interface Parts {
  /** Changes that leave CREATE TABLE … AS … WITH NO DATA. */
  readonly shell: readonly Splice[];
  readonly query: string;
}

function fromCreateAs(ddl: DdlStatement, into: IntoClause): Parts {
  const { text } = ddl.statement;
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
  return {
    shell: [{ start: withoutClause, end: text.length, text: " WITH NO DATA" }],
    query: text.toString("utf8", tokens[as]!.end, withoutClause),
  };
}

/** SELECT … INTO t FROM … is CREATE TABLE t AS SELECT … FROM …. */
function fromSelectInto(ddl: DdlStatement, into: IntoClause): Parts {
  const { text } = ddl.statement;
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
  const unlogged = into.rel!.relpersistence === "u" ? "UNLOGGED " : "";
  return {
    shell: [
      { start: 0, end: 0, text: `CREATE ${unlogged}TABLE ${text.toString("utf8", nameStart, nameEnd)} AS ` },
      cut,
      { start: text.length, end: text.length, text: " WITH NO DATA" },
    ],
    query: applySplices(text, [cut]).toString(),
  };
}
