/** Whose statements may the session's role see? As PostgreSQL decides it for pg_stat_activity. */
import { preludeDone } from "../transaction/lease.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";
import type { MaySee } from "./node-views.ts";

/**
 * Asked before any text is put into a statement: that statement's own text can be read by whoever runs it (current_query(), for one),
 * so a condition within it would hide nothing.
 */
export async function visibleRoles(transaction: SessionTransaction): Promise<MaySee> {
  const lease = await transaction.leaseToAsk();
  try {
    // Without the settings, the role among them, another role would be asked.
    await preludeDone(lease);
    const rows = await lease.connection.query(
      `SELECT rolname FROM pg_catalog.pg_roles
        WHERE pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') OR pg_catalog.pg_has_role(oid, 'USAGE')`,
    );
    const roles = new Set(rows.map(([name]) => name!));
    return (role) => role !== undefined && roles.has(role);
  } finally {
    lease.release();
  }
}
