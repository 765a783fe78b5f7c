/**
 * This node among the coordinators of the cluster. It registers, renews a lease, hears what the others announce and puts it into the
 * node's shared memory, and announces what the node's own processes do to definitions: whoever changes one waits until every other
 * coordinator acts on that, or is taken out because it has not renewed for longer than its lease lasts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BackendConnection } from "../backend/backend-connection.ts";
import type { Query } from "../catalog/query.ts";
import type { Server } from "../config/topology.ts";
import { PgError } from "../errors/pg-error.ts";
import type { Log } from "../observe/log.ts";
import { now, type Coordination } from "../shared-memory/coordination.ts";
import type { DefinitionStates } from "../shared-memory/definition-states.ts";
import { monotonicMs } from "../shared-memory/monotonic-clock.ts";
import { DECISION_DATABASE } from "../transaction/decisions.ts";
import { AnnouncedDefinitions, entryOf, topicsOf } from "./announced-definitions.ts";
import { Peers } from "./peers.ts";
import {
  announce,
  CHANNEL,
  forgetDead,
  readRegistry,
  register,
  renew,
  setAddress,
  takeOut,
  unregister,
  type RegistryState,
} from "./registry.ts";

/** So long after its last renewal a coordinator may still trust what it knows. */
const LEASE_MS = 10_000;
const RENEW_MS = 1_000;
const RECONNECT_MS = 200;
/** Another coordinator commits definitions of the same database: it is looked again whether it is done. */
const TRY_AGAIN_MS = 5;

export interface MembershipOptions {
  readonly catalog: Server;
  readonly internalRole: string;
  /** Names this node's data directory. */
  readonly place: string;
  readonly coordination: Coordination;
  readonly definitions: DefinitionStates;
  readonly log: Log;
  /** Closes all idle connections of the node to this database. */
  leaveDatabase(database: string): Promise<void>;
  /** A coordinator is not registered any more: what it left prepared is nobody's. */
  tookOut(): void;
}

interface Said {
  readonly value: number | undefined;
  readonly change: number;
}

export class Membership {
  private readonly options: MembershipOptions;
  private readonly announced: AnnouncedDefinitions;
  private readonly peers = new Peers();
  private connection: BackendConnection | undefined;
  /** Where clients connect. */
  private address = "";
  /** The last change that this node acts on. */
  private seen = 0;
  /** False while others may not know of this registration yet: then nothing is trusted. */
  private joined = false;
  private joinedAt: number | undefined;
  /** What this node has said under its present registration. */
  private said = new Map<string, Said>();
  /** Counts of `leave` that were acted on, by coordinator and database. */
  private left = new Map<string, number>();
  private leaves = 0;
  private turning: Promise<void> | undefined;
  private turnAgain = false;
  private readonly waiting = new Set<{ readonly change: number; resolve(): void }>();
  /** The catalog node did not answer the last time. */
  private away = false;
  private ended = false;

  constructor(options: MembershipOptions) {
    this.options = options;
    this.announced = new AnnouncedDefinitions(options.definitions);
  }

  /** Resolves when all others act on what this node says. */
  async join(): Promise<void> {
    const { coordination, definitions } = this.options;
    await this.connect();
    // What a process before this one had put into the memory is not known here.
    definitions.advanceAll();
    this.joined = coordination.hadLease;
    if (this.joined) await this.sayAgain();
    else await this.register();
    setInterval(() => void this.turn(), RENEW_MS);
    do await this.turn();
    while (!coordination.leased);
  }

  /** Another process of this node has announced before: what does not hold any more is withdrawn. */
  private async sayAgain(): Promise<void> {
    const { announcements } = await readRegistry(this.query);
    for (const { epoch, topic, value } of announcements)
      if (epoch === this.options.coordination.epoch) this.said.set(topic, { value, change: 0 });
    for (const topic of this.said.keys())
      if (entryOf(topic) === undefined) await this.sayOnce(new Map([[topic, undefined]]));
    await this.sayAll();
  }

  /** Says of all definitions what the memory says now. */
  async sayAll(): Promise<void> {
    const { definitions } = this.options;
    const entries = [...this.said.keys()].flatMap((topic) => entryOf(topic) ?? []);
    for (const entry of new Set([...definitions.busy(), ...entries]))
      await this.sayOnce(topicsOf(definitions, entry));
  }

  private async connect(): Promise<void> {
    const { catalog, internalRole } = this.options;
    const connection = await BackendConnection.connect(catalog, {
      user: internalRole,
      database: DECISION_DATABASE,
      applicationName: "pleiad coordinator",
    });
    connection.onNotification = () => void this.turn();
    await connection.query(`SET synchronous_commit = on; LISTEN ${CHANNEL}`);
    this.connection = connection;
  }

  private readonly query: Query = async (sql) => {
    if (this.connection === undefined || this.connection.closed) await this.connect();
    return this.connection!.query(sql);
  };

  private async register(): Promise<void> {
    const { coordination, place } = this.options;
    coordination.endLease();
    this.joined = false;
    this.said = new Map();
    const { epoch, change } = await register(this.query, place, this.address);
    coordination.epoch = epoch;
    this.joinedAt = change;
    await this.sayAll();
  }

  /** Reads what is new, acts on it, and says so. Calls while one runs make one more. */
  turn(): Promise<void> {
    if (this.turning !== undefined) {
      this.turnAgain = true;
      return this.turning;
    }
    this.turning = this.turns().finally(() => (this.turning = undefined));
    return this.turning;
  }

  private async turns(): Promise<void> {
    do {
      this.turnAgain = false;
      try {
        await this.turnOnce();
        this.away = false;
      } catch (error) {
        if (this.ended) return;
        if (!(error instanceof PgError)) throw error;
        if (!this.away)
          this.options.log.warn("the catalog node cannot be asked about other coordinators", {
            error: error.message,
          });
        this.away = true;
        await sleep(RECONNECT_MS);
        this.turnAgain = true;
      }
    } while (this.turnAgain && !this.ended);
  }

  private async turnOnce(): Promise<void> {
    const { coordination, log } = this.options;
    const state = await readRegistry(this.query);
    const { epoch } = coordination;
    const others = state.coordinators.filter((coordinator) => coordinator.epoch !== epoch);
    const isFirst = coordination.others === 0 && others.length > 0;
    coordination.others = others.length;
    this.announced.apply(state.announcements.filter((announcement) => announcement.epoch !== epoch));
    await this.leaveWhatOthersDrop(state);
    // Until now there was nobody to tell.
    if (isFirst) await this.sayAll();
    const news = state.change > this.seen;
    this.seen = state.change;
    const asked = now();
    if (!(await renew(this.query, epoch, this.seen, news))) {
      log.warn("the other coordinators took this one for dead; it registers anew", { epoch });
      this.options.definitions.advanceAll();
      await this.register();
      this.turnAgain = true;
      return;
    }
    this.peers.look(others, monotonicMs());
    this.joined ||= this.joinedAt !== undefined && this.peers.haveSeen(this.joinedAt);
    if (this.joined) coordination.extendLease(asked, LEASE_MS);
    for (const waiting of this.waiting)
      if (this.peers.haveSeen(waiting.change)) {
        this.waiting.delete(waiting);
        waiting.resolve();
      }
    for (const silent of this.peers.silent(monotonicMs()))
      if (await takeOut(this.query, silent, epoch)) {
        log.warn("a coordinator does not answer any more and was taken out", { epoch: silent.epoch });
        this.options.tookOut();
        this.turnAgain = true;
      }
  }

  /** Resolves when all others act on what this node's memory says of an entry now. */
  async announceEntry(entry: number): Promise<void> {
    await this.seenByAll(await this.sayEntry(entry));
  }

  private sayEntry(entry: number): Promise<number> {
    return this.say(() => topicsOf(this.options.definitions, entry));
  }

  /** Resolves when no other coordinator has an idle connection to the database. */
  async announceLeave(database: string): Promise<void> {
    if (this.options.coordination.others === 0) return;
    const topic = `leave ${database}`;
    const value = ++this.leaves;
    await this.seenByAll(await this.say(() => new Map([[topic, value]])));
    await this.say(() => new Map([[topic, undefined]]));
  }

  /** Gives the change from which on it is said. */
  private async say(topics: () => ReadonlyMap<string, number | undefined>): Promise<number> {
    for (;;) {
      try {
        const change = await this.sayOnce(topics());
        if (change !== undefined) return change;
        await sleep(TRY_AGAIN_MS);
      } catch (error) {
        if (!(error instanceof PgError)) throw error;
        await sleep(RECONNECT_MS);
      }
    }
  }

  /** Undefined: another coordinator commits the same definitions, or this one was taken out and does not know yet. */
  private async sayOnce(topics: ReadonlyMap<string, number | undefined>): Promise<number | undefined> {
    const { said } = this;
    const news = new Map([...topics].filter(([topic, value]) => said.get(topic)?.value !== value));
    if (news.size === 0)
      return Math.max(0, ...[...topics.keys()].map((topic) => said.get(topic)?.change ?? 0));
    try {
      const change = await announce(this.query, this.options.coordination.epoch, news);
      if (change !== undefined) for (const [topic, value] of news) said.set(topic, { value, change });
      return change;
    } catch (error) {
      if (error instanceof PgError && error.code === "23505") return undefined;
      throw error;
    }
  }

  private async seenByAll(change: number): Promise<void> {
    if (this.peers.haveSeen(change)) return;
    await new Promise<void>((resolve) => this.waiting.add({ change, resolve }));
  }

  private async leaveWhatOthersDrop({ announcements }: RegistryState): Promise<void> {
    const asked = new Map<string, number>();
    for (const { epoch, topic, value } of announcements) {
      if (epoch === this.options.coordination.epoch || !topic.startsWith("leave ")) continue;
      const key = `${epoch} ${topic}`;
      asked.set(key, value);
      if (this.left.get(key) !== value) await this.options.leaveDatabase(topic.slice("leave ".length));
    }
    this.left = asked;
  }

  /** For people who look at the registry. */
  async setAddress(address: string): Promise<void> {
    this.address = address;
    // When the catalog node is away it is told at the next registration.
    await setAddress(this.query, this.options.coordination.epoch, address).catch(() => {});
  }

  /** Everything that these coordinators had prepared is finished: what they announced does not hold any more. */
  async forgetDead(epochs: readonly number[]): Promise<void> {
    if (epochs.length > 0) await forgetDead(this.query, epochs, this.options.coordination.epoch);
  }

  /** Registrations that are valid, and those that are not and have left announcements. */
  async epochs(): Promise<{ readonly living: ReadonlySet<number>; readonly dead: readonly number[] }> {
    const { coordinators, announcements } = await readRegistry(this.query);
    const living = new Set(coordinators.map(({ epoch }) => epoch));
    const dead = new Set(announcements.map(({ epoch }) => epoch).filter((epoch) => !living.has(epoch)));
    return { living, dead: [...dead] };
  }

  /** An orderly end: the others do not wait for this node any more. */
  async leave(): Promise<void> {
    this.ended = true;
    this.options.coordination.endLease();
    await unregister(this.query, this.options.coordination.epoch);
    this.connection?.close();
  }
}
