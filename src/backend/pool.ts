/**
 * Backend connections, shared by all sessions of a coordinator: one pool per server, database and role (the role is the
 * client's own, so that the server itself checks its rights). A connection is lent to one statement or transaction at a time.
 */
import type { Server } from "../config/topology.ts";
import { GivenUp, pgError, type PgError } from "../errors/pg-error.ts";
import { Status } from "../protocol/message-types.ts";
import { BackendConnection } from "./backend-connection.ts";

export interface PoolOptions {
  /** Connections to one server, of all roles together. */
  readonly perServerMax: number;
  /** How long a statement waits for a connection before 53300. */
  readonly waitMsMax: number;
}

/** Since the beginning: connections lent, those that somebody waited for, connections opened; and those that are open. */
export interface PoolCounts {
  readonly lent: number;
  readonly waited: number;
  readonly opened: number;
  readonly open: number;
}

/**
 * Connections to one server that are being opened at the same time. A process of its own is made there for each: many short statements
 * that come at once (after another worker's death) are sooner done by the first few than by one each.
 */
const OPENING_MAX = 4;

/** A statement that waits for something of its own process, where no server can end the wait: who owns the statement can. */
export interface Waiting {
  /** A wait begins. `interrupt` is called at most once, with the error that ends it early. To be called when it is over: what is given. */
  begin(what: "admission" | "a connection", interrupt: (error: PgError) => void): () => void;
}

interface Waiter {
  readonly key: string;
  readonly user: string;
  readonly database: string;
  readonly custom: readonly string[];
  resolve(connection: BackendConnection): void;
  reject(error: PgError): void;
}

/** Connections to one server. */
class ServerPool {
  private readonly server: Server;
  private readonly options: PoolOptions;
  /** Idle connections by role and database, last used last. */
  private readonly idle = new Map<string, BackendConnection[]>();
  private readonly all = new Set<BackendConnection>();
  /** Connections being opened. */
  private opening = 0;
  private readonly waiters: Waiter[] = [];
  private ended = false;
  /** Since the beginning: connections lent, those that somebody waited for, connections opened. */
  lent = 0;
  waited = 0;
  opened = 0;
  private keepsIdle = true;

  constructor(server: Server, options: PoolOptions) {
    this.server = server;
    this.options = options;
  }

  /** `custom`: custom settings that the session has; on a connection that has seen others they would be seen. */
  take(
    user: string,
    database: string,
    custom: readonly string[],
    waiting: Waiting | undefined,
  ): BackendConnection | Promise<BackendConnection> {
    const key = `${user}\0${database}`;
    this.lent++;
    const idle = this.idle.get(key) ?? [];
    const at = idle.findLastIndex((connection) => fits(connection, custom));
    if (at >= 0) return idle.splice(at, 1)[0]!;
    this.waited++;
    return new Promise((resolve, reject) => {
      const giveUp = (error: PgError) => {
        const at = this.waiters.indexOf(waiter);
        if (at >= 0) this.waiters.splice(at, 1);
        waiter.reject(new GivenUp(error.fields));
      };
      const timer = setTimeout(() => giveUp(this.noneFree()), this.options.waitMsMax);
      const over = waiting?.begin("a connection", giveUp);
      const waiter: Waiter = {
        key,
        user,
        database,
        custom,
        resolve: (connection) => {
          clearTimeout(timer);
          over?.();
          resolve(connection);
        },
        reject: (error) => {
          clearTimeout(timer);
          over?.();
          reject(error);
        },
      };
      this.waiters.push(waiter);
      this.serve();
    });
  }

  private noneFree(): PgError {
    const { server, options } = this;
    return pgError(
      "53300",
      `no connection to node "${server.name}" became free in ${options.waitMsMax / 1000} s`,
      { hint: "Raise pool.per_node, or look for long transactions." },
    );
  }

  give(connection: BackendConnection): void {
    if (connection.closed) return;
    if (this.ended || connection.status !== Status.idle || connection.depth > 0) {
      // Whoever gives back an open transaction has failed half way: the server undoes it when the connection ends.
      connection.destroy("returned in a transaction");
      return;
    }
    if (connection.cancelling !== undefined) {
      void this.giveAfterCancel(connection);
      return;
    }
    const key = `${connection.user}\0${connection.database}`;
    const at = this.waiters.findIndex((waiter) => waiter.key === key && fits(connection, waiter.custom));
    if (at >= 0) {
      this.waiters.splice(at, 1)[0]!.resolve(connection);
      return;
    }
    if (!this.keepsIdle) return connection.close();
    let list = this.idle.get(key);
    if (list === undefined) this.idle.set(key, (list = []));
    list.push(connection);
    if (this.waiters.length > 0) this.serve();
  }

  /** The cancel may still hit whatever runs next on this connection: let that be nothing of anybody's. */
  private async giveAfterCancel(connection: BackendConnection): Promise<void> {
    await connection.cancelling;
    try {
      await connection.query("SELECT");
    } catch {
      // Here it is.
    }
    this.give(connection);
  }

  get open(): number {
    return this.all.size;
  }

  end(): void {
    this.ended = true;
    for (const connection of this.all) connection.close();
    for (const waiter of this.waiters.splice(0))
      waiter.reject(pgError("57P01", "the coordinator is shutting down"));
  }

  /** Closes idle connections to a database (before it is dropped or renamed). */
  closeIdle(database: string): void {
    for (const [key, list] of this.idle) {
      if (!key.endsWith(`\0${database}`)) continue;
      for (const connection of list.splice(0)) connection.close();
    }
  }

  keepNone(): void {
    this.keepsIdle = false;
    for (const list of this.idle.values()) for (const connection of list.splice(0)) connection.close();
  }

  private serve(): void {
    while (this.waiters.length > this.opening && this.opening < OPENING_MAX) {
      if (this.all.size + this.opening >= this.options.perServerMax) {
        if (!this.evict()) return;
        // Closing a connection may have served others meanwhile.
        continue;
      }
      void this.openFor(this.waiters[this.opening]!);
    }
  }

  /** Closes an idle connection that nobody who waits can use, to make room. */
  private evict(): boolean {
    for (const list of this.idle.values()) {
      const connection = list.shift();
      if (connection === undefined) continue;
      this.all.delete(connection);
      connection.close();
      return true;
    }
    return false;
  }

  private async openFor(first: Waiter): Promise<void> {
    this.opening++;
    try {
      const connection = await BackendConnection.connect(this.server, {
        user: first.user,
        database: first.database,
      });
      this.all.add(connection);
      this.opened++;
      connection.whenClosed(() => {
        this.all.delete(connection);
        const list = this.idle.get(first.key);
        const at = list?.indexOf(connection) ?? -1;
        if (at >= 0) list!.splice(at, 1);
        if (this.waiters.length > 0) this.serve();
      });
      this.opening--;
      this.give(connection);
    } catch (error) {
      this.opening--;
      // The one that asked, if it still waits: another of the same key may have got a connection meanwhile.
      const at = this.waiters.findIndex((waiter) => waiter.key === first.key);
      if (at >= 0) this.waiters.splice(at, 1)[0]!.reject(error as PgError);
    }
    if (this.waiters.length > 0) this.serve();
  }
}

function fits(connection: BackendConnection, custom: readonly string[]): boolean {
  for (const name of connection.customSettings) if (!custom.includes(name)) return false;
  return true;
}

export class Pools {
  private readonly pools = new Map<string, ServerPool>();

  constructor(servers: readonly Server[], options: PoolOptions) {
    for (const server of servers) this.pools.set(server.name, new ServerPool(server, options));
  }

  private pool(node: string): ServerPool {
    const pool = this.pools.get(node);
    if (pool === undefined) throw pgError("08003", `there is no node "${node}"`);
    return pool;
  }

  /** Lends a connection; give it back with `give`. `waiting`: hears of a wait, and can end it. */
  take(
    node: string,
    user: string,
    database: string,
    custom: readonly string[] = [],
    waiting?: Waiting,
  ): BackendConnection | Promise<BackendConnection> {
    return this.pool(node).take(user, database, custom, waiting);
  }

  /** Lends a connection for a piece of Pleiad's own work. */
  async during<T>(
    node: string,
    user: string,
    database: string,
    work: (connection: BackendConnection) => Promise<T>,
  ): Promise<T> {
    const connection = await this.take(node, user, database);
    try {
      return await work(connection);
    } finally {
      this.give(connection);
    }
  }

  /** Takes a connection back: idle ones wait for the next statement, others are dropped. */
  give(connection: BackendConnection): void {
    this.pool(connection.server.name).give(connection);
  }

  closeIdle(database: string): void {
    for (const pool of this.pools.values()) pool.closeIdle(database);
  }

  /** Of all servers. */
  get counts(): PoolCounts {
    const counts = { lent: 0, waited: 0, opened: 0, open: 0 };
    for (const pool of this.pools.values())
      for (const name of Object.keys(counts) as (keyof PoolCounts)[]) counts[name] += pool[name];
    return counts;
  }

  /** From now on connections that nobody waits for are closed: the process ends soon, and others need them. */
  keepNone(): void {
    for (const pool of this.pools.values()) pool.keepNone();
  }

  end(): void {
    for (const pool of this.pools.values()) pool.end();
  }
}
