/**
 * Statement multiplexing: cheap reads of many sessions travel in one pipeline over few backend connections. Each has a Sync of
 * its own, so errors stay apart; what the sessions ask for in one turn of the event loop leaves in one write. A connection whose
 * head has run for longer than some milliseconds gets nothing more behind it.
 */
import { availableParallelism } from "node:os";
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
/** Other settings than those of the rest are few: beyond this many, sessions take connections of their own. */
const LANES_MAX = 64;
/** A lane that nobody uses gives its connections back. */
const IDLE_MS = 200;

/** What connections have in common whose pipelines sessions may share. */
export interface LaneKey {
  readonly user: string;
  readonly database: string;
  readonly settingsKey: string;
  readonly settingsSql: string;
  readonly customSettings: readonly string[];
}

class LaneConnection {
  readonly connection: BackendConnection;
  private out: Buffer[] = [];
  usedAt = 0;

  constructor(connection: BackendConnection) {
    this.connection = connection;
  }

  send(bytes: Buffer, receiver: Receiver): void {
    this.connection.expect(receiver);
    if (this.out.push(bytes) === 1) setImmediate(this.flush);
  }

  private readonly flush = () => {
    const { out } = this;
    this.out = [];
    this.usedAt = performance.now();
    this.connection.write(out.length === 1 ? out[0]! : Buffer.concat(out));
  };

  get takesMore(): boolean {
    const { depth, headSince } = this.connection;
    if (depth === 0) return true;
    // Within one turn of the event loop a head grows no older than it was at its first look.
    const isYoung = this.out.length > 0 || performance.now() - headSince <= HEAD_MS_MAX;
    return isYoung && depth < DEPTH_MAX;
  }
}

/** The shared connections to one node. */
class Lane {
  private readonly node: string;
  private readonly key: LaneKey;
  private readonly pools: Pools;
  private readonly connections: LaneConnection[] = [];
  private opening = 0;

  constructor(node: string, key: LaneKey, pools: Pools) {
    this.node = node;
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
      const { user, database, settingsKey, settingsSql, customSettings } = this.key;
      const connection = await this.pools.take(this.node, user, database, customSettings);
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

/** The lanes of one role, database and settings. Sessions keep it from statement to statement. */
export class Lanes {
  private readonly multiplexer: Multiplexer;
  private readonly key: LaneKey;
  private readonly pools: Pools;
  private readonly byNode = new Map<string, Lane>();
  /** Nobody has used them for a while: who asks for such lanes now gets others. */
  ended = false;

  constructor(multiplexer: Multiplexer, key: LaneKey, pools: Pools) {
    this.multiplexer = multiplexer;
    this.key = key;
    this.pools = pools;
  }

  /** A connection whose pipeline takes one more statement; undefined: the session takes one of its own. */
  pick(node: string): SharedConnection | undefined {
    let lane = this.byNode.get(node);
    if (lane === undefined) this.byNode.set(node, (lane = new Lane(node, this.key, this.pools)));
    const picked = lane.pick();
    if (picked !== undefined) this.multiplexer.statements++;
    return picked;
  }

  /** True when nothing is left. */
  shrink(now: number): boolean {
    for (const [node, lane] of this.byNode) if (lane.shrink(now)) this.byNode.delete(node);
    this.ended = this.byNode.size === 0;
    return this.ended;
  }
}

export class Multiplexer {
  private readonly pools: Pools;
  private readonly lanes = new Map<string, Lanes>();
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

  /** Undefined: there are too many others already. */
  lanesFor(key: LaneKey): Lanes | undefined {
    const name = `${key.user}\0${key.database}\0${key.settingsKey}`;
    let lanes = this.lanes.get(name);
    if (lanes === undefined) {
      if (this.lanes.size >= LANES_MAX) return undefined;
      this.lanes.set(name, (lanes = new Lanes(this, key, this.pools)));
    }
    return lanes;
  }

  private shrink(): void {
    const now = performance.now();
    for (const [name, lanes] of this.lanes) if (lanes.shrink(now)) this.lanes.delete(name);
  }

  end(): void {
    clearInterval(this.timer);
  }
}

export interface SharedConnection {
  readonly connection: BackendConnection;
  send(bytes: Buffer, receiver: Receiver): void;
}
