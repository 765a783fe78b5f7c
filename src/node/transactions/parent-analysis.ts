/**
 * PostgreSQL's autovacuum analyses partitions, never the partitioned table above them, which is what a distributed table is on a data
 * node: without this, statements over all of a node's partitions are planned without statistics.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { BackendConnection } from "../../backend/backend-connection.ts";
import type { Pools } from "../../backend/pool.ts";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import { DECISION_DATABASE } from "../../transaction/decisions.ts";

/** Until a server says how often its own autovacuum looks. */
const LOOK_MS = 60_000;
/** `ANALYZE ONLY` came with this version; before it the partitions are analysed again too. */
const WITH_ONLY = 180_000;

const DATABASES = `
SELECT datname, extract(epoch FROM current_setting('autovacuum_naptime')::interval) * 1000, current_setting('server_version_num')
FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname`;

/** By the measure of autovacuum: a tenth of the rows and fifty. Partitions that it has analysed since have changed as much, too. */
const STALE = `
SELECT format('%I.%I', n.nspname, p.relname)
FROM pg_catalog.pg_class p
JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid,
LATERAL (SELECT greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid))) AS analysed (at)
WHERE p.relkind = 'p'
GROUP BY p.oid, n.nspname, p.relname, p.reltuples
HAVING sum(greatest(c.reltuples, 0)) > 0 AND (
  abs(sum(greatest(c.reltuples, 0)) - greatest(p.reltuples, 0)) > 50 + sum(greatest(c.reltuples, 0)) / 10
  OR max(analysed.at) > coalesce(pg_stat_get_last_analyze_time(p.oid), '-infinity') + interval '10 minutes')
ORDER BY n.nspname, p.relname`;

export class ParentAnalysis {
  private readonly pools: Pools;
  private readonly internalRole: string;
  private readonly nodes: readonly string[];
  private readonly memory: NodeMemory;
  private readonly life: number;
  private readonly log: Log;

  /** `nodes`: the data nodes; `life`: of this process. */
  constructor(
    pools: Pools,
    internalRole: string,
    nodes: readonly string[],
    memory: NodeMemory,
    life: number,
    log: Log,
  ) {
    this.pools = pools;
    this.internalRole = internalRole;
    this.nodes = nodes;
    this.memory = memory;
    this.life = life;
    this.log = log;
  }

  /** As often as the servers' own autovacuum looks. Never resolves. */
  async run(): Promise<void> {
    let lookMs = LOOK_MS;
    for (;;) {
      for (const node of this.nodes) lookMs = (await this.look(node)) ?? lookMs;
      await sleep(lookMs);
    }
  }

  /** How often the server's autovacuum looks, in ms; undefined when it cannot be asked. */
  private async look(node: string): Promise<number | undefined> {
    let lookMs: number | undefined;
    try {
      const databases = await this.pools.during(node, this.internalRole, DECISION_DATABASE, (connection) =>
        connection.query(DATABASES),
      );
      for (const [database, naptimeMs, version] of databases) {
        lookMs = Number(naptimeMs);
        await this.pools.during(node, this.internalRole, database!, (connection) =>
          this.analyse(connection, Number(version) >= WITH_ONLY ? "ONLY " : ""),
        );
        // A database to which somebody is connected cannot be dropped.
        if (database !== DECISION_DATABASE) this.pools.closeIdle(database!);
      }
    } catch (error) {
      this.log.debug("tables could not be analysed", { node, error });
    }
    return lookMs;
  }

  private async analyse(connection: BackendConnection, only: string): Promise<void> {
    for (const [table] of await connection.query(STALE)) {
      const what = `analysing ${table} of database ${connection.database} on ${connection.server.name}`;
      const task = this.memory.tasks.begin(this.life, "analysis", what);
      try {
        // A definition that is under way goes first.
        await connection.query(`BEGIN; SET LOCAL lock_timeout = '100ms'; ANALYZE ${only}${table}; COMMIT`);
      } catch (error) {
        this.log.debug("a table could not be analysed", { what, error });
        if (connection.closed) throw error;
        await connection.query("ROLLBACK");
      } finally {
        task?.end();
      }
    }
  }
}
