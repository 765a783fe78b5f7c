/** What a worker asks of all workers of its node, and of the other coordinators. */
import type { Pools } from "../../backend/pool.ts";
import { pgError } from "../../errors/pg-error.ts";
import type { Coordination } from "../../shared-memory/coordination.ts";
import type { Channel } from "../channel.ts";

/** A coordinator that does not answer is taken out sooner. */
const ANNOUNCE_MS_MAX = 25_000;

interface Announcing {
  readonly entry: number;
  resolve(): void;
}

export class Fellows {
  private readonly channel: Channel;
  private readonly pools: Pools;
  private readonly coordination: Coordination;
  private readonly announcing = new Map<number, Announcing>();
  private readonly waiting = new Map<number, () => void>();
  private lastTicket = 0;

  constructor(channel: Channel, pools: Pools, coordination: Coordination) {
    this.channel = channel;
    this.pools = pools;
    this.coordination = coordination;
  }

  /** Resolves when no worker has an idle connection to the database any more: it is about to be dropped or renamed. */
  leaveDatabase(database: string): Promise<void> {
    this.pools.closeIdle(database);
    const ticket = ++this.lastTicket;
    return new Promise((resolve) => {
      this.waiting.set(ticket, resolve);
      void this.channel.send({ kind: "leave", database, ticket });
    });
  }

  asked(database: string, ticket: number): void {
    this.pools.closeIdle(database);
    void this.channel.send({ kind: "left", ticket });
  }

  answered(ticket: number): void {
    this.waiting.get(ticket)?.();
    this.waiting.delete(ticket);
  }

  /** Resolves when all other coordinators act on what the memory says of this entry of the definitions. Throws 55P03. */
  async announce(entry: number): Promise<void> {
    if (this.coordination.others === 0) return;
    const ticket = ++this.lastTicket;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(
          () =>
            reject(
              pgError("55P03", "the other coordinators could not be told of a change of definitions", {
                hint: "Try again once the catalog node answers; see `pleiad status`.",
              }),
            ),
          ANNOUNCE_MS_MAX,
        );
        this.announcing.set(ticket, { entry, resolve });
        this.send(ticket, entry);
      });
    } finally {
      clearTimeout(timer);
      this.announcing.delete(ticket);
    }
  }

  announced(ticket: number): void {
    this.announcing.get(ticket)?.resolve();
  }

  /** Another transaction process has begun. */
  announceAgain(): void {
    for (const [ticket, { entry }] of this.announcing) this.send(ticket, entry);
  }

  private send(ticket: number, entry: number): void {
    void this.channel.send({ kind: "announce", entry, ticket });
  }
}
