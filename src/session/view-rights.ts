/**
 * May the session's role itself read what lies behind the views of a statement? If so, the definitions can stand in the views'
 * places; if not, Pleiad's own role reads those tables, after the catalog node has checked the rights on the views.
 */
import { randomBytes } from "node:crypto";
import { refusal } from "../errors/refusal.ts";
import type { ViewReads } from "../plan/view-reads.ts";
import { quoteLiteral } from "../sql/quote.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";

const MARK_BYTES = 6;

/** What PlanContext.hiddenMark is to be; undefined when the role may read everything. Throws for what it cannot even name. */
export async function hiddenMark(
  transaction: SessionTransaction,
  views: ViewReads | undefined,
): Promise<string | undefined> {
  if (views === undefined) return undefined;
  const oids = views.relations.map(({ oid }) => oid).join(", ");
  const schemas = views.schemas.map(quoteLiteral).join(", ");
  const lease = await transaction.leaseToAsk();
  try {
    const [row] = await lease.connection.query(
      `SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = ANY (ARRAY[${oids}]::pg_catalog.oid[])
           AND NOT (pg_catalog.has_table_privilege(oid, 'SELECT') AND pg_catalog.has_schema_privilege(relnamespace, 'USAGE'))),
         (SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY (ARRAY[${schemas}]::pg_catalog.name[])
           AND NOT pg_catalog.has_schema_privilege(oid, 'USAGE') LIMIT 1)`,
    );
    const [hidden, schema] = row!;
    if (schema !== null && schema !== undefined)
      throw refusal("view-of-closed-schema", `Schema "${schema}".`);
    return hidden === "t" ? randomBytes(MARK_BYTES).toString("hex") : undefined;
  } finally {
    lease.release();
  }
}
