/**
 * The durable record of decided distributed transactions, in pleiad.transaction_decision on the catalog node: a record there means
 * commit, none, or one without nodes, means roll back.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Pools } from "../backend/pool.ts";
import { PgError, pgError } from "../errors/pg-error.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { namerOf } from "./transaction-name.ts";
import { unknownOutcome } from "./two-phase-commit.ts";

/** Decisions are kept in this database of the catalog node, whatever database the transaction is in. */
export const DECISION_DATABASE = "postgres";
/** A decision must be on disk, whatever the cluster's setting for commits is. */
const DURABLE =
  "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";

export class Decisions {
  private readonly pools: Pools;
  private readonly internalRole: string;

  constructor(pools: Pools, internalRole: string) {
    this.pools = pools;
    this.internalRole = internalRole;
  }

  /**
   * Decides to commit, and removes the records of `forgotten`. Throws 40001 when others have taken this coordinator for dead, and may
   * have rolled the transaction back.
   */
  async decide(
    name: string,
    database: string,
    nodes: readonly string[],
    forgotten: readonly string[],
  ): Promise<void> {
    // Records that are not needed any more go with the next one: no extra commit for them.
    const clean =
      forgotten.length === 0
        ? ""
        : `DELETE FROM pleiad.transaction_decision WHERE gid IN (${forgotten.map(quoteLiteral).join(", ")});`;
    // Whoever takes a coordinator out waits for the decisions that it is just writing.
    const decided = await this.ask(
      `${DURABLE}; ${clean} INSERT INTO pleiad.transaction_decision (gid, database, nodes)
       SELECT ${quoteLiteral(name)}, ${quoteLiteral(database)}, ${quoteLiteral(arrayText(nodes))}
       FROM pleiad.coordinator WHERE epoch = ${namerOf(name)!.epoch} FOR KEY SHARE RETURNING gid`,
    );
    if (decided.length === 0)
      throw pgError(
        "40001",
        "the transaction was rolled back: the other coordinators took this one for dead",
        {
          hint: "Run the transaction again.",
        },
      );
  }

  /**
   * Is it decided to commit? If it is not on record now, it never will be: a record without nodes takes its place, and waits
   * for one that is just being written.
   */
  async settle(name: string, database: string): Promise<boolean> {
    const rows = await this.ask(
      `${DURABLE}; INSERT INTO pleiad.transaction_decision (gid, database, nodes) VALUES (${quoteLiteral(name)}, ${quoteLiteral(database)}, '{}')
       ON CONFLICT (gid) DO UPDATE SET gid = EXCLUDED.gid RETURNING nodes <> '{}'`,
    );
    return rows[0]?.[0] === "t";
  }

  /** Names of all transactions on record. */
  async names(): Promise<string[]> {
    const rows = await this.ask("SELECT gid FROM pleiad.transaction_decision");
    return rows.map(([gid]) => gid!);
  }

  async remove(names: readonly string[]): Promise<void> {
    if (names.length > 0)
      await this.ask(
        `DELETE FROM pleiad.transaction_decision WHERE gid IN (${names.map(quoteLiteral).join(", ")})`,
      );
  }

  private async ask(sql: string): Promise<(string | null)[][]> {
    const connection = await this.pools.take("catalog", this.internalRole, DECISION_DATABASE);
    try {
      return await connection.query(sql);
    } catch (error) {
      // What it did is not known: it may have been done.
      if (connection.closed && error instanceof PgError) throw unknownOutcome(error);
      throw error;
    } finally {
      this.pools.give(connection);
    }
  }
}

function arrayText(nodes: readonly string[]): string {
  return `{${nodes.map((node) => `"${node}"`).join(",")}}`;
}

/** Ends a prepared transaction; one that is not there any more is done. */
export async function finish(connection: BackendConnection, name: string, commit: boolean): Promise<void> {
  try {
    await connection.query(`${commit ? "COMMIT" : "ROLLBACK"} PREPARED ${quoteLiteral(name)}`);
  } catch (error) {
    if (!(error instanceof PgError) || error.code !== "42704") throw error;
  }
}
