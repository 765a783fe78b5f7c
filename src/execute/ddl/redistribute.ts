/**
 * Gives a table that may hold rows another distribution, within the transaction: its tables on the data nodes step aside, new
 * ones are made from the shell's definition, the rows go from the ones to the others, and the old ones are dropped.
 */
import { CopyRelay } from "../../backend/copy-relay.ts";
import { shardSchema, shardsOnNode } from "../../catalog/partition-ddl.ts";
import { forgetDropped, recordDistribution } from "../../catalog/record-distribution.ts";
import type { Distribution, Relation } from "../../catalog/snapshot.ts";
import { isSharded } from "../../catalog/placement.ts";
import { pgError } from "../../errors/pg-error.ts";
import { judgeTableExpressions } from "../../plan/ddl/judge-expressions.ts";
import { judgeKeys } from "../../plan/ddl/judge-keys.ts";
import { tableStatements, type TableDefinition } from "../../plan/ddl/table-definition.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../sql/quote.ts";
import { makeEmpty, nodesWithTable, syncPartitions } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import type { WantedDistribution } from "./distribution-spec.ts";
import { readTableDefinition } from "./read-table-definition.ts";

/** What stands for a column of the new table in a query of the old one, where it is not the column itself. */
export type ColumnSources = ReadonlyMap<string, string>;

interface ForeignKey {
  readonly child: Relation;
  readonly name: string;
  readonly definition: string;
}

export async function redistribute(
  ddl: DdlStatement,
  was: Relation,
  wanted: WantedDistribution,
  sources: ColumnSources = new Map(),
): Promise<void> {
  const gate = await ddl.gate("catalog");
  await gate(`LOCK TABLE ${quoteQualified(was.schema, was.name)} IN ACCESS EXCLUSIVE MODE`);
  const table = await readTableDefinition(gate, was.oid);
  await recordDistribution(gate, was.oid, wanted.spec, wanted.colocateWith);
  const snapshot = await ddl.reload();
  const now = snapshot.relationsByOid.get(was.oid)!;
  judgeKeys(table, now.distribution!, snapshot);
  judgeTableExpressions(table, now, snapshot);
  const incoming: ForeignKey[] = [];
  for (const [oid, name, definition] of await gate(
    `SELECT conrelid::int8, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND confrelid = ${was.oid} AND conrelid <> ${was.oid}`,
  )) {
    const child = snapshot.relationsByOid.get(Number(oid))!;
    judgeKeys(
      { ...(await readTableDefinition(gate, child.oid)), indexes: [] },
      child.distribution!,
      snapshot,
    );
    incoming.push({ child, name: name!, definition: definition! });
  }
  await dropIncoming(ddl, incoming);
  await stepAside(ddl, was);
  await makeEmpty(ddl, table, now.distribution!);
  await copyRows(ddl, was, now, table, sources);
  await finish(ddl, table, now.distribution!);
  await dropOld(ddl, was);
  await addIncoming(ddl, incoming);
  await forgetDropped(gate);
}

/** Where the old tables wait. */
function asideSchema(was: Relation): string {
  return `pleiad_moving_${was.oid}`;
}

async function dropIncoming(ddl: DdlStatement, keys: readonly ForeignKey[]): Promise<void> {
  for (const { child, name } of keys)
    await ddl.throughGate(nodesWithTable(ddl, child.distribution!), () => [
      `ALTER TABLE ${quoteQualified(child.schema, child.name)} DROP CONSTRAINT IF EXISTS ${quoteIdentifier(name)}`,
    ]);
}

async function addIncoming(ddl: DdlStatement, keys: readonly ForeignKey[]): Promise<void> {
  for (const { child, name, definition } of keys)
    await ddl.throughGate(nodesWithTable(ddl, child.distribution!), () => [
      `ALTER TABLE ${quoteQualified(child.schema, child.name)} ADD CONSTRAINT ${quoteIdentifier(name)} ${definition}`,
      ...(isSharded(child.distribution!) ? [syncPartitions(child)] : []),
    ]);
}

async function stepAside(ddl: DdlStatement, was: Relation): Promise<void> {
  const aside = asideSchema(was);
  const name = quoteQualified(was.schema, was.name);
  await ddl.throughGate(nodesWithTable(ddl, was.distribution!), (node) => {
    const statements = [
      `CREATE SCHEMA ${quoteIdentifier(aside)}`,
      `GRANT USAGE ON SCHEMA ${quoteIdentifier(aside)} TO PUBLIC`,
      `LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`,
      `ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY`,
      dropStatistics(name),
      `ALTER TABLE ${name} SET SCHEMA ${quoteIdentifier(aside)}`,
    ];
    if (isSharded(was.distribution!)) {
      for (const { ordinal } of shardsOnNode(was.distribution, node)) {
        const home = shardSchema(aside, ordinal);
        statements.push(
          `CREATE SCHEMA ${quoteIdentifier(home)}`,
          `ALTER TABLE ${quoteQualified(shardSchema(was.schema, ordinal), was.name)} SET SCHEMA ${quoteIdentifier(home)}`,
        );
      }
    }
    return statements;
  });
}

async function finish(ddl: DdlStatement, table: TableDefinition, distribution: Distribution): Promise<void> {
  const nodes = nodesWithTable(ddl, distribution);
  const name = quoteQualified(table.schema, table.name);
  const statements = tableStatements(table, distribution);
  await ddl.derived(nodes, () => [...statements.rest, ...table.attachments]);
  await ddl.throughGate(nodes, () => [
    `ALTER TABLE ${name} OWNER TO ${quoteIdentifier(table.owner)}`,
    revokeAll(name),
    ...table.grants,
    ...(isSharded(distribution) ? [syncPartitions(table)] : []),
  ]);
}

/** Statistics objects do not move with their table, and would keep their names from the new ones. */
function dropStatistics(name: string): string {
  const body = `DECLARE s record; BEGIN
    FOR s IN SELECT n.nspname, x.stxname FROM pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace WHERE x.stxrelid = ${quoteLiteral(name)}::regclass LOOP
      EXECUTE format('DROP STATISTICS %I.%I', s.nspname, s.stxname);
    END LOOP; END`;
  return `DO ${quoteLiteral(body)}`;
}

/** What default privileges have granted on a new table. */
function revokeAll(name: string): string {
  const body = `DECLARE g record; BEGIN
    FOR g IN SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = ${quoteLiteral(name)}::regclass LOOP
      EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', ${quoteLiteral(name)}, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END);
    END LOOP; END`;
  return `DO ${quoteLiteral(body)}`;
}

async function dropOld(ddl: DdlStatement, was: Relation): Promise<void> {
  const aside = asideSchema(was);
  await ddl.throughGate(nodesWithTable(ddl, was.distribution!), (node) => [
    `DROP TABLE ${quoteQualified(aside, was.name)}`,
    ...(isSharded(was.distribution!)
      ? shardsOnNode(was.distribution, node).map(
          ({ ordinal }) => `DROP SCHEMA ${quoteIdentifier(shardSchema(aside, ordinal))}`,
        )
      : []),
    `DROP SCHEMA ${quoteIdentifier(aside)}`,
  ]);
}

async function copyRows(
  ddl: DdlStatement,
  was: Relation,
  now: Relation,
  table: TableDefinition,
  sources: ColumnSources,
): Promise<void> {
  const kept = table.columns.filter((column) => column.generated === "");
  const columns = kept.map((column) => quoteIdentifier(column.name)).join(", ");
  const shown = kept.map((column) => {
    const source = sources.get(column.name);
    return source === undefined
      ? quoteIdentifier(column.name)
      : `${source} AS ${quoteIdentifier(column.name)}`;
  });
  const target = quoteQualified(now.schema, now.name);
  const old = quoteQualified(asideSchema(was), was.name);
  const predicates = await nodePredicates(ddl, now);
  const from =
    was.distribution!.kind === "replicated" ? [ddl.dataNodes[0]!] : nodesWithTable(ddl, was.distribution!);
  const to = nodesWithTable(ddl, now.distribution!);
  for (const source of from) {
    for (const node of to) {
      const select = `SELECT ${columns} FROM (SELECT ${shown.join(", ")} FROM ${old}) AS old WHERE ${predicates.get(node) ?? "true"}`;
      const connection = await ddl.connection(source);
      // Under the client's search path, in whose terms a USING expression is written.
      if (node === source)
        await ddl.run(
          connection,
          Buffer.from(`INSERT INTO ${target} (${columns}) ${select}`),
          undefined,
          false,
        );
      else
        await new CopyRelay(
          [connection],
          () => `COPY (${select}) TO STDOUT`,
          await ddl.connection(node),
          `COPY ${target} (${columns}) FROM STDIN`,
          false,
        ).run();
    }
  }
  const copies = now.distribution!.kind === "replicated" ? to.length : 1;
  const present = await countRows(ddl, from, old);
  if ((await countRows(ddl, to, target)) !== present * copies)
    throw pgError("23514", `no partition of relation "${now.name}" found for row`, {
      detail: "Some rows of the table have a key that none of its slices takes.",
    });
}

async function countRows(ddl: DdlStatement, nodes: readonly string[], name: string): Promise<number> {
  const counts = await Promise.all(
    nodes.map(async (node) => Number((await (await ddl.gate(node))(`SELECT count(*) FROM ${name}`))[0]![0])),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** For each node, the condition under which a row belongs there, in the words of the partitions themselves. */
async function nodePredicates(ddl: DdlStatement, now: Relation): Promise<ReadonlyMap<string, string>> {
  const distribution = now.distribution!;
  const predicates = new Map<string, string>();
  if (!isSharded(distribution)) return predicates;
  const name = quoteLiteral(quoteQualified(now.schema, now.name));
  const bounded: string[] = [];
  let defaultNode: string | undefined;
  for (const node of ddl.dataNodes) {
    const rows = await (
      await ddl.gate(node)
    )(
      `SELECT pg_get_partition_constraintdef(c.oid), pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = ${name}::regclass`,
    );
    const here: string[] = [];
    for (const [constraint, isDefault] of rows) {
      if (isDefault === "t") {
        defaultNode = node;
        continue;
      }
      // Hash partitions name their parent by an OID of their own server.
      here.push(
        constraint!.replace(
          /satisfies_hash_partition\('\d+'::oid/,
          `satisfies_hash_partition(${name}::regclass`,
        ),
      );
    }
    bounded.push(...here);
    predicates.set(node, here.length === 0 ? "false" : here.map((part) => `(${part})`).join(" OR "));
  }
  if (defaultNode !== undefined) {
    const others = bounded.length === 0 ? "false" : bounded.map((part) => `(${part})`).join(" OR ");
    predicates.set(defaultNode, `(${predicates.get(defaultNode)}) OR coalesce(${others}, false) IS NOT TRUE`);
  }
  return predicates;
}
