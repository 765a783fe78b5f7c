/** The commit log of one process: it names transactions, keeps their decisions, and finishes in the background what it could not tell a node at once. */
import type { Pools } from "../backend/pool.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { Decisions, finish } from "./decisions.ts";
import { transactionName, type Namer } from "./transaction-name.ts";
import { prepareSql, type CommitLog, type Outcome } from "./two-phase-commit.ts";

const RETRY_MS = 500;
/** Records that go with one decision. */
const FORGOTTEN_MAX = 100;

export class CatalogCommitLog implements CommitLog {
  private readonly pools: Pools;
  private readonly internalRole: string;
  private readonly decisions: Decisions;
  private readonly namer: () => Namer;
  private count = 0;
  private readonly forgettable: string[] = [];

  /** `namer`: this process, in its coordinator's present registration. */
  constructor(pools: Pools, internalRole: string, namer: () => Namer) {
    this.pools = pools;
    this.internalRole = internalRole;
    this.decisions = new Decisions(pools, internalRole);
    this.namer = namer;
  }

  nextName(): string {
    return transactionName(this.namer(), ++this.count);
  }

  decide(name: string, database: string, nodes: readonly string[]): Promise<void> {
    return this.decisions.decide(name, database, nodes, this.forgettable.splice(0, FORGOTTEN_MAX));
  }

  forget(name: string): void {
    this.forgettable.push(name);
  }

  finishLater(name: string, database: string, nodes: readonly string[], outcome: Outcome): void {
    let commit = outcome === "unknown" ? undefined : outcome === "commit";
    const left = new Set(nodes);
    const attempt = async (): Promise<void> => {
      try {
        commit ??= await this.decisions.settle(name, database);
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
      else setTimeout(() => void attempt(), RETRY_MS).unref();
    };
    void attempt();
  }

  /** False: the lost connection's own server process is still at it, so that nothing is final yet. */
  private finishOn(node: string, database: string, name: string, commit: boolean): Promise<boolean> {
    return this.pools.during(node, this.internalRole, database, async (connection) => {
      const active = await connection.query(
        `SELECT 1 FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND query = ${quoteLiteral(prepareSql(name))}`,
      );
      await finish(connection, name, commit);
      return active.length === 0;
    });
  }
}
