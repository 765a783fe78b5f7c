/** Definitions: opens the transaction that spans the servers, if the client has none, and answers when it has committed. */
import { findAdminCall } from "../../admin/find-call.ts";
import { runAdminCall, voidRow } from "../../admin/run-call.ts";
import { pgError } from "../../errors/pg-error.ts";
import { DdlStatement, type DdlContext } from "../../execute/ddl/ddl-statement.ts";
import { runDdl, standsAlone } from "../../execute/ddl/run-ddl.ts";
import { ownRun, type Outcome, type Run } from "../../execute/run.ts";
import { NoticesOutput } from "../../execute/write/discarded-output.ts";
import { runWrite } from "../../execute/write/run-write.ts";
import { parseStatements } from "../../sql/parse.ts";
import { classify } from "../../plan/classify.ts";
import { commandComplete } from "../../protocol/backend-messages.ts";
import { preludeDone } from "../../transaction/lease.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import { buildScramVerifier, formatScramVerifier } from "../../security/scram-verifier.ts";
import { catalogQuery } from "../catalog-query.ts";
import { planStatement } from "../plan-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";

export async function runDefinition(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { transaction, output } = session;
  // BindComplete: notices come before the end of the statement.
  run.preface.sendTo(output);
  const alone = standsAlone(planned.statement) && !transaction.active;
  const implicit = !alone && !transaction.active;
  if (implicit) transaction.begin("implicit", "BEGIN");
  if (!alone && !KEEPS_STRUCTURE.has(planned.tag)) await lockStructure(session);
  await session.view.loadSnapshot();
  const ddl = new DdlStatement(contextOf(session), planned.statement, implicit);
  const call = findAdminCall(planned.statement);
  let tag = "SELECT 1";
  try {
    await session.catalog.defining.add(session);
    if (call === undefined) tag = await runDdl(ddl, alone);
    else await runAdminCall(ddl, call, run);
  } finally {
    // Otherwise until the end of the transaction.
    if (alone) session.catalog.defining.delete(session);
  }
  if (implicit) await session.commit();
  if (call !== undefined) output.push(voidRow);
  output.push(commandComplete(tag));
  return { tag };
}

/** Definitions that compare nothing, and may take long. */
const KEEPS_STRUCTURE: ReadonlySet<string> = new Set(["TruncateStmt", "VacuumStmt", "RefreshMatViewStmt"]);
/** "pleiad", in an advisory lock of two numbers. */
const STRUCTURE_LOCK = "1886152041, 1";

/**
 * What a statement did is found by comparing the catalog before and after: until the end of its transaction no other may change it, or
 * what that one has dropped would be dropped by this one again, under a name that means another table by then.
 */
async function lockStructure(session: Session): Promise<void> {
  const lease = await session.transaction.lease("catalog", true);
  await preludeDone(lease);
  await lease.connection.query(`SELECT pg_catalog.pg_advisory_xact_lock(${STRUCTURE_LOCK})`);
}

export function contextOf(session: Session): DdlContext {
  const { host, transaction } = session;
  return {
    execution: session.context,
    nodes: host.servers.map(({ name, kind }) => ({ name, kind })),
    defaultShards: host.defaultShards,
    gateSecrets: host.gateSecrets,
    queryOver: catalogQuery,
    searchPath: () => session.view.searchPath(),
    catalogChanged: () => session.view.changed(),
    loadSnapshot: async () => session.view.loadSnapshot(),
    changedApart: () => session.catalog.changed(),
    leaveDatabase: async (database) => {
      await host.leaveDatabase(database);
      await host.catalogs.forget(database);
    },
    passwordVerifier: async (password) => formatScramVerifier(await buildScramVerifier(password)),
    inTransaction: async (work) => {
      transaction.begin("implicit", "BEGIN");
      try {
        const result = await work();
        await session.commit();
        return result;
      } catch (error) {
        if (transaction.active) await session.rollback();
        throw error;
      }
    },
    runStatement: (sql) => runStatement(session, sql),
    runRestricted: async (sql) => {
      const { settings } = transaction;
      const path = settings.get("search_path");
      transaction.changeSettings(settings.with("search_path", RESTRICTED_PATH), true);
      await transaction.onAll(`SET LOCAL search_path = ${RESTRICTED_PATH}`);
      const tag = await runStatement(session, sql);
      transaction.changeSettings(transaction.settings.with("search_path", path), true);
      await transaction.onAll(
        path === undefined
          ? "SET LOCAL search_path TO DEFAULT"
          : `SELECT pg_catalog.set_config('search_path', ${quoteLiteral(path)}, true)`,
      );
      return tag;
    },
  };
}

const RESTRICTED_PATH = "pg_catalog, pg_temp";

async function runStatement(session: Session, sql: string): Promise<string> {
  const planned = await planStatement(session, parseStatements(sql)[0]!, [], false);
  if (planned.plan?.kind !== "write")
    throw pgError("XX000", "a statement of Pleiad's own did not become a write");
  const context = { ...session.context, output: new NoticesOutput(session.output) };
  const outcome = await runWrite(context, planned.plan, ownRun());
  return outcome.tag ?? "";
}

const MAINTENANCE: ReadonlySet<string> = new Set(["VacuumStmt", "ReindexStmt", "ClusterStmt"]);

/** Is it a statement that this file runs? */
export function isDefinition(planned: PlannedStatement): boolean {
  const kind = classify(planned.statement.tree);
  if (kind === "read") return findAdminCall(planned.statement) !== undefined;
  return kind === "ddl" || kind === "create as" || MAINTENANCE.has(planned.tag);
}
