/** Which tables the parts of a statement read and write, by their OIDs on the catalog node. */
import type { Relation, Snapshot } from "../../catalog/snapshot.ts";
import type { CatalogPlan, ReadPlan } from "../../plan/plan.ts";
import type { WritePlan } from "../../plan/write-plan.ts";
import type { Session } from "../session.ts";

type AnyPlan = ReadPlan | WritePlan | CatalogPlan | undefined;

export function writtenTable(plan: AnyPlan): Relation | undefined {
  return plan?.kind === "write" && plan.command !== "WITH" ? plan.target : undefined;
}

/** Tables whose rows have a say in what the part does. A plain INSERT looks at nothing of its target but the keys. */
export function readTables(snapshot: Snapshot, plan: AnyPlan): ReadonlySet<number> {
  const relations: Relation[] = [];
  if (plan?.kind === "read") relations.push(...plan.uses.map((use) => use.relation));
  else if (plan?.kind === "write" && plan.command !== "WITH") {
    relations.push(...plan.others.map((use) => use.relation));
    const updates =
      plan.command !== "INSERT" ||
      ("InsertStmt" in plan.statement.tree &&
        plan.statement.tree.InsertStmt.onConflictClause?.action === "ONCONFLICT_UPDATE");
    if (updates) relations.push(plan.target);
  }
  return withFamilies(snapshot, new Set(relations.map((relation) => relation.oid)));
}

/** Parents and children of tables share rows. */
function withFamilies(snapshot: Snapshot, oids: ReadonlySet<number>): Set<number> {
  const found = new Set(oids);
  const children = [...snapshot.relations.values()].filter((relation) => relation.parents.length > 0);
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { oid, parents } of children) {
      if (found.has(oid)) for (const parent of parents) found.add(parent);
      if (parents.some((parent) => found.has(parent))) found.add(oid);
    }
  }
  return found;
}

/** The table, and those to which foreign keys carry its changes on. */
export async function affectedTables(session: Session, target: Relation): Promise<ReadonlySet<number>> {
  const lease = await session.transaction.leaseToAsk();
  try {
    const rows = await lease.connection.query(
      `WITH RECURSIVE affected (oid) AS (SELECT ${target.oid}::pg_catalog.oid UNION SELECT c.conrelid FROM affected AS a JOIN pg_catalog.pg_constraint AS c ON c.confrelid = a.oid AND c.contype = 'f' AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd'))) SELECT oid FROM affected`,
    );
    return withFamilies(session.view.snapshot(), new Set(rows.map((row) => Number(row[0]))));
  } finally {
    lease.release();
  }
}

/** Do foreign keys lead from one of the tables to another? What one part leaves for the next to mend is then an error too early. */
export async function linkedByKeys(session: Session, tables: readonly Relation[]): Promise<boolean> {
  const oids = [...new Set(tables.map((table) => table.oid))].join(", ");
  if (tables.length < 2) return false;
  const lease = await session.transaction.leaseToAsk();
  try {
    const rows = await lease.connection.query(
      `SELECT 1 FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conrelid IN (${oids}) AND confrelid IN (${oids}) LIMIT 1`,
    );
    return rows.length > 0;
  } finally {
    lease.release();
  }
}
