/**
 * The catalogs of the logical databases that sessions are connected to, each loaded once and again after every DDL, with
 * the plans made for them: a plan belongs to the snapshot it was made from and goes with it (row N8 of the failure modes).
 */
import { loadSnapshot } from "../catalog/load-snapshot.ts";
import type { Snapshot } from "../catalog/snapshot.ts";
import type { Pools } from "../backend/pool.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import { catalogQuery } from "./catalog-query.ts";

/** Plans kept per database; the least recently used goes first. */
const PLANS_MAX = 5_000;

export class DatabaseCatalog {
  private readonly pools: Pools;
  private readonly internalRole: string;
  readonly database: string;
  private current: Promise<Snapshot> | undefined;
  private loaded: Snapshot | undefined;
  private plans = new Map<string, readonly PlannedStatement[]>();

  constructor(pools: Pools, internalRole: string, database: string) {
    this.pools = pools;
    this.internalRole = internalRole;
    this.database = database;
  }

  /** The newest committed snapshot, loading it if a DDL has made the last one stale. */
  snapshot(): Snapshot | Promise<Snapshot> {
    if (this.loaded !== undefined) return this.loaded;
    this.current ??= this.load();
    return this.current;
  }

  /** The newest snapshot if it is loaded. */
  get present(): Snapshot | undefined {
    return this.loaded;
  }

  private async load(): Promise<Snapshot> {
    // Half a commit shows a catalog that never was.
    await this.settled();
    const connection = await this.pools.take("catalog", this.internalRole, this.database);
    const asked = this.version;
    try {
      const snapshot = await loadSnapshot(catalogQuery(connection), this.database);
      // A DDL that committed while this was read: what was read may be older than it.
      if (asked === this.version) this.loaded = snapshot;
      return snapshot;
    } finally {
      this.current = undefined;
      this.pools.give(connection);
    }
  }

  /** Grows when a definition begins to be committed, and when it has been. */
  version = 0;

  /** Who has an open transaction in which definitions are changed. */
  readonly defining = new Set<object>();
  private committing: Promise<void> | undefined;

  /**
   * Runs the commit of a transaction that has changed definitions. Whoever planned before it is told by `version` as soon as some
   * server may show the new definition; whoever plans while it runs waits for its end.
   */
  async commit(work: () => Promise<void>): Promise<void> {
    while (this.committing !== undefined) await this.committing;
    let done = (): void => {};
    this.committing = new Promise((resolve) => (done = resolve));
    this.invalidate();
    try {
      await work();
    } finally {
      this.committing = undefined;
      this.invalidate();
      done();
    }
  }

  /** Resolves when no commit of definitions is under way. */
  async settled(): Promise<void> {
    while (this.committing !== undefined) await this.committing;
  }

  /** Definitions have changed: snapshot and plans are not used any more. */
  invalidate(): void {
    this.version++;
    this.loaded = undefined;
    this.current = undefined;
    this.plans = new Map();
  }

  /** Plans for a query string under given circumstances (search path, parameter types, …). */
  plansFor(key: string): readonly PlannedStatement[] | undefined {
    return this.plans.get(key);
  }

  keepPlans(snapshot: Snapshot, key: string, plans: readonly PlannedStatement[]): void {
    if (snapshot !== this.loaded) return;
    if (this.plans.size >= PLANS_MAX)
      for (const oldest of this.plans.keys()) {
        this.plans.delete(oldest);
        if (this.plans.size < PLANS_MAX * 0.9) break;
      }
    this.plans.set(key, plans);
  }
}

export class DatabaseCatalogs {
  private readonly pools: Pools;
  private readonly internalRole: string;
  private readonly catalogs = new Map<string, DatabaseCatalog>();

  constructor(pools: Pools, internalRole: string) {
    this.pools = pools;
    this.internalRole = internalRole;
  }

  of(database: string): DatabaseCatalog {
    let catalog = this.catalogs.get(database);
    if (catalog === undefined)
      this.catalogs.set(database, (catalog = new DatabaseCatalog(this.pools, this.internalRole, database)));
    return catalog;
  }

  /** Roles and databases are seen from everywhere. */
  invalidateAll(): void {
    for (const catalog of this.catalogs.values()) catalog.invalidate();
  }

  forget(database: string): void {
    this.catalogs.delete(database);
  }
}
