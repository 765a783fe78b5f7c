/**
 * Level 5, the general plan: the needed columns of each table, filtered as far as is safe, go to a compute node as
 * temporary tables under the tables' own names; there the client's text runs, as on one PostgreSQL. Always right,
 * whatever the statement; the other levels must equal it.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { statementCancelled } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import type { GeneralPlan, ReadPlan } from "../plan/plan.ts";
import { quoteIdentifier, quoteQualified } from "../sql/quote.ts";
import { preludeDone, type Lease } from "../transaction/lease.ts";
import { AnswerScope, type Answer } from "./answer.ts";
import { CatalogSnapshot } from "./catalog-snapshot.ts";
import { checkPrivileges } from "./check-privileges.ts";
import { keepPortal } from "./direct.ts";
import { splicedText, type NodeText } from "./node-text.ts";
import { sendText } from "./send-text.ts";
import { standsAlone, taskOf } from "./dependent-task.ts";
import type { ExecutionContext, Outcome, Run, WorkplaceContext } from "./run.ts";
import { refuseLocksReadOnly } from "./read-only.ts";
import { atTransactionTime } from "./transaction-time.ts";
import { requireSameDefinitions } from "./stale-plan.ts";
import { shipTable, type Shipped } from "./ship-table.ts";
import { ShipSources } from "./ship-sources.ts";

/** From this many rows on, the optimiser of the compute node should know what it has. */
const ANALYZE_ROWS_MIN = 500;
/** From this many rows on, a correlated look-up is worth an index. */
const INDEX_ROWS_MIN = 500;
let portalCount = 0;
let turn = 0;

export async function runGeneral(
  context: ExecutionContext,
  plan: ReadPlan,
  general: GeneralPlan,
  run: Run,
): Promise<Outcome> {
  await checkPrivileges(context, plan, run);
  if (plan.locks !== "no") await refuseLocksReadOnly(context, plan);
  const whole = splicedText(plan.statement, general.splices);
  if (standsAlone(context, plan, general, run)) {
    const outcome = await context.tasks.run(taskOf(context, plan, general, run), context, run.preface);
    if (outcome !== undefined) return outcome;
  }
  return runInWorkplace(context, general, run, () =>
    atTransactionTime(context, plan.transactionTimes, whole, false),
  );
}

/** Moves the tables and runs the text over them. `textOf` is asked when the tables are there. */
export async function runInWorkplace(
  context: WorkplaceContext,
  general: GeneralPlan,
  run: Run,
  textOf: () => NodeText | Promise<NodeText>,
): Promise<Outcome> {
  const workplace = await openWorkplace(context, general, run);
  let kept = false;
  try {
    const text = await textOf();
    if (context.cancelled) throw statementCancelled();
    const portal = run.rowsMax > 0 ? `g${++portalCount}` : "";
    const answer = await runOnWorkplace(context, workplace, text, run, portal);
    if (answer.suspended && run.portal !== undefined) {
      kept = true;
      keepPortal(context, workplace.connection, text, portal, run.portal, answer.translate);
      run.portal.close = () => void closeWorkplace(workplace);
    }
    return { tag: answer.tag };
  } finally {
    if (!kept) await closeWorkplace(workplace);
  }
}

/** Runs a text over the tables of a workplace and passes its answer on. */
export function runOnWorkplace(
  context: WorkplaceContext,
  workplace: Lease,
  text: NodeText,
  run: Run,
  portal = "",
): Promise<Answer> {
  const scope = new AnswerScope(context.output, run.preface, true);
  return sendText(context, workplace, text, run, scope, { portal });
}

interface Furnishing {
  /** Hears of each table. */
  readonly observe?: (shipped: Shipped, ms: number) => void;
  /** Makes what the statement needs besides the shipped tables, and fills it by COPY FREEZE. */
  readonly build?: (connection: BackendConnection) => Promise<void>;
}

/** Workplaces whose tables have outlived the transaction that made them. */
const committed = new WeakSet<Lease>();

/** A connection to the target, in a transaction that holds the shipped tables. Close it with closeWorkplace. */
export async function openWorkplace(
  context: WorkplaceContext,
  general: GeneralPlan,
  run: Run,
  { observe, build }: Furnishing = {},
): Promise<Lease> {
  if (general.readsCatalogs && context.transaction.changedCatalog)
    throw refusal("catalogs-after-definitions");
  const node =
    general.target === "catalog" ? "catalog" : context.computeNodes[turn++ % context.computeNodes.length]!;
  const sources = new ShipSources(context);
  let lease: Lease | undefined;
  let past: CatalogSnapshot | undefined;
  try {
    if (general.readsCatalogs) past = await CatalogSnapshot.take(context);
    context.progress.enter("moving data");
    await sources.open(general.tables, run);
    lease = await context.transaction.leaseApart(node);
    await preludeDone(lease);
    const { connection } = lease;
    context.running.add(connection);
    const creates = general.tables.map((table) => createSql(table, general)).join("; ");
    await connection.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; ${creates}`);
    for (const table of general.tables) {
      if (context.cancelled) throw statementCancelled();
      const begun = performance.now();
      const shipped = await shipTable(context, sources, connection, table, run);
      await prepareForUse(connection, general, shipped);
      observe?.(shipped, performance.now() - begun);
    }
    await build?.(connection);
    if (past !== undefined) {
      committed.add(lease);
      await past.adopt(connection);
    }
    await requireSameDefinitions(context.definitions);
    context.running.delete(connection);
    await sources.close();
    context.progress.enter("running");
    return lease;
  } catch (error) {
    sources.abandon();
    if (lease !== undefined) {
      context.running.delete(lease.connection);
      await closeWorkplace(lease);
    }
    // A column that is gone, and the like: the cause comes first.
    await requireSameDefinitions(context.definitions);
    throw error;
  } finally {
    await past?.release();
  }
}

export async function closeWorkplace(lease: Lease): Promise<void> {
  const { connection } = lease;
  if (!connection.closed) {
    try {
      await connection.query("ROLLBACK");
      if (committed.has(lease)) await connection.query("DISCARD TEMP");
    } catch {
      connection.destroy("rollback failed");
    }
  }
  lease.release();
}

/** What is to be said of the life of a temporary table of the workplace. */
export function onCommit({ readsCatalogs }: GeneralPlan): string {
  return readsCatalogs ? "" : " ON COMMIT DROP";
}

function createSql(table: GeneralPlan["tables"][number], general: GeneralPlan): string {
  const columns = table.columns.map((column) => {
    const collation = column.collation === undefined ? "" : ` COLLATE ${column.collation}`;
    return `${quoteIdentifier(column.name)} ${column.typeName}${collation}`;
  });
  return `CREATE TEMPORARY TABLE ${quoteIdentifier(table.temporaryName)} (${columns.join(", ")})${onCommit(general)}`;
}

/** Keys, indexes and statistics that let the text run as well as it would over the table itself. */
async function prepareForUse(
  connection: BackendConnection,
  general: GeneralPlan,
  shipped: Shipped,
): Promise<void> {
  const { table, rows } = shipped;
  const name = quoteQualified("pg_temp", table.temporaryName);
  const steps: string[] = [];
  if (table.primaryKey !== undefined)
    steps.push(`ALTER TABLE ${name} ADD PRIMARY KEY (${table.primaryKey.map(quoteIdentifier).join(", ")})`);
  if (general.correlated && rows >= INDEX_ROWS_MIN) {
    const names = new Set(table.columns.map((column) => column.name));
    for (const index of table.relation.indexes) {
      if (index.columns === undefined || !names.has(index.columns[0]!)) continue;
      if (index.primary && table.primaryKey !== undefined) continue;
      const missing = index.columns.findIndex((column) => !names.has(column));
      const usable = missing < 0 ? index.columns : index.columns.slice(0, missing);
      steps.push(`CREATE INDEX ON ${name} (${usable.map(quoteIdentifier).join(", ")})`);
    }
  }
  if (rows >= ANALYZE_ROWS_MIN) steps.push(`ANALYZE ${name}`);
  if (steps.length > 0) await connection.query(steps.join("; "));
}
