/** DROP of everything. The catalog node decides (RESTRICT, CASCADE, rights); what is gone there goes everywhere. */
import type { DropStmt, List } from "@pgsql/types";
import { findRelation, type Relation } from "../../catalog/snapshot.ts";
import { ifExists } from "../../plan/ddl/drop-text.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../sql/quote.ts";
import type { Splice } from "../../sql/statement.ts";
import { isWord, nextToken } from "../../sql/tokens.ts";
import { names } from "../../sql/walk.ts";
import { nodesWithTable } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { refuseOwnExtension } from "./extensions.ts";
import { followDrops, refuseChangedKeys } from "./follow-structure.ts";

export async function dropObjects(ddl: DdlStatement): Promise<string> {
  const { DropStmt: drop } = ddl.statement.tree as { DropStmt: DropStmt };
  switch (drop.removeType) {
    case "OBJECT_TABLE":
    case "OBJECT_VIEW":
    case "OBJECT_SEQUENCE":
    case "OBJECT_MATVIEW":
    case "OBJECT_FOREIGN_TABLE":
    case "OBJECT_RULE":
    case "OBJECT_EVENT_TRIGGER":
    case "OBJECT_PUBLICATION":
    case "OBJECT_FDW":
    case "OBJECT_FOREIGN_SERVER":
    case "OBJECT_USER_MAPPING": {
      const tag = await ddl.onCatalog();
      await followDrops(ddl, await ddl.reload());
      return tag;
    }
    case "OBJECT_INDEX":
      return dropIndexes(ddl, drop);
    case "OBJECT_TRIGGER":
    case "OBJECT_POLICY":
      return dropOfTable(ddl, drop);
    case "OBJECT_STATISTIC_EXT": {
      const tag = await ddl.onCatalog();
      await ddl.onNodes(ddl.dataNodes, () => ifExists(ddl.statement));
      await ddl.changed();
      return tag;
    }
    case "OBJECT_SCHEMA":
      return dropSchemas(ddl, drop);
    case "OBJECT_EXTENSION":
      for (const object of drop.objects ?? []) refuseOwnExtension(names([object])?.[0]);
      return dropAnything(ddl);
    default:
      return dropAnything(ddl);
  }
}

async function dropAnything(ddl: DdlStatement): Promise<string> {
  const tag = await ddl.onCatalog();
  const after = await ddl.reload();
  await followDrops(ddl, after);
  refuseChangedKeys(ddl, after);
  await ddl.onNodes(ddl.otherNodes, () => ifExists(ddl.statement));
  return tag;
}

/** Indexes that the catalog node dropped are dropped on the nodes of their tables, by name. */
async function dropIndexes(ddl: DdlStatement, drop: DropStmt): Promise<string> {
  // Without CONCURRENTLY it is one transaction over all servers, for a moment's lock; inside a block PostgreSQL refuses it.
  const plain = drop.concurrent === true && ddl.ownTransaction ? withoutConcurrently(ddl) : [];
  const tag = await ddl.onCatalog(plain);
  const after = await ddl.reload();
  const gone = new Map<Relation, string[]>();
  for (const was of ddl.before.relationsByOid.values()) {
    const now = after.relationsByOid.get(was.oid);
    if (was.distribution === undefined || now === undefined) continue;
    const lost = was.indexes.filter((index) => now.indexes.every((left) => left.name !== index.name));
    if (lost.length > 0)
      gone.set(
        was,
        lost.map((index) => quoteQualified(was.schema, index.name)),
      );
  }
  await ddl.throughGate(ddl.dataNodes, (node) =>
    [...gone].flatMap(([relation, indexes]) =>
      nodesWithTable(ddl, relation.distribution!).includes(node)
        ? [`DROP INDEX IF EXISTS ${indexes.join(", ")} CASCADE`]
        : [],
    ),
  );
  return tag;
}

function withoutConcurrently(ddl: DdlStatement): readonly Splice[] {
  const { text } = ddl.statement;
  let token = nextToken(text, 0);
  while (token !== undefined && !isWord(text, token, "concurrently")) token = nextToken(text, token.end);
  return token === undefined ? [] : [{ start: token.start, end: token.end, text: "" }];
}

/** DROP TRIGGER t ON table, DROP POLICY p ON table: where the table is. */
async function dropOfTable(ddl: DdlStatement, drop: DropStmt): Promise<string> {
  const path = names((drop.objects![0] as { List: List }).List.items) ?? [];
  const relation = findRelation(ddl.before, await ddl.context.searchPath(), path.at(-3), path.at(-2) ?? "");
  const tag = await ddl.onCatalog();
  await ddl.changed();
  if (relation?.distribution !== undefined)
    await ddl.onNodes(nodesWithTable(ddl, relation.distribution), () => ifExists(ddl.statement));
  return tag;
}

async function dropSchemas(ddl: DdlStatement, drop: DropStmt): Promise<string> {
  const tag = await ddl.onCatalog();
  const after = await ddl.reload();
  await followDrops(ddl, after);
  refuseChangedKeys(ddl, after);
  await ddl.onNodes(ddl.otherNodes, () => ifExists(ddl.statement));
  for (const object of drop.objects ?? []) {
    const name = (object as { String: { sval: string } }).String.sval;
    await ddl.everywhere(ddl.dataNodes, async (node) => {
      const gate = await ddl.gate(node);
      for (const schema of await shardSchemas(gate, name))
        await gate(`DROP SCHEMA ${quoteIdentifier(schema)}`);
    });
  }
  return tag;
}

/** Schemas of a node that hold the shards of a schema's tables. */
export async function shardSchemas(
  gate: (sql: string) => Promise<readonly (readonly (string | null)[])[]>,
  schema: string,
): Promise<readonly string[]> {
  const rows = await gate(
    `SELECT nspname FROM pg_namespace WHERE left(nspname, length(${quoteLiteral(schema)}) + 1) = ${quoteLiteral(`${schema}#`)} AND substr(nspname, length(${quoteLiteral(schema)}) + 2) ~ '^[0-9]+$'`,
  );
  return rows.map((row) => row[0]!);
}
