/**
 * The rows of a general plan are moved by Pleiad's own role, and data nodes know no views: before that, the catalog node checks
 * the client's rights on every table, view and column of the statement, by explaining it over the shells under the client's
 * role. Nothing is executed.
 */
import type { ReadPlan } from "../plan/plan.ts";
import type { Relation } from "../catalog/snapshot.ts";
import { pgError, type PgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import { bindWithTail, execute, parse, sync, textBindTail } from "../protocol/frontend-messages.ts";
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";
import { clientError } from "./client-error.ts";
import type { ExecutionContext, Run } from "./run.ts";

/** Settings keys (role included) under which a plan was found permitted. */
const permitted = new WeakMap<ReadPlan, Set<string>>();
const EXPLAIN = Buffer.from("EXPLAIN ");

export async function checkPrivileges(context: ExecutionContext, plan: ReadPlan, run: Run): Promise<void> {
  const key = `${context.transaction.user}\0${context.transaction.settings.key}`;
  let keys = permitted.get(plan);
  if (keys?.has(key)) return;
  await requireRights(context.transaction, plan.statement, run.parameterTypes, plan.readByFunctions);
  if (keys === undefined) permitted.set(plan, (keys = new Set()));
  keys.add(key);
}

/** Throws 42501, or what else PostgreSQL says when it is about to execute the statement. */
export async function requireRights(
  transaction: SessionTransaction,
  statement: ParsedStatement,
  parameterTypes: readonly number[],
  readByFunctions: readonly Relation[],
): Promise<void> {
  const lease = await transaction.leaseToAsk();
  try {
    try {
      await explain(lease.connection, statement.text, parameterTypes);
    } catch (error) {
      throw (
        lease.preludeError ??
        clientError(error as PgError, statement, [{ start: 0, end: 0, text: "EXPLAIN " }])
      );
    }
    if (lease.preludeError !== undefined) throw lease.preludeError;
    await requireReadable(lease.connection, readByFunctions);
  } finally {
    lease.release();
  }
}

/** Tables that function bodies name are not looked at by EXPLAIN: the client must be allowed to read all of each. */
export async function requireReadable(
  connection: BackendConnection,
  relations: readonly Relation[],
): Promise<void> {
  if (relations.length === 0) return;
  const oids = relations.map(({ oid }) => oid).join(", ");
  const [row] = await connection.query(
    `SELECT oid, pg_catalog.has_any_column_privilege(oid, 'SELECT') FROM pg_catalog.unnest(ARRAY[${oids}]::pg_catalog.oid[]) AS t (oid)
     WHERE NOT pg_catalog.has_table_privilege(oid, 'SELECT') LIMIT 1`,
  );
  if (row === undefined) return;
  const { name } = relations.find(({ oid }) => String(oid) === row[0])!;
  if (row[1] === "t") throw refusal("function-reads-some-columns", `Table "${name}".`);
  throw pgError("42501", `permission denied for table ${name}`);
}

function explain(
  connection: BackendConnection,
  text: Buffer,
  parameterTypes: readonly number[],
): Promise<void> {
  return connection.exchange(
    Buffer.concat([
      parse("", Buffer.concat([EXPLAIN, text]), parameterTypes),
      bindWithTail("", "", textBindTail(parameterTypes.map(() => null))),
      execute(""),
      sync,
    ]),
  );
}
