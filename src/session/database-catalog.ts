/**
 * The catalogs of the logical databases that sessions are connected to, each loaded once and again after every DDL of any process,
 * with the plans made for them: a plan belongs to the snapshot it was made from and goes with it (row N8 of the failure modes).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { loadSnapshot } from "../catalog/load-snapshot.ts";
import type { Snapshot } from "../catalog/snapshot.ts";
import type { Pools } from "../backend/pool.ts";
import { pgError, type PgError } from "../errors/pg-error.ts";
import type { Coordination } from "../shared-memory/coordination.ts";
import type { DefinitionState } from "../shared-memory/definition-states.ts";
import type { NodeMemory } from "../shared-memory/node-memory.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import { catalogQuery } from "./catalog-query.ts";
import type { SharedDefinitions } from "./shared-definitions.ts";

/** Plans kept per database; the least recently used goes first. */
const PLANS_MAX = 5_000;
/** Commits of definitions are rare and short: whoever waits for another process's looks again after so long. */
const LOOK_AGAIN_MS = 2;
/** A catalog node that does not answer is started again, or replaced, within this time. */
const LEASE_WAIT_MS_MAX = 5_000;

/** Tells all coordinators what this process has noted in the entry of a database; resolves when they act on it. */
export type Announce = (entry: number) => Promise<void>;

/** Plans of one text. */
interface KeptPlans {
  readonly plans: readonly PlannedStatement[];
  /** Other processes find them too. Only what is asked for twice is worth that. */
  shared: boolean;
}

export class DatabaseCatalog {
  private readonly pools: Pools;
  private readonly internalRole: string;
  readonly database: string;
  private readonly state: DefinitionState;
  private readonly shared: SharedDefinitions;
  private readonly coordination: Coordination;
  private readonly announce: Announce;
  private current: Promise<Snapshot> | undefined;
  private loaded: Snapshot | undefined;
  private plans = new Map<string, KeptPlans>();
  /** Version of the definitions that `loaded`, `current` and `plans` belong to. */
  private known: number;
  /** Who has an open transaction in which definitions are changed. */
  readonly defining: Definers;

  constructor(
    pools: Pools,
    internalRole: string,
    database: string,
    state: DefinitionState,
    shared: SharedDefinitions,
    coordination: Coordination,
    announce: Announce,
  ) {
    this.shared = shared;
    this.pools = pools;
    this.internalRole = internalRole;
    this.database = database;
    this.state = state;
    this.coordination = coordination;
    this.announce = announce;
    this.known = state.version;
    this.defining = new Definers(state, announce);
  }

  /** The newest committed snapshot, loading it if a DDL has made the last one stale. */
  snapshot(): Snapshot | Promise<Snapshot> {
    this.dropStale();
    if (this.loaded !== undefined) return this.loaded;
    this.current ??= this.load();
    return this.current;
  }

  /** The newest snapshot if it is loaded. */
  get present(): Snapshot | undefined {
    return this.known === this.state.version ? this.loaded : undefined;
  }

  private async load(): Promise<Snapshot> {
    const connection = await this.pools.take("catalog", this.internalRole, this.database);
    let asked: number;
    try {
      // Half a commit shows a catalog that never was; one that begins after this grows the version.
      do {
        await this.settled();
        asked = this.version;
      } while (this.state.committing);
      const others = this.shared.snapshot(this.database, asked);
      const snapshot = others ?? (await loadSnapshot(catalogQuery(connection), this.database));
      this.dropStale();
      // A DDL that committed while this was read: what was read may be older than it.
      if (asked === this.known) {
        this.loaded = snapshot;
        if (others === undefined) this.shared.keepSnapshot(this.database, asked, snapshot);
      }
      return snapshot;
    } finally {
      if (asked! === this.known) this.current = undefined;
      this.pools.give(connection);
    }
  }

  /** Grows when a definition begins to be committed, and when it has been, by whatever process. */
  get version(): number {
    return this.state.version;
  }

  /** Definitions have changed since: snapshot and plans are not used any more. */
  private dropStale(): void {
    const { version } = this.state;
    if (version === this.known) return;
    this.known = version;
    this.loaded = undefined;
    this.current = undefined;
    this.plans = new Map();
  }

  /**
   * Runs the commit of a transaction that has changed definitions. Whoever planned before it is told by `version` as soon as some
   * server may show the new definition; whoever plans while it runs waits for its end. So in all coordinators.
   */
  async commit(work: () => Promise<void>): Promise<void> {
    while (!this.state.beginCommit()) await sleep(LOOK_AGAIN_MS);
    try {
      await this.announce(this.state.entry);
      this.invalidate();
      try {
        await work();
      } finally {
        this.shared.forgetPlans(this.database);
        this.invalidate();
      }
    } finally {
      this.state.endCommit();
      // The others wait until they hear it, which they will.
      this.announce(this.state.entry).catch(() => {});
    }
  }

  /** Resolves when no commit of definitions is under way. Throws 57P03 when this coordinator cannot know. */
  async settled(): Promise<void> {
    const giveUpAt = performance.now() + LEASE_WAIT_MS_MAX;
    for (;;) {
      if (!this.coordination.leased && performance.now() > giveUpAt) throw notLeased();
      if (this.coordination.leased && !this.state.committing) return;
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** False while this coordinator cannot know of definitions that others commit. */
  get knows(): boolean {
    return this.coordination.leased;
  }

  private invalidate(): void {
    this.state.advance();
    this.dropStale();
  }

  /** Definitions have changed outside a commit. Resolves when all coordinators know. */
  async changed(): Promise<void> {
    this.state.noteChange();
    this.dropStale();
    await this.announce(this.state.entry);
  }

  /** Plans for a query string under given circumstances (search path, parameter types, …). */
  plansFor(key: string): readonly PlannedStatement[] | undefined {
    this.dropStale();
    const kept = this.plans.get(key);
    if (kept === undefined) return this.plansOfOthers(key);
    if (!kept.shared) {
      kept.shared = true;
      this.shared.keepPlans(this.database, this.known, key, kept.plans);
    }
    return kept.plans;
  }

  private plansOfOthers(key: string): readonly PlannedStatement[] | undefined {
    const snapshot = this.present;
    if (snapshot === undefined) return undefined;
    const plans = this.shared.plans(this.database, this.known, key, snapshot);
    if (plans !== undefined) this.remember(key, { plans, shared: true });
    return plans;
  }

  keepPlans(snapshot: Snapshot, key: string, plans: readonly PlannedStatement[]): void {
    if (snapshot === this.present) this.remember(key, { plans, shared: false });
  }

  private remember(key: string, kept: KeptPlans): void {
    if (this.plans.size >= PLANS_MAX)
      for (const oldest of this.plans.keys()) {
        this.plans.delete(oldest);
        if (this.plans.size < PLANS_MAX * 0.9) break;
      }
    this.plans.set(key, kept);
  }
}

/** Sessions with an open transaction in which definitions are changed: who they are is known here, how many in all processes. */
class Definers {
  private readonly state: DefinitionState;
  private readonly announce: Announce;
  private readonly own = new Set<object>();

  constructor(state: DefinitionState, announce: Announce) {
    this.state = state;
    this.announce = announce;
  }

  /** Resolves when all coordinators know. */
  async add(session: object): Promise<void> {
    if (this.own.has(session)) return;
    this.own.add(session);
    this.state.countDefining(1);
    await this.announce(this.state.entry);
  }

  delete(session: object): void {
    if (!this.own.delete(session)) return;
    this.state.countDefining(-1);
    this.announce(this.state.entry).catch(() => {});
  }

  /** Is somebody else among them? */
  othersThan(session: object): boolean {
    return this.state.defining > (this.own.has(session) ? 1 : 0);
  }
}

export class DatabaseCatalogs {
  private readonly pools: Pools;
  private readonly internalRole: string;
  private readonly memory: NodeMemory;
  private readonly process: { readonly slot: number; readonly life: number };
  private readonly shared: SharedDefinitions;
  private readonly announce: Announce;
  private readonly catalogs = new Map<string, DatabaseCatalog>();

  /** `process`: this one's record in the table of processes, and its life. */
  constructor(
    pools: Pools,
    internalRole: string,
    memory: NodeMemory,
    process: { readonly slot: number; readonly life: number },
    shared: SharedDefinitions,
    announce: Announce,
  ) {
    this.shared = shared;
    this.pools = pools;
    this.internalRole = internalRole;
    this.memory = memory;
    this.process = process;
    this.announce = announce;
  }

  of(database: string): DatabaseCatalog {
    let catalog = this.catalogs.get(database);
    if (catalog === undefined) {
      const { definitions, coordination } = this.memory;
      const state = definitions.of(database, this.process.slot, this.process.life);
      catalog = new DatabaseCatalog(
        this.pools,
        this.internalRole,
        database,
        state,
        this.shared,
        coordination,
        this.announce,
      );
      this.catalogs.set(database, catalog);
    }
    return catalog;
  }

  /** The database is about to go, or to become another one. */
  async forget(database: string): Promise<void> {
    const catalog = this.of(database);
    this.catalogs.delete(database);
    await catalog.changed();
  }
}

function notLeased(): PgError {
  return pgError(
    "57P03",
    "the coordinator cannot know the present definitions: it has lost the catalog node",
    {
      hint: "Try again once the catalog node is back; see `pleiad status`.",
    },
  );
}
