/** CREATE SCHEMA: on every server; what is written inside it goes its own ways. */
import type { CreateSchemaStmt } from "@pgsql/types";
import { refusal } from "../../errors/refusal.ts";
import type { Splice } from "../../sql/statement.ts";
import { isSymbol, isWord, nextToken, type Token } from "../../sql/tokens.ts";
import { placeTable, refuseForms } from "./create-table.ts";
import type { DdlStatement } from "./ddl-statement.ts";

/** What may stand inside CREATE SCHEMA besides tables and their indexes: the catalog node alone has it. */
const CATALOG_ELEMENTS: ReadonlySet<string> = new Set([
  "ViewStmt",
  "CreateSeqStmt",
  "GrantStmt",
  "IndexStmt",
  "CreateStmt",
]);

export async function createSchema(ddl: DdlStatement): Promise<string> {
  const { CreateSchemaStmt: create } = ddl.statement.tree as { CreateSchemaStmt: CreateSchemaStmt };
  if (/#\d+$/.test(create.schemaname ?? ""))
    throw refusal("shard-schema-name", `Schema "${create.schemaname}".`);
  const elements = create.schemaElts ?? [];
  for (const element of elements) {
    const [type, fields] = Object.entries(element)[0]!;
    if (!CATALOG_ELEMENTS.has(type)) throw refusal("definition-kind");
    if (type === "CreateStmt") refuseForms(fields as Parameters<typeof refuseForms>[0]);
  }
  const tag = await ddl.onCatalog();
  const withoutElements = elements.length === 0 ? [] : cutElements(ddl);
  await ddl.onNodes(ddl.otherNodes, () => withoutElements);
  if (elements.length === 0) {
    await ddl.changed();
    return tag;
  }
  const after = await ddl.reload();
  for (const relation of after.relationsByOid.values())
    if (relation.kind === "table" && !ddl.before.relationsByOid.has(relation.oid))
      await placeTable(ddl, relation.oid, undefined);
  return tag;
}

function cutElements(ddl: DdlStatement): readonly Splice[] {
  const { text } = ddl.statement;
  let depth = 0;
  let token: Token | undefined = nextToken(text, nextToken(text, 0)!.end);
  for (; token !== undefined; token = nextToken(text, token.end)) {
    if (isSymbol(text, token, "(")) depth++;
    else if (isSymbol(text, token, ")")) depth--;
    else if (depth === 0 && (isWord(text, token, "create") || isWord(text, token, "grant"))) break;
  }
  return token === undefined ? [] : [{ start: token.start, end: text.length, text: "" }];
}
