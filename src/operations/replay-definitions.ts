/** Tells a new compute node what the others were told: pleiad.compute_definition of one database, in order. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Log } from "../observe/log.ts";
import { matchPrivileges } from "./match-privileges.ts";

/** A definition that is being committed now must not be missed. */
const LOCK_TIMEOUT_MS = 10_000;

/** `from`: the catalog node's database, `to`: the compute node's of the same name, both as Pleiad's own role. */
export async function replayDefinitions(
  from: BackendConnection,
  to: BackendConnection,
  log: Log,
): Promise<void> {
  const [there] = await from.query("SELECT to_regclass('pleiad.compute_definition') IS NOT NULL");
  if (there?.[0] !== "t") return;
  const definitions = await from.query(`
    BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; LOCK TABLE pleiad.compute_definition IN SHARE MODE; COMMIT;
    SELECT id, format('SELECT set_config(''search_path'', %L, false)', search_path), format('SET ROLE %I', role), statement
    FROM pleiad.compute_definition ORDER BY id`);
  // Bodies name tables, which are not here; the catalog node has checked them.
  await to.query("SET check_function_bodies = off; SET client_min_messages = error");
  for (const [id, searchPath, role, statement] of definitions) {
    try {
      await to.query(searchPath!);
      // A role that is gone owns nothing any more.
      await to.query(role!).catch(() => to.query("RESET ROLE"));
      await to.query(statement!);
    } catch (error) {
      if (to.closed) throw error;
      // What it needs was dropped or renamed by a later one: then so was what it made.
      log.warn("a definition could not be replayed on a compute node", {
        server: to.server.name,
        database: to.database,
        id,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
  await to.query("RESET ROLE");
  await matchPrivileges(from, to, "objects", log);
}
