/**
 * The catalog as one session sees it: the newest committed one, or its own transaction's after DDL, with the session's
 * temporary objects in it; and the search path by which names are looked up there.
 */
import { loadSnapshot } from "../catalog/load-snapshot.ts";
import type { Snapshot } from "../catalog/snapshot.ts";
import type { PlanContext } from "../plan/plan-read.ts";
import { TEMPORARY_SCHEMA } from "../plan/temporary.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";
import { catalogQuery } from "./catalog-query.ts";
import type { DatabaseCatalog } from "./database-catalog.ts";
import type { Temporaries } from "./temporaries.ts";

export class CatalogView {
  private readonly catalog: DatabaseCatalog;
  private readonly transaction: SessionTransaction;
  private readonly temporaries: Temporaries;
  /** In use by the current statement. */
  private current: Snapshot | undefined;
  /** Version of the database's catalog that the current snapshot has at least. */
  version = 0;
  /** With what the session's own transaction has changed. */
  private own: { readonly snapshot: Snapshot; readonly version: number } | undefined;
  /** The search path resolved by the catalog node, for one state of settings and catalog. */
  private resolvedPath: { settings: string; snapshot: Snapshot; schemas: readonly string[] } | undefined;

  constructor(catalog: DatabaseCatalog, transaction: SessionTransaction, temporaries: Temporaries) {
    this.catalog = catalog;
    this.transaction = transaction;
    this.temporaries = temporaries;
  }

  /** The one that the current statement was planned with. */
  snapshot(): Snapshot {
    if (this.current === undefined) throw new Error("no snapshot is loaded");
    return this.current;
  }

  /** A statement that was planned before runs with its snapshot. */
  use(snapshot: Snapshot, version: number): void {
    this.current = snapshot;
    this.version = version;
  }

  /** The catalog for the next statement: the newest, or the transaction's own after its DDL. */
  loadSnapshot(): Snapshot | Promise<Snapshot> {
    const { present } = this.catalog;
    if (present === undefined || this.transaction.changedCatalog || this.temporaries.active)
      return this.composeSnapshot();
    this.current = present;
    this.version = this.catalog.version;
    return present;
  }

  private async composeSnapshot(): Promise<Snapshot> {
    const { version } = this.catalog;
    let snapshot = await this.permanentSnapshot();
    if (this.temporaries.active) snapshot = await this.temporaries.over(snapshot);
    this.current = snapshot;
    this.version = version;
    return snapshot;
  }

  /** The same without the session's temporary objects, as it is now. */
  async permanentSnapshot(): Promise<Snapshot> {
    // A transaction that has failed shows nothing any more, and nothing is planned in it but its end.
    if (!this.transaction.changedCatalog || this.transaction.failed) return this.catalog.snapshot();
    await this.catalog.settled();
    const { version } = this.catalog;
    if (this.own?.version !== version) {
      const lease = await this.transaction.lease("catalog", true);
      const snapshot = await loadSnapshot(catalogQuery(lease.connection), this.catalog.database);
      this.own = { snapshot, version };
    }
    return this.own.snapshot;
  }

  /** This session's transaction has changed the catalog: until it ends, it sees a catalog of its own. */
  changed(): void {
    this.transaction.changedCatalog = true;
    this.own = undefined;
  }

  /** What it had changed is committed, or is no more. */
  transactionEnded(): void {
    this.own = undefined;
    this.temporaries.transactionEnded();
  }

  /** Existing schemas of the search path, without pg_catalog; pg_temp only where the session has temporary objects. */
  async searchPath(): Promise<readonly string[]> {
    const settings = this.transaction.settings.key;
    const snapshot = await this.loadSnapshot();
    const known = this.resolvedPath;
    if (known !== undefined && known.settings === settings && known.snapshot === snapshot)
      return known.schemas;
    const lease = await this.transaction.leaseToAsk();
    try {
      const rows = await lease.connection.query("SELECT unnest(current_schemas(false))");
      const written = rows.map((row) => row[0]!.replace(/^pg_temp_\d+$/, TEMPORARY_SCHEMA));
      // It is searched first unless the path says where.
      const implied = this.temporaries.active && !written.includes(TEMPORARY_SCHEMA);
      const schemas = implied ? [TEMPORARY_SCHEMA, ...written] : written;
      this.resolvedPath = { settings, snapshot, schemas };
      return schemas;
    } finally {
      lease.release();
    }
  }

  async planContext(parameterTypes: readonly number[]): Promise<PlanContext> {
    return {
      snapshot: await this.loadSnapshot(),
      searchPath: await this.searchPath(),
      parameterTypes,
      transformNullEquals: this.transaction.settings.get("transform_null_equals") === "on",
    };
  }
}
