/** Connections for workers that are to go on with them: kept while a worker has not read those before them. */
import type { Child } from "./child.ts";
import type { HeldConnections } from "./held-connections.ts";

/** The worker has not read what was sent before. */
const FULL_RETRY_MS = 2;

export class Deliveries {
  private readonly connections: HeldConnections;
  private readonly workerOf: (life: number) => Child | undefined;
  private readonly lost: (ids: readonly number[]) => void;
  private readonly waiting = new Map<number, number[]>();
  private planned = false;

  /** `workerOf`: the worker of this life, as long as it lives; `lost`: these cannot be handed to anybody. */
  constructor(
    connections: HeldConnections,
    workerOf: (life: number) => Child | undefined,
    lost: (ids: readonly number[]) => void,
  ) {
    this.connections = connections;
    this.workerOf = workerOf;
    this.lost = lost;
  }

  /** What a worker does not get because it dies is its own all the same: it is given on with the rest of that one's connections. */
  add(ids: readonly number[], life: number): void {
    this.waiting.set(life, [...(this.waiting.get(life) ?? []), ...ids]);
    if (!this.planned) this.send();
  }

  private send(): void {
    this.planned = false;
    for (const [life, ids] of this.waiting) {
      const there = ids.flatMap((id) => {
        const fd = this.connections.fd(id);
        return fd === undefined ? [] : [{ id, fd }];
      });
      const worker = this.workerOf(life);
      // Those that were closed meanwhile are over.
      const lost =
        worker?.hasMail === false ? ids : ids.filter((id) => this.connections.fd(id) === undefined);
      if (lost.length > 0) this.lost(lost);
      const sent = worker?.deliver(there);
      if (sent === undefined || sent === there.length) this.waiting.delete(life);
      else
        this.waiting.set(
          life,
          there.slice(sent).map(({ id }) => id),
        );
    }
    if (this.waiting.size === 0) return;
    this.planned = true;
    setTimeout(() => this.send(), FULL_RETRY_MS);
  }
}
