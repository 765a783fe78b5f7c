/**
 * The transaction of one client session over the nodes it has touched. A node joins when the first statement needs it:
 * it gets the client's settings, its BEGIN and the savepoints that are open, in one message with the statement.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Pools } from "../backend/pool.ts";
import { PgError, pgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import { Status, type TransactionStatus } from "../protocol/message-types.ts";
import { Dependents, type Dependent } from "./dependents.ts";
import { PinnedConnections } from "./pinned-connections.ts";
import { sendPrelude } from "./prelude.ts";
import { isCustom, type SessionSettings } from "./settings.ts";
import { commitInTwoPhases, type CommitLog } from "./two-phase-commit.ts";

/** One node's part in the transaction. */
export interface Participant {
  readonly connection: BackendConnection;
  /** It may have changed rows or definitions: it has a say in the commit. */
  wrote: boolean;
}

export interface Savepoint {
  readonly name: string;
  readonly settings: SessionSettings;
  readonly settingsAfterCommit: SessionSettings;
}

/** A connection lent for one statement. */
export interface Lease {
  readonly connection: BackendConnection;
  /** Set when something that was sent before the statement (settings, BEGIN) failed. */
  preludeError: PgError | undefined;
  /** Set while something that was sent before the statement is not answered yet: a statement that writes waits for it. */
  prelude: Promise<void> | undefined;
  release(): void;
}

export class SessionTransaction {
  private readonly pools: Pools;
  private readonly log: CommitLog;
  readonly user: string;
  readonly database: string;
  /** What the client has set; SET changes it, the end of a transaction may take it back. */
  settings: SessionSettings;
  /** none: each statement stands alone; implicit: the statements of one query string or pipeline; explicit: BEGIN. */
  kind: "none" | "implicit" | "explicit" = "none";
  failed = false;
  /** The client's BEGIN with its modes, for nodes that join later; SET TRANSACTION statements follow. */
  private beginSql = "BEGIN";
  /** Connections lent for one statement and not yet given back. */
  private readonly lent = new Set<BackendConnection>();
  private readonly participants = new Map<string, Participant>();
  private savepoints: Savepoint[] = [];
  private readonly dependents = new Dependents();
  private readonly pinned = new PinnedConnections();
  private settingsAtBegin: SessionSettings;
  /** Settings made with SET LOCAL go at the end even of a committed transaction: what remains then. */
  private settingsAfterCommit: SessionSettings;
  /** DDL ran in this transaction: the catalog as others see it is not the one it sees. */
  changedCatalog = false;

  /**
   * The session has temporary objects on its own connection to the catalog node, or had some in this transaction: PostgreSQL
   * prepares no transaction that has touched them, and whatever is asked has to be asked there.
   */
  temporary = false;

  /** The session is over: connections that arrive now go back at once. */
  private abandoned = false;
  /** Custom settings that statements of this session may have made on servers, remembered or not. */
  private readonly customTried = new Set<string>();
  /** REPEATABLE READ: every node takes its snapshot when the first statement runs, also those that are needed later. */
  private snapshotNodes: readonly string[] | undefined;

  constructor(pools: Pools, log: CommitLog, user: string, database: string, settings: SessionSettings) {
    this.pools = pools;
    this.log = log;
    this.user = user;
    this.database = database;
    this.settings = settings;
    this.settingsAtBegin = settings;
    this.settingsAfterCommit = settings;
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

  participant(node: string): Participant | undefined {
    return this.participants.get(node);
  }

  begin(kind: "implicit" | "explicit", sql: string): void {
    if (this.kind === "none") {
      this.settingsAtBegin = this.settings;
      this.settingsAfterCommit = this.settings;
    }
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
    this.settings = settings;
    if (this.kind === "none") {
      this.settingsAtBegin = settings;
      this.settingsAfterCommit = settings;
    } else if (!local) {
      this.settingsAfterCommit =
        name === undefined ? settings : this.settingsAfterCommit.with(name, settings.get(name));
    }
  }

  /** A statement that sets these is about to run. */
  willSet(names: readonly string[]): void {
    for (const name of names) if (isCustom(name)) this.customTried.add(name);
  }

  private take(node: string): BackendConnection | Promise<BackendConnection> {
    return this.pinnedTo(node) ?? this.takeFree(node);
  }

  private takeFree(node: string): BackendConnection | Promise<BackendConnection> {
    const taken = this.pools.take(node, this.user, this.database, this.settings.customNames);
    if (!(taken instanceof Promise)) return taken;
    return taken.then((connection) => {
      if (!this.abandoned) return connection;
      this.pools.give(connection);
      throw pgError("57P01", "the client has gone");
    });
  }

  private give(connection: BackendConnection): void {
    for (const name of this.customTried) connection.customSettings.add(name);
    if (!this.pinned.has(connection)) this.pools.give(connection);
  }

  /** From now on the session works on `node` over one connection of its own, which keeps what statements leave there. */
  async pin(node: string): Promise<BackendConnection> {
    const known = this.pinnedTo(node);
    if (known !== undefined) return known;
    const joined = this.participants.get(node);
    if (joined !== undefined) {
      this.pinned.add(joined.connection);
      return joined.connection;
    }
    const connection = await this.takeFree(node);
    this.pinned.add(connection);
    // Whoever had it before may have left last values of sequences.
    await connection.query("DISCARD SEQUENCES");
    return connection;
  }

  /** The session's own connection to a node, if it has one. */
  pinnedTo(node: string): BackendConnection | undefined {
    try {
      return this.pinned.get(node);
    } catch (error) {
      // Its temporary objects went with it.
      if (node === "catalog") this.temporary = false;
      throw error;
    }
  }

  /** The session's own connection turned out to hold nothing of the session; not within a transaction. */
  unpinFrom(node: string): void {
    if (node === "catalog" && this.temporary) return;
    const connection = this.pinned.remove(node);
    if (connection !== undefined) this.give(connection);
  }

  /** Gives up what the session's own connections hold; not within a transaction. */
  unpin(): void {
    this.temporary = false;
    this.pinned.closeAll();
  }

  /** A connection to `node` for one statement; in a transaction, the node's part of it. `writes`: the statement may change something there. */
  lease(node: string, writes: boolean): Lease | Promise<Lease> {
    if (this.kind === "none") {
      const connection = this.take(node);
      if (connection instanceof Promise) return connection.then((c) => this.lend(c));
      return this.lend(connection);
    }
    if (this.snapshotNodes !== undefined)
      return this.joinAll(this.snapshotNodes).then(() => this.lease(node, writes));
    const joined = this.participants.get(node);
    if (joined !== undefined) {
      if (joined.connection.closed) throw this.lostNode(node);
      joined.wrote ||= writes;
      return {
        connection: joined.connection,
        preludeError: undefined,
        prelude: undefined,
        release: () => {},
      };
    }
    const connection = this.take(node);
    if (connection instanceof Promise) return connection.then((c) => this.join(node, c, writes));
    return this.join(node, connection, writes);
  }

  /** A connection outside the transaction, with the client's settings: to describe statements, to combine intermediate results. */
  leaseApart(node: string): Lease | Promise<Lease> {
    const connection = this.takeFree(node);
    if (connection instanceof Promise) return connection.then((c) => this.lend(c));
    return this.lend(connection);
  }

  /**
   * A connection to the catalog node on which something is asked or checked but nothing is changed: the transaction's own if
   * there is one (another would wait for locks that this transaction holds, and would not see its definitions).
   */
  leaseToAsk(): Lease | Promise<Lease> {
    return this.participants.has("catalog") || this.temporary
      ? this.lease("catalog", false)
      : this.leaseApart("catalog");
  }

  /** Cancels whatever servers do for this session right now. */
  cancelAll(): void {
    for (const connection of this.lent) if (connection.depth > 0) void connection.cancel();
    for (const { connection } of this.participants.values())
      if (connection.depth > 0) void connection.cancel();
  }

  private async joinAll(nodes: readonly string[]): Promise<void> {
    this.snapshotNodes = undefined;
    for (const node of nodes.toSorted()) {
      if (this.participants.has(node)) continue;
      const lease = this.join(node, await this.take(node), false);
      await lease.connection.query("SELECT 1");
      if (lease.preludeError !== undefined) throw lease.preludeError;
    }
  }

  private lostNode(node: string): PgError {
    return pgError("08006", `node "${node}" was lost during the transaction`, {
      hint: "Roll back and run the transaction again.",
    });
  }

  private lend(connection: BackendConnection): Lease {
    this.lent.add(connection);
    const lease: Lease = {
      connection,
      preludeError: undefined,
      prelude: undefined,
      release: () => {
        this.lent.delete(connection);
        this.give(connection);
      },
    };
    this.applySettings(connection, lease);
    return lease;
  }

  private join(node: string, connection: BackendConnection, writes: boolean): Lease {
    const lease: Lease = { connection, preludeError: undefined, prelude: undefined, release: () => {} };
    this.applySettings(connection, lease);
    const savepoints = this.savepoints.map((s) => `; SAVEPOINT ${quoteName(s.name)}`).join("");
    // currval() shall know this session's values only: whoever had the connection before may have left others.
    if (node === "catalog" && !this.pinned.has(connection))
      sendPrelude(connection, "DISCARD SEQUENCES", lease);
    sendPrelude(connection, this.beginSql + savepoints, lease);
    this.participants.set(node, { connection, wrote: writes });
    return lease;
  }

  /** Puts the session's settings in force on a connection that has others; not awaited, the statement follows in the same stream. */
  private applySettings(connection: BackendConnection, lease: Lease): void {
    const key = this.settings.key;
    if (connection.settingsKey === key) return;
    for (const name of this.settings.customNames) connection.customSettings.add(name);
    connection.settingsKey = undefined;
    sendPrelude(connection, this.settings.sql, lease, () => {
      connection.settingsKey = key;
    });
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
    this.savepoints.push({ name, settings: this.settings, settingsAfterCommit: this.settingsAfterCommit });
    return this.onAll(`SAVEPOINT ${quoteName(name)}`);
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
    await this.onAll(`RELEASE SAVEPOINT ${quoteName(name)}`);
  }

  async rollbackTo(name: string): Promise<void> {
    const at = this.findSavepoint(name);
    this.savepoints.length = at + 1;
    this.dependents.rolledBack(at);
    const undone = this.settings;
    const savepoint = this.savepoints[at]!;
    this.settings = savepoint.settings.keepingCustomOf(undone);
    this.settingsAfterCommit = savepoint.settingsAfterCommit;
    for (const [node, { connection }] of this.participants) if (connection.closed) throw this.lostNode(node);
    await this.onAll(`ROLLBACK TO SAVEPOINT ${quoteName(name)}`);
    if (this.settings !== undone) {
      // A node that joined behind the savepoint had the later settings from its beginning.
      for (const { connection } of this.participants.values()) connection.settingsKey = undefined;
      await this.onAll(this.settings.sql);
    }
    this.failed = false;
  }

  /** Commits on every node, in two phases when several have written. Throws when nothing was committed, or 08007 when that is not known. */
  async commit(): Promise<void> {
    const participants = [...this.participants];
    const writers = participants.filter(([node, p]) => p.wrote && !this.isTemporaryOnly(node));
    try {
      for (const [node, p] of participants)
        if (p.connection.closed && (p.wrote || writers.length === 0)) throw this.lostNode(node);
      // What only its COMMIT would find wrong is found before the others are committed.
      if (writers.length > 0 && this.temporary)
        await this.participants.get("catalog")?.connection.query("SET CONSTRAINTS ALL IMMEDIATE");
      if (writers.length > 1)
        await commitInTwoPhases(
          this.log,
          writers.map(([node, p]) => ({ node, connection: p.connection })),
        );
      else for (const [, p] of writers) await commitAlone(p.connection);
      // Nodes that were only read from have nothing to lose; deferred constraints have nothing to check there.
      const others = await Promise.allSettled(
        participants
          .filter((one) => !writers.includes(one) && !one[1].connection.closed)
          .map(([, p]) => p.connection.query("COMMIT")),
      );
      const failed = others.find((result) => result.status === "rejected");
      if (failed !== undefined && writers.length === 0) throw failed.reason;
    } catch (error) {
      await this.rollbackParticipants();
      this.end(this.settingsAtBegin, false);
      throw isUnprepared(error) ? refusal("temporary-with-definitions") : error;
    }
    this.end(this.settingsAfterCommit, true);
  }

  /** The catalog node's part is about temporary objects (and numbers of sequences, which no rollback takes back): it commits by itself. */
  private isTemporaryOnly(node: string): boolean {
    return node === "catalog" && this.temporary && !this.changedCatalog;
  }

  async rollback(): Promise<void> {
    await this.rollbackParticipants();
    this.end(this.settingsAtBegin, false);
  }

  /** The client is gone or the session ends: whatever is under way on the servers is undone by dropping the connections. */
  abandon(): void {
    this.abandoned = true;
    this.dependents.ended(false);
    for (const { connection } of this.participants.values()) {
      if (connection.depth > 0) connection.destroy("the client has gone");
      else {
        void connection.query("ROLLBACK").then(
          () => {
            connection.settingsKey = undefined;
            this.give(connection);
          },
          () => connection.destroy(),
        );
      }
    }
    this.participants.clear();
    this.pinned.closeAll();
    this.kind = "none";
  }

  private async rollbackParticipants(): Promise<void> {
    await Promise.all(
      [...this.participants.values()].map(async ({ connection }) => {
        if (connection.closed || connection.status === Status.idle) return;
        try {
          await connection.query("ROLLBACK");
        } catch {
          connection.destroy("rollback failed");
        }
      }),
    );
  }

  private end(remaining: SessionSettings, committed: boolean): void {
    this.dependents.ended(committed);
    const settings = remaining.keepingCustomOf(this.settings);
    const changed = this.settings !== this.settingsAtBegin || settings !== this.settings;
    for (const { connection } of this.participants.values()) {
      if (changed) connection.settingsKey = undefined;
      this.give(connection);
    }
    this.participants.clear();
    this.savepoints = [];
    this.kind = "none";
    this.failed = false;
    this.changedCatalog = false;
    this.snapshotNodes = undefined;
    this.beginSql = "BEGIN";
    this.settings = settings;
    this.settingsAtBegin = settings;
    this.settingsAfterCommit = settings;
  }
}

/** PREPARE TRANSACTION of a transaction that has touched temporary objects. */
function isUnprepared(error: unknown): boolean {
  return error instanceof PgError && error.code === "0A000" && /PREPARE .* temporary/.test(error.message);
}

/** COMMIT of a single writer: when its answer is lost, nobody knows. */
async function commitAlone(connection: BackendConnection): Promise<void> {
  try {
    await connection.query("COMMIT");
  } catch (error) {
    if (error instanceof PgError && !connection.closed) throw error;
    throw pgError(
      "08007",
      `the connection to node "${connection.server.name}" was lost during COMMIT: its outcome is not known`,
      {
        hint: "Check whether the changes are there before running the transaction again.",
      },
    );
  }
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
