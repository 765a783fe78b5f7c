/** Row locks are writes: the fragments that take them are COPY commands, in which PostgreSQL does not look for a read-only transaction. */
import type { SelectStmt } from "@pgsql/types";
import { pgError } from "../errors/pg-error.ts";
import type { ReadPlan } from "../plan/plan.ts";
import type { ExecutionContext } from "./run.ts";

const STRENGTHS: Readonly<Record<string, string>> = {
  LCS_FORKEYSHARE: "FOR KEY SHARE",
  LCS_FORSHARE: "FOR SHARE",
  LCS_FORNOKEYUPDATE: "FOR NO KEY UPDATE",
  LCS_FORUPDATE: "FOR UPDATE",
};

/** Throws 25006 in a read-only transaction, in PostgreSQL's words. */
export async function refuseLocksReadOnly(context: ExecutionContext, plan: ReadPlan): Promise<void> {
  const { transaction } = context;
  const lease = await (transaction.active ? transaction.lease("catalog", false) : transaction.leaseToAsk());
  let readOnly: boolean;
  try {
    const [row] = await lease.connection.query("SELECT current_setting('transaction_read_only')");
    readOnly = row![0] === "on";
  } finally {
    lease.release();
  }
  if (!readOnly) return;
  const { lockingClause } = (plan.statement.tree as { SelectStmt: SelectStmt }).SelectStmt;
  const first = lockingClause?.[0] as { LockingClause?: { strength?: string } } | undefined;
  const strength = STRENGTHS[first?.LockingClause?.strength ?? ""] ?? "FOR UPDATE";
  throw pgError("25006", `cannot execute SELECT ${strength} in a read-only transaction`);
}
