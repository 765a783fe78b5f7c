/** Waits until whatever runs on the servers now has ended, whoever began it: what is unknown of it is then known to be over. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pools } from "../backend/pool.ts";
import { DECISION_DATABASE } from "./decisions.ts";
import { NAME_PREFIX } from "./transaction-name.ts";

const LOOK_AGAIN_MS = 200;

const RUNNING = `SELECT pid || ' ' || backend_start || ' ' || xact_start FROM pg_catalog.pg_stat_activity
  WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()`;
const PREPARED = `SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE pg_catalog.starts_with(gid, '${NAME_PREFIX}')`;

export class RunningTransactions {
  private readonly pools: Pools;
  private readonly internalRole: string;
  private readonly servers: readonly string[];

  /** `servers`: all that hold something of users'. */
  constructor(pools: Pools, internalRole: string, servers: readonly string[]) {
    this.pools = pools;
    this.internalRole = internalRole;
    this.servers = servers;
  }

  /** Resolves when every transaction that is open now has ended, those too that it left prepared. Throws when a server cannot be asked. */
  async haveEnded(): Promise<void> {
    // What runs may prepare; what is prepared does not run any more.
    for (const sql of [RUNNING, PREPARED]) {
      const left = new Map<string, ReadonlySet<string>>();
      for (const server of this.servers) left.set(server, new Set(await this.ask(server, sql)));
      for (const [server, seen] of left)
        while ((await this.ask(server, sql)).some((one) => seen.has(one))) await sleep(LOOK_AGAIN_MS);
    }
  }

  private async ask(server: string, sql: string): Promise<string[]> {
    const rows = await this.pools.during(server, this.internalRole, DECISION_DATABASE, (connection) =>
      connection.query(sql),
    );
    return rows.map(([one]) => one!);
  }
}
