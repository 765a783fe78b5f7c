/**
 * A session's temporary tables, views and sequences. They live on a connection to the catalog node that is the session's own;
 * here is what the planner has to know of them: relations of the schema pg_temp in a snapshot that only this session sees.
 */
import { loadTemporaries } from "../catalog/load-snapshot.ts";
import { relationKey, type Relation, type Snapshot } from "../catalog/snapshot.ts";
import { TEMPORARY_SCHEMA } from "../plan/temporary.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";
import { catalogQuery } from "./catalog-query.ts";
import type { RefusedTemporaries } from "./refused-temporaries.ts";
import { listenOn } from "./statements/notify.ts";
import type { Session } from "./session.ts";

export class Temporaries {
  private readonly transaction: SessionTransaction;
  private readonly refused: RefusedTemporaries;
  private relations: readonly Relation[] = [];
  private indexes: ReadonlySet<string> = new Set();
  /** What is known here may not be what is there. */
  private stale = false;
  /** Some may have been made or dropped in this transaction, which its end may undo. */
  private changed = false;
  private seen: { readonly base: Snapshot; readonly snapshot: Snapshot } | undefined;

  constructor(transaction: SessionTransaction, refused: RefusedTemporaries) {
    this.transaction = transaction;
    this.refused = refused;
  }

  /** May a name mean one of them? Then plans are this session's own. */
  get active(): boolean {
    return this.transaction.connections.temporary || this.relations.length > 0;
  }

  /** A statement is about to make, change or drop some. */
  async change(session: Session): Promise<void> {
    listenOn(session, await this.transaction.pin("catalog"));
    this.transaction.connections.temporary = true;
    this.noteChange();
  }

  noteChange(): void {
    this.stale = true;
    this.changed = this.transaction.active;
  }

  /** A transaction, or a part of it, has ended: ON COMMIT DROP, ROLLBACK. */
  transactionEnded(): void {
    if (this.changed) this.stale = true;
    this.changed = this.changed && this.transaction.active;
  }

  hasIndex(name: string): boolean {
    return this.indexes.has(name);
  }

  /** The catalog with the session's own relations in it. */
  async over(base: Snapshot): Promise<Snapshot> {
    if (!this.active) return base;
    if (!this.transaction.connections.temporary) this.lost();
    else if (this.stale && !this.transaction.failed) await this.reload(base);
    if (this.relations.length === 0) return base;
    if (this.seen?.base !== base) this.seen = { base, snapshot: withRelations(base, this.relations) };
    return this.seen.snapshot;
  }

  private async reload(base: Snapshot): Promise<void> {
    const { transaction } = this;
    const lease = await transaction.lease("catalog", false);
    try {
      const found = await loadTemporaries(catalogQuery(lease.connection), transaction.active, base);
      this.relations = found.relations;
      this.indexes = new Set(found.indexes);
    } finally {
      lease.release();
    }
    this.stale = false;
    this.seen = undefined;
    if (this.relations.length === 0 && !transaction.active) transaction.connections.temporary = false;
  }

  /** The connection is gone, and they with it: their names never come to mean users' tables. */
  private lost(): void {
    for (const { name } of this.relations) this.refused.add(name);
    this.forget();
  }

  /** DISCARD ALL has dropped them with their connection. */
  forget(): void {
    this.relations = [];
    this.indexes = new Set();
    this.stale = false;
    this.changed = false;
    this.seen = undefined;
  }
}

function withRelations(base: Snapshot, own: readonly Relation[]): Snapshot {
  const relations = new Map(base.relations);
  const relationsByOid = new Map(base.relationsByOid);
  for (const relation of own) {
    relations.set(relationKey(TEMPORARY_SCHEMA, relation.name), relation);
    relationsByOid.set(relation.oid, relation);
  }
  return { ...base, relations, relationsByOid };
}
