/**
 * CREATE INDEX CONCURRENTLY: on the shell, then on each partition by itself, then the parent's index takes them over, which
 * is quick. Nothing of this can be one transaction: what fails half way is taken back, and a repetition finds a clean table.
 */
import type { IndexStmt } from "@pgsql/types";
import type { Relation } from "../../catalog/snapshot.ts";
import { isSharded } from "../../catalog/placement.ts";
import { refusal } from "../../errors/refusal.ts";
import type { IndexDefinition } from "../../plan/ddl/table-definition.ts";
import { endOfName } from "../../plan/ddl/table-head.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import { isWord, nextToken } from "../../sql/tokens.ts";
import { judgeNewIndex } from "./create-index.ts";
import { nodesWithTable, partsOnNode, syncPartitions } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { readTableDefinition } from "./read-table-definition.ts";

export async function createIndexConcurrently(ddl: DdlStatement): Promise<string> {
  const { IndexStmt: create } = ddl.statement.tree as { IndexStmt: IndexStmt };
  if (create.tableSpace !== undefined) throw refusal("tablespace");
  const relation = await ddl.find(create.relation ?? {});
  const read = () =>
    ddl.inTransaction(async () => readTableDefinition(await ddl.gate("catalog"), relation!.oid));
  const known = relation?.distribution === undefined ? [] : (await read()).indexes;
  const tag = await ddl.apart("catalog", [], true);
  if (relation?.distribution === undefined || ddl.skipped) return tag;
  const table = await read();
  const index = table.indexes.find((candidate) => known.every((k) => k.oid !== candidate.oid))!;
  try {
    judgeNewIndex(ddl, relation, table, known);
    await buildOnNodes(ddl, relation, index);
  } catch (error) {
    await takeBack(ddl, relation, index);
    throw error;
  }
  await ddl.context.changedApart();
  return tag;
}

async function buildOnNodes(ddl: DdlStatement, relation: Relation, index: IndexDefinition): Promise<void> {
  const distribution = relation.distribution!;
  const nodes = nodesWithTable(ddl, distribution);
  await ddl.everywhere(nodes, async (node) => {
    for (const part of partsOnNode(relation, distribution, node))
      await ddl.sqlApart(node, [concurrently(index.definition, part)]);
  });
  await ddl.inTransaction(async () => {
    // PostgreSQL finds the partitions' indexes and attaches them.
    if (isSharded(distribution)) {
      await ddl.derived(nodes, () => [index.definition]);
      await ddl.throughGate(nodes, () => [syncPartitions(relation)]);
    }
    await ddl.changed();
  });
}

/** CREATE INDEX name ON table … becomes CREATE INDEX CONCURRENTLY name ON partition … */
function concurrently(definition: string, part: string): string {
  const text = Buffer.from(definition);
  let token = nextToken(text, 0)!;
  while (!isWord(text, token, "index")) token = nextToken(text, token.end)!;
  const afterIndex = token.end;
  while (!isWord(text, token, "on")) token = nextToken(text, token.end)!;
  const nameStart = nextToken(text, token.end)!.start;
  const nameEnd = endOfName(text, nameStart);
  const cut = (start: number, end: number) => text.toString("utf8", start, end);
  return `${cut(0, afterIndex)} CONCURRENTLY${cut(afterIndex, nameStart)}${part}${cut(nameEnd, text.length)}`;
}

async function takeBack(ddl: DdlStatement, relation: Relation, index: IndexDefinition): Promise<void> {
  const distribution = relation.distribution!;
  await Promise.allSettled([
    ddl.sqlApart("catalog", [`DROP INDEX IF EXISTS ${quoteQualified(relation.schema, index.name)}`]),
    ...nodesWithTable(ddl, distribution).map((node) =>
      ddl.sqlApart(
        node,
        partsOnNode(relation, distribution, node).map(
          (part) =>
            `DROP INDEX IF EXISTS ${part.slice(0, part.lastIndexOf(quoteIdentifier(relation.name)))}${quoteIdentifier(index.name)}`,
        ),
      ),
    ),
  ]);
}
