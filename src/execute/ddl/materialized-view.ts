/**
 * Materialised views. The shell on the catalog node is one in PostgreSQL's own sense, with its definition and without rows; on
 * every data node the rows are a table of that name. The definition runs as an INSERT into a passing table, from which each
 * node takes the rows over: readers see the old rows or the new ones.
 */
import type { RefreshMatViewStmt } from "@pgsql/types";
import { forgetDropped, recordDistribution } from "../../catalog/record-distribution.ts";
import type { Relation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import { endOfName } from "../../plan/ddl/table-head.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../sql/quote.ts";
import { nodesWithTable } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";

export async function refreshMaterializedView(ddl: DdlStatement): Promise<string> {
  const { RefreshMatViewStmt: refresh } = ddl.statement.tree as { RefreshMatViewStmt: RefreshMatViewStmt };
  const view = await ddl.find(refresh.relation ?? {});
  const concurrent = refresh.concurrent === true;
  const refused =
    view?.kind !== "materialized view" ||
    (concurrent && (refresh.skipData === true || !view.populated || !(await mayRefreshBeside(ddl, view))));
  // PostgreSQL says why, before it reads anything.
  if (refused) return ddl.onCatalog();
  if (!concurrent) await emptyShell(ddl, refresh);
  if (refresh.skipData === true) {
    await ddl.derived(nodesWithTable(ddl, view.distribution!), () => [`TRUNCATE ${nameOf(view)}`]);
    await ddl.changed();
  } else await fillMaterializedView(ddl, view, concurrent);
  return "REFRESH MATERIALIZED VIEW";
}

/** Rights and kind are checked, and readers wait, as in PostgreSQL; the definition does not run over shells. */
async function emptyShell(ddl: DdlStatement, { relation }: RefreshMatViewStmt): Promise<void> {
  const { text } = ddl.statement;
  const start = endOfName(text, relation!.location ?? 0);
  await ddl.onCatalog([{ start, end: text.length, text: " WITH NO DATA" }]);
}

/** CONCURRENTLY: has the role the right, and the view a unique index over columns and all its rows? */
async function mayRefreshBeside(ddl: DdlStatement, { oid }: Relation): Promise<boolean> {
  const query = await ddl.asClient();
  const [row] = await query(
    `SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') AND EXISTS (
       SELECT FROM pg_catalog.pg_index i
       WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL)
     FROM pg_catalog.pg_class c WHERE c.oid = ${oid}`,
  );
  return row?.[0] === "t";
}

/** Runs the definition and puts its rows in the place of those that are there; gives their number. */
export async function fillMaterializedView(
  ddl: DdlStatement,
  view: Relation,
  concurrent: boolean,
): Promise<number> {
  await requireOwner(ddl, view);
  const gate = await ddl.gate("catalog");
  const nodes = nodesWithTable(ddl, view.distribution!).toSorted();
  // Two refreshes meet here, on one node after the other; readers are let through.
  if (concurrent)
    for (const node of nodes)
      await ddl.derived([node], () => [`LOCK TABLE ${nameOf(view)} IN EXCLUSIVE MODE`]);
  const rows = quoteQualified(view.schema, `pleiad#${view.oid}`);
  const create = [
    `CREATE TABLE ${rows} (LIKE ${nameOf(view)})`,
    `ALTER TABLE ${rows} OWNER TO ${quoteIdentifier(view.owner)}`,
  ];
  await ddl.throughGate(["catalog", ...nodes], () => create);
  const [created] = await gate(`SELECT ${quoteLiteral(rows)}::regclass::oid`);
  await recordDistribution(gate, Number(created![0]), { kind: "replicated" }, undefined);
  await ddl.reload();
  const [definition] = await gate(`SELECT pg_get_viewdef(${view.oid})`);
  const tag = await ddl.context.runRestricted(`INSERT INTO ${rows} ${definition![0]!}`);
  await ddl.derived(nodes, () => [
    concurrent ? `DELETE FROM ${nameOf(view)}` : `TRUNCATE ${nameOf(view)}`,
    `INSERT INTO ${nameOf(view)} SELECT * FROM ${rows}`,
  ]);
  await ddl.throughGate(["catalog", ...nodes], () => [`DROP TABLE ${rows}`]);
  await forgetDropped(gate);
  await gate(`UPDATE pg_class SET relispopulated = true WHERE oid = ${view.oid}`);
  await ddl.changed();
  return Number(tag.split(" ").at(-1));
}

/** PostgreSQL evaluates a definition as the view's owner, whoever asks. */
async function requireOwner(ddl: DdlStatement, view: Relation): Promise<void> {
  const [row] = await (await ddl.asClient())("SELECT current_user");
  if (row![0] !== view.owner)
    throw refusal("refresh-as-owner", `Materialized view "${view.name}" belongs to "${view.owner}".`);
}

function nameOf({ schema, name }: Relation): string {
  return quoteQualified(schema, name);
}
