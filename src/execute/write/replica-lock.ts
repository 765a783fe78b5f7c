/**
 * Writers of a replicated table follow each other, on every node in the same order: otherwise a DELETE could see a row that
 * somebody else just inserted on one node and not on another, and the copies would differ for ever. Readers are not held up.
 */
import type { Relation } from "../../catalog/snapshot.ts";
import { whileRunning, type ExecutionContext } from "../run.ts";
import { openLease } from "./share.ts";

/** First half of the lock's key: Pleiad's own class of advisory locks. */
const LOCK_CLASS = 0x504c4431;

/** To be taken on every node before the first statement that writes there. Held until the transaction ends. */
export async function lockReplicas(context: ExecutionContext, relation: Relation): Promise<void> {
  for (const node of context.snapshot().dataNodes.toSorted()) {
    const lease = await openLease(context, node);
    // The table's OID on the catalog node: the same number for all, as a signed integer.
    const sql = `SELECT pg_catalog.pg_advisory_xact_lock(${LOCK_CLASS}, ${relation.oid | 0})`;
    await whileRunning(context, lease.connection, lease.connection.query(sql));
  }
}
