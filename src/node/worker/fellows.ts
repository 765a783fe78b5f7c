/** What a worker asks of all workers of its node. */
import type { Pools } from "../../backend/pool.ts";
import type { Channel } from "../channel.ts";

export class Fellows {
  private readonly channel: Channel;
  private readonly pools: Pools;
  private readonly waiting = new Map<number, () => void>();
  private lastTicket = 0;

  constructor(channel: Channel, pools: Pools) {
    this.channel = channel;
    this.pools = pools;
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
}
