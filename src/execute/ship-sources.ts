/**
 * The connections from which a statement's tables are read for the general plan. In a transaction these are the session's
 * own (they see its changes); otherwise Pleiad's own, or the client's where row security shows each role other rows; each
 * with one snapshot for all tables that it reads there.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { ShippedTable } from "../plan/plan.ts";
import type { Lease } from "../transaction/lease.ts";
import { firstDataNode, nodesOfTable } from "./locate.ts";
import type { Run, WorkplaceContext } from "./run.ts";
import { Status } from "../protocol/message-types.ts";

interface Source {
  readonly connection: BackendConnection;
  /** It is not the transaction's: what was begun on it for this statement ends with it. */
  readonly own: boolean;
  readonly lease: Lease | undefined;
}

/** What a node is asked for. */
interface Need {
  readonly tables: number;
  readonly locks: boolean;
  /** Row security decides by the role that reads. */
  readonly asClient: boolean;
}

export class ShipSources {
  private readonly context: WorkplaceContext;
  private readonly sources = new Map<string, Source>();
  private readonly nodes = new Map<ShippedTable, readonly string[]>();

  constructor(context: WorkplaceContext) {
    this.context = context;
  }

  /** Connects to every node that some table is read from, in order of name (no two statements wait for each other crosswise). */
  async open(tables: readonly ShippedTable[], run: Run): Promise<void> {
    const { context } = this;
    const snapshot = context.snapshot();
    // A replicated table is read where the transaction already is: it may have changed it there.
    const preferred = context.transaction.nodes.find((node) =>
      (snapshot.dataNodes as readonly string[]).includes(node),
    );
    const asClient = tables.some(({ relation }) => relation.rowSecurity);
    const needed = new Map<string, Need>();
    for (const table of tables) {
      const nodes = nodesOfTable(
        { relation: table.relation, filter: table.shards },
        run,
        snapshot,
        // Whoever locks or changes a replicated row comes to the first node first.
        table.lock === undefined ? preferred : firstDataNode(snapshot),
      );
      this.nodes.set(table, nodes);
      for (const node of nodes) {
        const known = needed.get(node);
        needed.set(node, {
          tables: (known?.tables ?? 0) + 1,
          locks: known?.locks === true || table.lock !== undefined,
          asClient,
        });
      }
    }
    for (const node of [...needed.keys()].toSorted())
      this.sources.set(node, await this.connect(node, needed.get(node)!));
  }

  private async connect(node: string, need: Need): Promise<Source> {
    const { transaction } = this.context;
    // Temporary tables are on the session's own connection, and only this session changes them: they need no snapshot.
    if (transaction.active || node === "catalog") {
      const lease = await transaction.lease(node, false);
      return { connection: lease.connection, own: false, lease };
    }
    const { connection, lease } = need.asClient
      ? await this.connectAsClient(node)
      : await this.connectAsPleiad(node);
    // Outside a transaction locks are waited for, and gone when the statement has ended.
    const begin = need.locks
      ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
      : need.tables > 1
        ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        : "";
    if (begin !== "") await connection.query(begin);
    return { connection, own: true, lease };
  }

  private async connectAsClient(node: string): Promise<Pick<Source, "connection" | "lease">> {
    const lease = await this.context.transaction.leaseApart(node);
    this.context.running.add(lease.connection);
    await lease.prelude;
    if (lease.preludeError !== undefined) {
      this.context.running.delete(lease.connection);
      lease.release();
      throw lease.preludeError;
    }
    return { connection: lease.connection, lease };
  }

  private async connectAsPleiad(node: string): Promise<Pick<Source, "connection" | "lease">> {
    const { transaction, pools, internalRole } = this.context;
    const settings = transaction.settings.withoutIdentity();
    const { database, connections } = transaction;
    const { customNames } = settings;
    const connection = await pools.take(node, internalRole, database, customNames, connections.waiting);
    for (const name of settings.customNames) connection.customSettings.add(name);
    this.context.running.add(connection);
    if (connection.settingsKey !== settings.key) {
      connection.settingsKey = undefined;
      await connection.query(settings.sql);
      connection.settingsKey = settings.key;
    }
    return { connection, lease: undefined };
  }

  of(table: ShippedTable): readonly BackendConnection[] {
    return this.nodes.get(table)!.map((node) => this.sources.get(node)!.connection);
  }

  /** Is it the client's role that reads there? */
  readsAsClient(connection: BackendConnection): boolean {
    return [...this.sources.values()].some(
      (source) => source.connection === connection && source.lease !== undefined,
    );
  }

  /** Ends the snapshots and gives the connections back. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.sources.values()].map(async ({ connection, own, lease }) => {
        if (own) {
          this.context.running.delete(connection);
          if (connection.status !== Status.idle) await connection.query("COMMIT");
        }
        this.giveBack(connection, lease);
      }),
    );
    this.sources.clear();
  }

  /** After an error: whatever still runs is dropped with its connection. */
  abandon(): void {
    for (const { connection, own, lease } of this.sources.values()) {
      this.context.running.delete(connection);
      if (own && (connection.depth > 0 || connection.status !== Status.idle))
        connection.destroy("the statement failed");
      this.giveBack(connection, lease);
    }
    this.sources.clear();
  }

  private giveBack(connection: BackendConnection, lease: Lease | undefined): void {
    if (lease === undefined) this.context.pools.give(connection);
    else lease.release();
  }
}
