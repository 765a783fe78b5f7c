/** What a coordinator's process left prepared when it died: committed where it was decided, else rolled back. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pools } from "../../backend/pool.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import { DECISION_DATABASE, type CatalogCommitLog } from "../../transaction/commit-log.ts";
import { prepareSql } from "../../transaction/two-phase-commit.ts";

const LOOK_AGAIN_MS = 50;
/** A backend of the dead process ends within this time, unless its disk is stuck. */
const PREPARING_MS_MAX = 5_000;

export interface SettledLife {
  /** Transactions that were finished. */
  readonly finished: number;
  /** Servers that could not be asked. */
  readonly away: readonly string[];
}

/** Resolves once nothing of it is prepared, and nothing is being prepared, on those of the servers that can be reached. */
export async function settleLife(
  pools: Pools,
  log: CatalogCommitLog,
  internalRole: string,
  servers: readonly string[],
  prefix: string,
): Promise<SettledLife> {
  const finished = new Set<string>();
  const giveUpAt = Date.now() + PREPARING_MS_MAX;
  for (;;) {
    const found = new Map<string, { database: string; nodes: string[] }>();
    const away: string[] = [];
    let preparing = false;
    for (const server of servers) {
      const left = await leftOn(pools, internalRole, server, prefix);
      if (left === undefined) away.push(server);
      preparing ||= left?.preparing === true;
      for (const [gid, database] of left?.prepared ?? []) {
        const known = found.get(gid);
        if (known === undefined) found.set(gid, { database, nodes: [server] });
        else known.nodes.push(server);
      }
    }
    for (const [gid, { database, nodes }] of found) {
      finished.add(gid);
      await log.finishFirstTime(gid, database, nodes, "unknown");
    }
    if (!preparing || Date.now() > giveUpAt) return { finished: finished.size, away };
    await sleep(LOOK_AGAIN_MS);
  }
}

interface Left {
  /** A backend of the dead process is still at it. */
  readonly preparing: boolean;
  readonly prepared: readonly (readonly [gid: string, database: string])[];
}

/** Undefined: the server is away. */
async function leftOn(
  pools: Pools,
  internalRole: string,
  server: string,
  prefix: string,
): Promise<Left | undefined> {
  const starts = (column: string, text: string) => `left(${column}, ${text.length}) = ${quoteLiteral(text)}`;
  let connection;
  try {
    connection = await pools.take(server, internalRole, DECISION_DATABASE);
    const active = await connection.query(
      `SELECT 1 FROM pg_catalog.pg_stat_activity
        WHERE state = 'active' AND pid <> pg_backend_pid() AND ${starts("query", prepareSql(prefix).slice(0, -1))}`,
    );
    const rows = await connection.query(
      `SELECT gid, database FROM pg_catalog.pg_prepared_xacts WHERE ${starts("gid", prefix)}`,
    );
    return { preparing: active.length > 0, prepared: rows.map((row) => [row[0]!, row[1]!]) };
  } catch {
    return undefined;
  } finally {
    if (connection !== undefined) pools.give(connection);
  }
}
