/** Definitions: opens the transaction that spans the servers, if the client has none, and answers when it has committed. */
import { pgError } from "../../errors/pg-error.ts";
import { DdlStatement, type DdlContext } from "../../execute/ddl/ddl-statement.ts";
import { runDdl, standsAlone } from "../../execute/ddl/run-ddl.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import { classify } from "../../plan/classify.ts";
import { commandComplete } from "../../protocol/backend-messages.ts";
import { buildScramVerifier, formatScramVerifier } from "../../security/scram-verifier.ts";
import { catalogQuery } from "../catalog-query.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";

export async function runDefinition(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { transaction, output } = session;
  // BindComplete: notices come before the end of the statement.
  run.preface.sendTo(output);
  const alone = standsAlone(planned.statement) && !transaction.active;
  const implicit = !alone && !transaction.active;
  if (implicit) transaction.begin("implicit", "BEGIN");
  await session.loadSnapshot();
  const tag = await runDdl(new DdlStatement(contextOf(session), planned.statement), alone);
  if (implicit) await session.commit();
  output.push(commandComplete(tag));
  return { tag };
}

function contextOf(session: Session): DdlContext {
  const { host, transaction } = session;
  return {
    execution: session.context,
    nodes: host.servers.map(({ name, kind }) => ({ name, kind })),
    defaultShards: host.defaultShards,
    gateSecrets: host.gateSecrets,
    queryOver: catalogQuery,
    searchPath: () => session.searchPath(),
    catalogChanged: () => session.catalogChanged(),
    loadSnapshot: () => session.loadSnapshot(),
    invalidate: () => session.catalog.invalidate(),
    leaveDatabase: (database) => {
      host.pools.closeIdle(database);
      host.catalogs.forget(database);
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
    runStatement: () => Promise.reject(pgError("0A000", "CREATE TABLE AS with data is not supported yet")),
  };
}

const MAINTENANCE: ReadonlySet<string> = new Set(["VacuumStmt", "ReindexStmt", "ClusterStmt"]);

/** Is it a statement that this file runs? */
export function isDefinition(planned: PlannedStatement): boolean {
  const kind = classify(planned.statement.tree);
  return kind === "ddl" || kind === "create as" || MAINTENANCE.has(planned.tag);
}
