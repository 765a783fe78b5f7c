/**
 * The durable record of decided distributed transactions, in pleiad.transaction_decision on the catalog node: a record
 * there means commit, none, or one without nodes, means roll back. Names say whose they are, so that a stranger's prepared
 * transaction is never touched.
 */
import { randomBytes } from "node:crypto";
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Pools } from "../backend/pool.ts";
import { PgError } from "../errors/pg-error.ts";
import { prepareSql, unknownOutcome, type CommitLog, type Outcome } from "./two-phase-commit.ts";

/** All names of Pleiad's prepared transactions begin so. */
export const NAME_PREFIX = "pleiad_2pc_";
/** Decisions are kept in this database of the catalog node, whatever database the transaction is in. */
export const DECISION_DATABASE = "postgres";
const RETRY_MS = 500;
/** A decision must be on disk, whatever the cluster's setting for commits is. */
const DURABLE =
  "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";

export class CatalogCommitLog implements CommitLog {
  private readonly pools: Pools;
  private readonly internalRole: string;
  /** Unique for this life of this coordinator. */
  private readonly life = randomBytes(6).toString("hex");
  private count = 0;
  private ended = false;
  private readonly forgettable: string[] = [];

  constructor(pools: Pools, internalRole: string) {
    this.pools = pools;
    this.internalRole = internalRole;
  }

  /** How the names of all its transactions begin. */
  get prefix(): string {
    return `${NAME_PREFIX}${this.life}_`;
  }

  nextName(): string {
    return `${this.prefix}${++this.count}`;
  }

  async decide(name: string, database: string, nodes: readonly string[]): Promise<void> {
    // Records that are not needed any more go with the next one: no extra commit for them.
    const forget = this.forgettable.splice(0, 100);
    const clean =
      forget.length === 0
        ? ""
        : `; DELETE FROM pleiad.transaction_decision WHERE gid IN (${forget.map((n) => `'${n}'`).join(", ")})`;
    const list = nodes.map((node) => `"${node}"`).join(",");
    const sql = `${DURABLE}; INSERT INTO pleiad.transaction_decision (gid, database, nodes) VALUES ('${name}', '${database.replaceAll("'", "''")}', '{${list.replaceAll("'", "''")}}')${clean}`;
    const connection = await this.pools.take("catalog", this.internalRole, DECISION_DATABASE);
    try {
      await connection.query(sql);
    } catch (error) {
      if (connection.closed && error instanceof PgError) throw unknownOutcome(error);
      throw error;
    } finally {
      this.pools.give(connection);
    }
  }

  forget(name: string): void {
    this.forgettable.push(name);
  }

  finishLater(name: string, database: string, nodes: readonly string[], outcome: Outcome): void {
    void this.finishFirstTime(name, database, nodes, outcome);
  }

  /** The same; resolves when it was tried once on every node. */
  finishFirstTime(name: string, database: string, nodes: readonly string[], outcome: Outcome): Promise<void> {
    let commit = outcome === "unknown" ? undefined : outcome === "commit";
    const left = new Set(nodes);
    const attempt = async (): Promise<void> => {
      try {
        commit ??= await this.settle(name, database);
      } catch {
        // The catalog node is still away.
      }
      for (const node of commit === undefined ? [] : left) {
        try {
          if (await this.finishOn(node, database, name, commit!)) left.delete(node);
        } catch {
          // The node is still away.
        }
      }
      if (left.size === 0) this.forget(name);
      else if (!this.ended) setTimeout(() => void attempt(), RETRY_MS).unref();
    };
    return attempt();
  }

  /** False: the lost connection's own server process is still at it, so that nothing is final yet. */
  private async finishOn(node: string, database: string, name: string, commit: boolean): Promise<boolean> {
    const connection = await this.pools.take(node, this.internalRole, database);
    try {
      const active = await connection.query(
        `SELECT 1 FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND query = '${prepareSql(name).replaceAll("'", "''")}'`,
      );
      await finish(connection, name, commit);
      return active.length === 0;
    } finally {
      this.pools.give(connection);
    }
  }

  /**
   * Is it decided to commit? If it is not on record now, it never will be: a record without nodes takes its place, and waits
   * for one that is just being written.
   */
  private async settle(name: string, database: string): Promise<boolean> {
    const connection = await this.pools.take("catalog", this.internalRole, DECISION_DATABASE);
    try {
      const rows = await connection.query(
        `${DURABLE}; INSERT INTO pleiad.transaction_decision (gid, database, nodes) VALUES ('${name}', '${database.replaceAll("'", "''")}', '{}')
         ON CONFLICT (gid) DO UPDATE SET gid = EXCLUDED.gid RETURNING nodes <> '{}'`,
      );
      return rows[0]?.[0] === "t";
    } finally {
      this.pools.give(connection);
    }
  }

  end(): void {
    this.ended = true;
  }
}

/** Ends a prepared transaction; one that is not there any more is done. */
export async function finish(connection: BackendConnection, name: string, commit: boolean): Promise<void> {
  try {
    await connection.query(`${commit ? "COMMIT" : "ROLLBACK"} PREPARED '${name}'`);
  } catch (error) {
    if (!(error instanceof PgError) || error.code !== "42704") throw error;
  }
}
