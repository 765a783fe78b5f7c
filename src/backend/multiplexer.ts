/**
 * Statement multiplexing: cheap reads of many sessions travel in one pipeline over few backend connections. Each has a Sync of
 * its own, so errors stay apart; what the sessions ask for in one turn of the event loop leaves in one write. A connection whose
 * head has run for longer than some milliseconds gets nothing more behind it.
 */
import { availableParallelism } from "node:os";
import type { PgError } from "../errors/pg-error.ts";
import type { TransactionStatus } from "../protocol/message-types.ts";
import type { BackendConnection, Receiver } from "./backend-connection.ts";
import type { Pools } from "./pool.ts";

/**
 * Connections per lane. Where cores are few, one: fuller pipelines mean fewer system calls and process switches (measured on two
 * cores, two nodes, 16 clients: 38 k/s with one, 30 k/s with two). Where they are many, a server should use several.
 */
const CONNECTIONS_PER_LANE = Math.max(1, Math.min(4, Math.floor(availableParallelism() / 4)));
/**
 * Longest time that the head of a pipeline may have run for others to queue behind it. Most of what is measured so is the server's
 * waiting for a processor: taken too short, a busy machine opens connections, and gets busier still (180 clients on two cores, simple
 * protocol: 36 k/s with 10 ms, 28 with 4, 11 with 1).
 */
const HEAD_MS_MAX = 10;
/** Statements waiting on one connection beyond which a session takes one of its own. */
const DEPTH_MAX = 1_000;
/** Lanes with other settings than the rest are few: beyond this many, sessions take connections of their own. */
const LANES_MAX = 64;
/** A lane that nobody uses gives its connections back. */
const IDLE_MS = 200;

/** What a lane's connections have in common: server, role, database, settings. */
export interface LaneKey {
  readonly node: string;
  readonly user: string;
  readonly database: string;
  readonly settingsKey: string;
  readonly settingsSql: string;
  readonly customSettings: readonly string[];
}

class LaneConnection {
  readonly connection: BackendConnection;
  private out: Buffer[] = [];
  private scheduled = false;
  /** When the statement that runs now came to the head. */
  headSince = 0;
  usedAt = 0;

  constructor(connection: BackendConnection) {
    this.connection = connection;
  }

  send(bytes: Buffer, receiver: Receiver): void {
    const now = performance.now();
    if (this.connection.depth === 0) this.headSince = now;
    this.usedAt = now;
    this.connection.expect(new Relay(this, receiver));
    this.out.push(bytes);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      const { out } = this;
      this.out = [];
      this.connection.write(out.length === 1 ? out[0]! : Buffer.concat(out));
    });
  }

  get takesMore(): boolean {
    const { depth } = this.connection;
    return depth === 0 || (depth < DEPTH_MAX && performance.now() - this.headSince <= HEAD_MS_MAX);
  }
}

/** Notes when the next statement comes to the head. */
class Relay implements Receiver {
  private readonly lane: LaneConnection;
  private readonly receiver: Receiver;

  constructor(lane: LaneConnection, receiver: Receiver) {
    this.lane = lane;
    this.receiver = receiver;
  }

  frame(type: number, buffer: Buffer, start: number, end: number): void {
    this.receiver.frame(type, buffer, start, end);
  }

  ready(status: TransactionStatus): void {
    this.lane.headSince = performance.now();
    this.receiver.ready(status);
  }

  lost(error: PgError): void {
    this.receiver.lost(error);
  }
}

class Lane {
  readonly key: LaneKey;
  private readonly pools: Pools;
  readonly connections: LaneConnection[] = [];
  private opening = 0;

  constructor(key: LaneKey, pools: Pools) {
    this.key = key;
    this.pools = pools;
  }

  /** The least busy connection that takes more; undefined when there is none right now. */
  pick(): LaneConnection | undefined {
    let best: LaneConnection | undefined;
    for (const candidate of this.connections) {
      if (candidate.connection.closed || !candidate.takesMore) continue;
      if (best === undefined || candidate.connection.depth < best.connection.depth) best = candidate;
    }
    if (
      (best === undefined || best.connection.depth > 0) &&
      this.connections.length + this.opening < CONNECTIONS_PER_LANE
    )
      void this.open();
    return best;
  }

  private async open(): Promise<void> {
    this.opening++;
    try {
      const { node, user, database, settingsKey, settingsSql, customSettings } = this.key;
      const connection = await this.pools.take(node, user, database, customSettings);
      for (const name of customSettings) connection.customSettings.add(name);
      if (connection.settingsKey !== settingsKey) {
        connection.settingsKey = undefined;
        await connection.query(settingsSql);
        connection.settingsKey = settingsKey;
      }
      const lane = new LaneConnection(connection);
      lane.usedAt = performance.now();
      this.connections.push(lane);
    } catch {
      // The session that asked goes its own way, and hears the error there.
    } finally {
      this.opening--;
    }
  }

  /** Gives idle connections back; true when none is left. */
  shrink(now: number): boolean {
    for (let i = this.connections.length - 1; i >= 0; i--) {
      const lane = this.connections[i]!;
      if (!lane.connection.closed && (lane.connection.depth > 0 || now - lane.usedAt < IDLE_MS)) continue;
      this.connections.splice(i, 1);
      this.pools.give(lane.connection);
    }
    return this.connections.length === 0 && this.opening === 0;
  }
}

export class Multiplexer {
  private readonly pools: Pools;
  private readonly lanes = new Map<string, Lane>();
  private readonly timer: NodeJS.Timeout;
  /** Statements that went through a shared pipeline. */
  statements = 0;
  /** Of them, those that run again elsewhere: what went wrong was the connection's, not theirs. */
  runAgain = 0;

  constructor(pools: Pools) {
    this.pools = pools;
    this.timer = setInterval(() => this.shrink(), IDLE_MS);
    this.timer.unref();
  }

  /** A connection whose pipeline takes one more statement; undefined: the session takes one of its own. */
  pick(key: LaneKey): SharedConnection | undefined {
    const name = `${key.node}\0${key.user}\0${key.database}\0${key.settingsKey}`;
    let lane = this.lanes.get(name);
    if (lane === undefined) {
      if (this.lanes.size >= LANES_MAX) return undefined;
      this.lanes.set(name, (lane = new Lane(key, this.pools)));
    }
    const picked = lane.pick();
    if (picked !== undefined) this.statements++;
    return picked;
  }

  private shrink(): void {
    const now = performance.now();
    for (const [name, lane] of this.lanes) if (lane.shrink(now)) this.lanes.delete(name);
  }

  end(): void {
    clearInterval(this.timer);
  }
}

export interface SharedConnection {
  readonly connection: BackendConnection;
  send(bytes: Buffer, receiver: Receiver): void;
}
