/**
 * What coordinators and their processes left prepared when they died: committed where it was decided, else rolled back. It is looked at
 * in this order: what is prepared; who lives; then each transaction's decision, which is made final by looking. So one that is just being
 * committed by somebody alive is never judged (row T2). A prepared transaction belongs to one database, and every database is looked at (row T3).
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pools } from "../backend/pool.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { DECISION_DATABASE, Decisions, finish } from "./decisions.ts";
import { NAME_PREFIX, namerOf, type Namer } from "./transaction-name.ts";
import { prepareSql } from "./two-phase-commit.ts";

const LOOK_AGAIN_MS = 50;
/** A backend of a dead process ends within this time, unless its disk is stuck. */
const PREPARING_MS_MAX = 5_000;

/** Who may still be at work on transactions. */
export interface Living {
  has(namer: Namer): boolean;
}

export interface Recovered {
  committed: number;
  rolledBack: number;
  /** Servers that could not be asked, or told. */
  readonly away: ReadonlySet<string>;
}

interface Prepared {
  readonly name: string;
  readonly database: string;
  readonly nodes: string[];
}

export class Recovery {
  private readonly pools: Pools;
  private readonly internalRole: string;
  private readonly servers: readonly string[];
  private readonly decisions: Decisions;

  constructor(pools: Pools, internalRole: string, servers: readonly string[]) {
    this.pools = pools;
    this.internalRole = internalRole;
    this.servers = servers;
    this.decisions = new Decisions(pools, internalRole);
  }

  /**
   * Finishes what the dead left, on all servers that can be reached, and removes the records that nobody needs any more. `living` is
   * asked after each look at the servers. Throws when the catalog node cannot be asked.
   */
  async finishDead(living: () => Promise<Living>): Promise<Recovered> {
    const away = new Set<string>();
    const recovered = { committed: 0, rolledBack: 0, away };
    const giveUpAt = Date.now() + PREPARING_MS_MAX;
    for (;;) {
      away.clear();
      const recorded = await this.decisions.names();
      const { prepared, preparing } = await this.look(away);
      const alive = await living();
      const isDead = (name: string) => {
        const namer = namerOf(name);
        return namer === undefined || !alive.has(namer);
      };
      const dead = [...prepared.values()].filter(({ name }) => isDead(name));
      for (const transaction of dead) await this.finishOne(transaction, recovered, away);
      // What a server that is away has prepared is judged when it is back.
      if (away.size === 0)
        await this.decisions.remove([...recorded.filter(isDead), ...dead.map(({ name }) => name)]);
      if (!preparing.some(isDead) || Date.now() > giveUpAt) return recovered;
      await sleep(LOOK_AGAIN_MS);
    }
  }

  private async finishOne(
    { name, database, nodes }: Prepared,
    recovered: { committed: number; rolledBack: number },
    away: Set<string>,
  ): Promise<void> {
    const commit = await this.decisions.settle(name, database);
    for (const node of nodes) {
      try {
        await this.pools.during(node, this.internalRole, database, (connection) =>
          finish(connection, name, commit),
        );
      } catch {
        away.add(node);
      }
    }
    if (commit) recovered.committed++;
    else recovered.rolledBack++;
  }

  /** What is prepared, and the names under which something is just being prepared. */
  private async look(
    away: Set<string>,
  ): Promise<{ readonly prepared: Map<string, Prepared>; readonly preparing: string[] }> {
    const prepared = new Map<string, Prepared>();
    const preparing: string[] = [];
    const verb = prepareSql(NAME_PREFIX).slice(0, -1);
    for (const node of this.servers) {
      try {
        await this.pools.during(node, this.internalRole, DECISION_DATABASE, async (connection) => {
          const active = await connection.query(
            `SELECT query FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND starts_with(query, ${quoteLiteral(verb)})`,
          );
          for (const [query] of active)
            preparing.push(query!.slice(verb.length - NAME_PREFIX.length).replace(/'.*$/s, ""));
          const rows = await connection.query(
            `SELECT gid, database FROM pg_catalog.pg_prepared_xacts WHERE starts_with(gid, '${NAME_PREFIX}')`,
          );
          for (const [name, database] of rows) {
            const known = prepared.get(name!);
            if (known === undefined) prepared.set(name!, { name: name!, database: database!, nodes: [node] });
            else known.nodes.push(node);
          }
        });
      } catch {
        away.add(node);
      }
    }
    return { prepared, preparing };
  }
}
