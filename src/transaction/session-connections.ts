/**
 * The backend connections that one session works with: taken from the pools as the client's role, brought to the session's
 * settings before the first statement, given back; and those that the session keeps as its own.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Pools, Waiting } from "../backend/pool.ts";
import { pgError } from "../errors/pg-error.ts";
import { Status } from "../protocol/message-types.ts";
import { leaseOf, sendPrelude, type Lease } from "./lease.ts";
import { PinnedConnections } from "./pinned-connections.ts";
import { isCustom } from "./settings.ts";
import type { SettingsInForce } from "./settings-in-force.ts";

export class SessionConnections {
  private readonly pools: Pools;
  readonly user: string;
  readonly database: string;
  private readonly settings: SettingsInForce;
  /** Hears of the session's waits for connections. */
  readonly waiting: Waiting;
  /** Lent for one statement and not yet given back. */
  private readonly lent = new Set<BackendConnection>();
  private readonly pinned = new PinnedConnections();
  /** Custom settings that statements of this session may have made on servers, remembered or not. */
  private readonly customTried = new Set<string>();
  /** The session is over: connections that arrive now go back at once. */
  private closed = false;
  /**
   * The session has temporary objects on its own connection to the catalog node, or had some in this transaction: PostgreSQL
   * prepares no transaction that has touched them, and whatever is asked has to be asked there.
   */
  temporary = false;

  constructor(pools: Pools, user: string, database: string, settings: SettingsInForce, waiting: Waiting) {
    this.pools = pools;
    this.waiting = waiting;
    this.user = user;
    this.database = database;
    this.settings = settings;
  }

  /** A statement that sets these is about to run. */
  willSet(names: readonly string[]): void {
    for (const name of names) if (isCustom(name)) this.customTried.add(name);
  }

  /** The session's own connection to `node`, or one from the pool. Give it back with `give`. */
  take(node: string): BackendConnection | Promise<BackendConnection> {
    return this.pinnedTo(node) ?? this.takeFree(node);
  }

  /** One from the pool, also where the session has its own. */
  takeFree(node: string): BackendConnection | Promise<BackendConnection> {
    const { user, database, settings, waiting } = this;
    const taken = this.pools.take(node, user, database, settings.now.customNames, waiting);
    if (!(taken instanceof Promise)) return taken;
    return taken.then((connection) => {
      if (!this.closed) return connection;
      this.pools.give(connection);
      throw pgError("57P01", "the client has gone");
    });
  }

  /** Told when a connection comes back on which a server may still be at work. */
  lost: (() => void) | undefined;

  /** The session's own connections stay with it. */
  give(connection: BackendConnection): void {
    if (connection.closed || connection.depth > 0 || connection.status !== Status.idle) this.lost?.();
    for (const name of this.customTried) connection.customSettings.add(name);
    if (!this.pinned.has(connection)) this.pools.give(connection);
  }

  /** For one statement, with the session's settings. */
  lend(connection: BackendConnection): Lease {
    this.lent.add(connection);
    const lease = leaseOf(connection, () => {
      this.lent.delete(connection);
      this.give(connection);
    });
    this.applySettings(lease);
    return lease;
  }

  /** Puts the session's settings in force on a connection that has others; not awaited, the statement follows in the same stream. */
  applySettings(lease: Lease): void {
    const { connection } = lease;
    const settings = this.settings.now;
    const { key } = settings;
    if (connection.settingsKey === key) return;
    for (const name of settings.customNames) connection.customSettings.add(name);
    connection.settingsKey = undefined;
    sendPrelude(lease, settings.sql, () => {
      connection.settingsKey = key;
    });
  }

  /**
   * From now on the session works on `node` over one connection of its own, which keeps what statements leave there. `joined`:
   * the one on which its transaction is already.
   */
  async pin(node: string, joined: BackendConnection | undefined): Promise<BackendConnection> {
    const known = this.pinnedTo(node);
    if (known !== undefined) return known;
    const connection = joined ?? (await this.takeFree(node));
    this.pinned.add(connection);
    // Whoever had it before may have left last values of sequences; a transaction has cleared them when it joined.
    if (joined === undefined) await connection.query("DISCARD SEQUENCES");
    return connection;
  }

  /** The session's own connection to a node, if it has one. Throws, once, when it was lost. */
  pinnedTo(node: string): BackendConnection | undefined {
    try {
      return this.pinned.get(node);
    } catch (error) {
      // Its temporary objects went with it.
      if (node === "catalog") this.temporary = false;
      throw error;
    }
  }

  isPinned(connection: BackendConnection): boolean {
    return this.pinned.has(connection);
  }

  /** Does it have connections of its own? What they hold ends with this process. */
  get holds(): boolean {
    return this.temporary || !this.pinned.isEmpty;
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

  /** Cancels what runs on lent connections. */
  cancelLent(): void {
    for (const connection of this.lent) if (connection.depth > 0) void connection.cancel();
  }

  /** The session is over. */
  close(): void {
    this.closed = true;
    this.pinned.closeAll();
  }
}
