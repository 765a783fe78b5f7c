/**
 * The transaction of one client session over the nodes it has touched. A node joins when the first statement needs it:
 * it gets the client's settings, its BEGIN and the savepoints that are open, in one message with the statement.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Pools, Waiting } from "../backend/pool.ts";
import { pgError } from "../errors/pg-error.ts";
import { Status, type TransactionStatus } from "../protocol/message-types.ts";
import { quoteIdentifier } from "../sql/quote.ts";
import { Dependents, type Dependent } from "./dependents.ts";
import { commitOnNodes, rollbackOnNodes } from "./end-on-nodes.ts";
import { leaseOf, preludeDone, sendPrelude, type Lease } from "./lease.ts";
import { lostNode, type Participant } from "./participant.ts";
import { SessionConnections } from "./session-connections.ts";
import type { SessionSettings } from "./settings.ts";
import { SettingsInForce, type SettingsMark } from "./settings-in-force.ts";
import type { CommitLog } from "./two-phase-commit.ts";

interface Savepoint {
  readonly name: string;
  readonly settings: SettingsMark;
}

/** Who has to know when nothing of a session happens on servers any more. */
export interface EndWatcher {
  /** A transaction has ended, as far as this process has to do with it. */
  ended(): void;
  /** Some server may still be at work: a connection was lost, or a transaction is finished later. */
  lost(): void;
}

export class SessionTransaction {
  private readonly log: CommitLog;
  private watcher: EndWatcher | undefined;
  /** The connections that the session works with, within a transaction or not. */
  readonly connections: SessionConnections;
  private readonly settingsInForce: SettingsInForce;
  /** none: each statement stands alone; implicit: the statements of one query string or pipeline; explicit: BEGIN. */
  kind: "none" | "implicit" | "explicit" = "none";
  failed = false;
  /** DDL ran in this transaction: the catalog as others see it is not the one it sees. */
  changedCatalog = false;
  /** The client's BEGIN with its modes, for nodes that join later; SET TRANSACTION statements follow. */
  private beginSql = "BEGIN";
  private readonly participants = new Map<string, Participant>();
  private savepoints: Savepoint[] = [];
  private readonly dependents = new Dependents();
  /** REPEATABLE READ: every node takes its snapshot when the first statement runs, also those that are needed later. */
  private snapshotNodes: readonly string[] | undefined;

  constructor(
    pools: Pools,
    log: CommitLog,
    user: string,
    database: string,
    settings: SessionSettings,
    waiting: Waiting,
  ) {
    this.log = {
      nextName: () => log.nextName(),
      decide: (...decision) => log.decide(...decision),
      forget: (name) => log.forget(name),
      finishLater: (...transaction) => {
        this.watcher?.lost();
        log.finishLater(...transaction);
      },
    };
    this.settingsInForce = new SettingsInForce(settings);
    this.connections = new SessionConnections(pools, user, database, this.settingsInForce, waiting);
  }

  watchEnd(watcher: EndWatcher): void {
    this.watcher = watcher;
    this.connections.lost = () => watcher.lost();
  }

  get user(): string {
    return this.connections.user;
  }

  get database(): string {
    return this.connections.database;
  }

  /** What the client has set; SET changes it, the end of a transaction may take it back. */
  get settings(): SessionSettings {
    return this.settingsInForce.now;
  }

  /** What ReadyForQuery says between statements. */
  get status(): TransactionStatus {
    if (this.kind !== "explicit") return Status.idle;
    return this.failed ? Status.failed : Status.inTransaction;
  }

  get active(): boolean {
    return this.kind !== "none";
  }

  get nodes(): readonly string[] {
    return [...this.participants.keys()];
  }

  /** An error on some node: nothing more can be done in the transaction. */
  get isAborted(): boolean {
    return [...this.participants.values()].some(({ connection }) => connection.status === Status.failed);
  }

  /** Does it hold connections, and perhaps locks, that others may wait for? */
  get holdsConnections(): boolean {
    return this.participants.size > 0 || this.connections.holds;
  }

  participant(node: string): Participant | undefined {
    return this.participants.get(node);
  }

  begin(kind: "implicit" | "explicit", sql: string): void {
    // A pipeline may have begun implicitly just before its BEGIN, whose modes count as long as no node has joined.
    if (this.participants.size === 0) this.beginSql = sql;
    this.kind = kind;
  }

  /** One snapshot for the whole transaction: all of `nodes` join at its first statement. */
  readSnapshotOf(nodes: readonly string[]): void {
    this.snapshotNodes = nodes;
  }

  /** The client's BEGIN, for AND CHAIN. */
  get beginStatement(): string {
    return this.beginSql;
  }

  /** SET TRANSACTION …: for the nodes that have joined at once (by the caller), and for those that join later. */
  addToBegin(sql: string): void {
    this.beginSql += `; ${sql}`;
  }

  /** SET changes what remains after COMMIT, SET LOCAL only what is in force until then. */
  changeSettings(settings: SessionSettings, local: boolean, name?: string): void {
    if (this.active) this.settingsInForce.change(settings, local, name);
    else this.settingsInForce.replace(settings);
  }

  /** A connection to `node` for one statement; in a transaction, the node's part of it. `writes`: the statement may change something there. */
  lease(node: string, writes: boolean): Lease | Promise<Lease> {
    const { connections } = this;
    if (!this.active) {
      const connection = connections.take(node);
      if (connection instanceof Promise) return connection.then((c) => connections.lend(c));
      return connections.lend(connection);
    }
    if (this.snapshotNodes !== undefined)
      return this.joinAll(this.snapshotNodes).then(() => this.lease(node, writes));
    const joined = this.participants.get(node);
    if (joined !== undefined) {
      if (joined.connection.closed) throw lostNode(node);
      joined.wrote ||= writes;
      return leaseOf(joined.connection);
    }
    const connection = connections.take(node);
    if (connection instanceof Promise) return connection.then((c) => this.join(node, c, writes));
    return this.join(node, connection, writes);
  }

  /** A connection outside the transaction, with the client's settings: to describe statements, to combine intermediate results. */
  leaseApart(node: string): Lease | Promise<Lease> {
    const { connections } = this;
    const connection = connections.takeFree(node);
    if (connection instanceof Promise) return connection.then((c) => connections.lend(c));
    return connections.lend(connection);
  }

  /** What it asks the catalog node is asked within the transaction: an error there would end it. */
  get asksItsOwn(): boolean {
    return this.participants.has("catalog") || this.connections.temporary;
  }

  /**
   * A connection to the catalog node on which something is asked or checked but nothing is changed: the transaction's own if
   * there is one (another would wait for locks that this transaction holds, and would not see its definitions).
   */
  leaseToAsk(): Lease | Promise<Lease> {
    // A transaction that has failed answers nothing any more.
    return this.asksItsOwn && !this.failed ? this.lease("catalog", false) : this.leaseApart("catalog");
  }

  /** From now on the session works on `node` over one connection of its own, which keeps what statements leave there. */
  pin(node: string): Promise<BackendConnection> {
    return this.connections.pin(node, this.participants.get(node)?.connection);
  }

  private async joinAll(nodes: readonly string[]): Promise<void> {
    this.snapshotNodes = undefined;
    for (const node of nodes.toSorted()) {
      if (this.participants.has(node)) continue;
      const lease = this.join(node, await this.connections.take(node), false);
      await lease.connection.query("SELECT 1");
      await preludeDone(lease);
    }
  }

  private join(node: string, connection: BackendConnection, writes: boolean): Lease {
    const lease = leaseOf(connection);
    this.connections.applySettings(lease);
    const savepoints = this.savepoints.map((s) => `; SAVEPOINT ${quoteIdentifier(s.name)}`).join("");
    // currval() shall know this session's values only: whoever had the connection before may have left others.
    if (node === "catalog" && !this.connections.isPinned(connection)) sendPrelude(lease, "DISCARD SEQUENCES");
    sendPrelude(lease, this.beginSql + savepoints);
    this.participants.set(node, { connection, wrote: writes });
    return lease;
  }

  /** Runs SQL of Pleiad's own (SET, SAVEPOINT …) on every node that takes part. */
  async onAll(sql: string): Promise<void> {
    await Promise.all([...this.participants.values()].map((p) => p.connection.query(sql)));
  }

  /** `dependent` is told when what is done now ends or is undone. */
  attach(dependent: Dependent): void {
    this.dependents.add(dependent, this.savepoints.length);
  }

  detach(dependent: Dependent): void {
    this.dependents.remove(dependent);
  }

  savepoint(name: string): Promise<void> {
    this.savepoints.push({ name, settings: this.settingsInForce.mark });
    return this.onAll(`SAVEPOINT ${quoteIdentifier(name)}`);
  }

  private findSavepoint(name: string): number {
    const at = this.savepoints.findLastIndex((s) => s.name === name);
    if (at < 0) throw pgError("3B001", `savepoint "${name}" does not exist`);
    return at;
  }

  async release(name: string): Promise<void> {
    const at = this.findSavepoint(name);
    this.savepoints.length = at;
    this.dependents.released(at);
    await this.onAll(`RELEASE SAVEPOINT ${quoteIdentifier(name)}`);
  }

  async rollbackTo(name: string): Promise<void> {
    const at = this.findSavepoint(name);
    this.savepoints.length = at + 1;
    this.dependents.rolledBack(at);
    const changed = this.settingsInForce.backTo(this.savepoints[at]!.settings);
    for (const [node, { connection }] of this.participants) if (connection.closed) throw lostNode(node);
    await this.onAll(`ROLLBACK TO SAVEPOINT ${quoteIdentifier(name)}`);
    if (changed) {
      // A node that joined behind the savepoint had the later settings from its beginning.
      for (const { connection } of this.participants.values()) connection.settingsKey = undefined;
      await this.onAll(this.settings.sql);
    }
    this.failed = false;
  }

  /** Commits on every node, in two phases when several have written. Throws when nothing was committed, or 08007 when that is not known. */
  async commit(): Promise<void> {
    try {
      await commitOnNodes(this.log, this.participants, {
        temporary: this.connections.temporary,
        definitions: this.changedCatalog,
      });
    } catch (error) {
      this.end(false);
      throw error;
    }
    this.end(true);
  }

  async rollback(): Promise<void> {
    await rollbackOnNodes(this.participants.values());
    this.end(false);
  }

  /** Cancels whatever servers do for this session right now. */
  cancelAll(): void {
    this.connections.cancelLent();
    for (const { connection } of this.participants.values())
      if (connection.depth > 0) void connection.cancel();
  }

  /** The client is gone or the session ends: whatever is under way on the servers is undone by dropping the connections. */
  abandon(): void {
    this.dependents.ended(false);
    for (const { connection } of this.participants.values()) {
      if (connection.depth > 0) connection.destroy("the client has gone");
      else {
        void connection.query("ROLLBACK").then(
          () => {
            connection.settingsKey = undefined;
            this.connections.give(connection);
          },
          () => connection.destroy(),
        );
      }
    }
    this.participants.clear();
    this.connections.close();
    this.kind = "none";
    this.watcher?.lost();
    this.watcher?.ended();
  }

  private end(committed: boolean): void {
    this.dependents.ended(committed);
    const otherSettings = this.settingsInForce.end(committed);
    for (const { connection } of this.participants.values()) {
      if (otherSettings) connection.settingsKey = undefined;
      this.connections.give(connection);
    }
    this.participants.clear();
    this.savepoints = [];
    this.kind = "none";
    this.failed = false;
    this.changedCatalog = false;
    this.snapshotNodes = undefined;
    this.beginSql = "BEGIN";
    this.watcher?.ended();
  }
}
