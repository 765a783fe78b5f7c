/** LOCK TABLE: on the catalog node first, where PostgreSQL checks it, then on every node that holds rows of the tables. */
import type { RangeVar } from "@pgsql/types";
import { nodesOf } from "../../catalog/placement.ts";
import { findRelation, type Relation } from "../../catalog/snapshot.ts";
import { PgError, pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { clientError } from "../../execute/client-error.ts";
import { complete } from "../../execute/run-on-catalog.ts";
import { whileRunning, type Outcome, type Run } from "../../execute/run.ts";
import { quoteQualified } from "../../sql/quote.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { preludeDone } from "../../transaction/lease.ts";

interface LockStmt {
  readonly relations: readonly { readonly RangeVar: RangeVar }[];
  readonly mode: number;
  readonly nowait?: boolean;
}

/** PostgreSQL's lock modes by number. */
const MODES = [
  "",
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;

export async function runLock(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const lock = (planned.statement.tree as { LockStmt: LockStmt }).LockStmt;
  const { transaction } = session;
  if (!transaction.active) throw pgError("25P01", "LOCK TABLE can only be used in transaction blocks");
  const snapshot = await session.view.loadSnapshot();
  const path = await session.view.searchPath();
  const relations: Relation[] = [];
  for (const { RangeVar: name } of lock.relations) {
    const relation = findRelation(snapshot, path, name.schemaname, name.relname!);
    if (relation?.kind === "view") throw refusal("lock-view", `View ${relation.name}.`);
    if (relation?.distribution !== undefined) relations.push(relation);
  }
  await lockOn(session, planned, "catalog", planned.statement.text.toString());
  // One node after the other, in order of name: two sessions meet at the first of them.
  for (const node of snapshot.dataNodes.toSorted()) {
    const here = relations.filter((relation) =>
      nodesOf(relation.distribution!, snapshot.dataNodes).includes(node),
    );
    if (here.length === 0) continue;
    // Always with the shards: statements name them directly.
    const names = here.map((relation) => quoteQualified(relation.schema, relation.name)).join(", ");
    const nowait = lock.nowait === true ? " NOWAIT" : "";
    await lockOn(session, planned, node, `LOCK TABLE ${names} IN ${MODES[lock.mode]!} MODE${nowait}`);
  }
  return complete(session.context, run, "LOCK TABLE");
}

async function lockOn(session: Session, planned: PlannedStatement, node: string, sql: string): Promise<void> {
  const lease = await session.transaction.lease(node, false);
  const work = async (): Promise<void> => {
    await preludeDone(lease);
    await lease.connection.query(sql);
  };
  try {
    await whileRunning(session.context, lease.connection, work());
  } catch (error) {
    throw error instanceof PgError ? clientError(error, planned.statement, []) : error;
  } finally {
    lease.release();
  }
}
