/** SET CONSTRAINTS: on the catalog node, where PostgreSQL checks the names, and on every node that holds rows of their tables. */
import { nodesOf } from "../../catalog/placement.ts";
import { complete, runOnLease } from "../../execute/run-on-catalog.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";

interface ConstraintsSetStmt {
  /** Absent for ALL. */
  readonly constraints?: readonly { readonly RangeVar: { readonly relname: string } }[];
}

export async function runSetConstraints(
  session: Session,
  planned: PlannedStatement,
  run: Run,
): Promise<Outcome> {
  const { constraints } = (planned.statement.tree as { ConstraintsSetStmt: ConstraintsSetStmt })
    .ConstraintsSetStmt;
  const { transaction } = session;
  const lease = await transaction.lease("catalog", false);
  try {
    // Outside a transaction it says that this has no effect.
    if (!transaction.active) return await runOnLease(session.context, lease, planned.statement, run);
    const sql = planned.statement.text.toString();
    await lease.connection.query(sql);
    for (const node of await nodesConcerned(session, constraints)) {
      const there = await transaction.lease(node, false);
      await there.connection.query(sql);
      if (there.preludeError !== undefined) throw there.preludeError;
    }
    if (constraints === undefined) transaction.addToBegin(sql);
    return complete(session.context, run, "SET CONSTRAINTS");
  } finally {
    lease.release();
  }
}

/** ALL: the nodes that take part already (others hear it when they join). Named ones: all nodes with rows of their tables. */
async function nodesConcerned(
  session: Session,
  constraints: ConstraintsSetStmt["constraints"],
): Promise<readonly string[]> {
  const { transaction } = session;
  if (constraints === undefined) return transaction.nodes.filter((node) => node !== "catalog");
  const names = constraints.map(({ RangeVar }) => quoteLiteral(RangeVar.relname)).join(", ");
  const lease = await transaction.lease("catalog", false);
  const rows = await lease.connection.query(
    `SELECT DISTINCT conrelid FROM pg_catalog.pg_constraint WHERE conname IN (${names}) AND conrelid <> 0`,
  );
  const snapshot = await session.view.loadSnapshot();
  const nodes = new Set<string>();
  for (const [oid] of rows) {
    const distribution = snapshot.relationsByOid.get(Number(oid))?.distribution;
    if (distribution !== undefined)
      for (const node of nodesOf(distribution, snapshot.dataNodes)) nodes.add(node);
  }
  return [...nodes].toSorted();
}
