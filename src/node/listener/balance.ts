/**
 * Which sessions a busy worker gives to an idle one. A worker's load is the part of the time in which its event loop does something; a
 * session's is its share of the worker's requests. Pure: time and what is known of workers and sessions are passed in, and what comes
 * out is what to do.
 */

export interface WorkerLoad {
  readonly life: number;
  /** From 0 to 1. */
  readonly load: number;
}

export interface SessionActivity {
  readonly id: number;
  /** Life of its worker. */
  readonly owner: number;
  /** Since it is with its worker. */
  readonly requests: number;
  /** Could it go at all? */
  readonly movable: boolean;
}

export interface Move {
  readonly id: number;
  readonly from: number;
  readonly to: number;
}

/** A worker that has time left gives nothing away. */
const BUSY_MIN = 0.5;
/** Smaller differences are not worth a move, and come and go. */
const DIFFERENCE_MIN = 0.25;
/** Looks in a row in which the same two differ, before anything is moved. */
const LOOKS_MIN = 3;
/** At one look. */
const MOVES_MAX = 20;
/** A session that was moved stays for so long. */
const STAYS_MS = 15_000;

export class Balance {
  private pair = "";
  private looks = 0;
  private requests = new Map<number, SessionActivity>();
  private readonly movedAt = new Map<number, number>();

  /** To be called about once a second; `sessions` is only asked when workers differ. */
  look(workers: readonly WorkerLoad[], sessions: () => readonly SessionActivity[], now: number): Move[] {
    for (const [id, at] of this.movedAt) if (now - at > STAYS_MS) this.movedAt.delete(id);
    const byLoad = workers.toSorted((a, b) => a.load - b.load);
    const [idle, busy] = [byLoad[0], byLoad.at(-1)];
    if (!idle || !busy || busy.load < BUSY_MIN || busy.load - idle.load < DIFFERENCE_MIN)
      return this.forget();
    const pair = `${busy.life} ${idle.life}`;
    if (pair !== this.pair) this.forget();
    this.pair = pair;
    this.looks++;
    const before = this.requests;
    const known = sessions().filter(({ owner }) => owner === busy.life);
    this.requests = new Map(known.map((session) => [session.id, session]));
    if (this.looks < LOOKS_MIN) return [];
    const chosen = this.choose(known, before, busy.load, (busy.load - idle.load) / 2);
    // What came of it is seen after some looks only.
    this.forget();
    for (const id of chosen) this.movedAt.set(id, now);
    return chosen.map((id) => ({ id, from: busy.life, to: idle.life }));
  }

  private forget(): [] {
    this.pair = "";
    this.looks = 0;
    this.requests = new Map();
    return [];
  }

  /**
   * Sessions of the busy worker whose loads together are no more than `surplus`, half of the difference: so the other one never becomes
   * the busy one by it, and nothing goes to and fro. A session that is more than that by itself would only carry the load over.
   */
  private choose(
    known: readonly SessionActivity[],
    before: ReadonlyMap<number, SessionActivity>,
    load: number,
    surplus: number,
  ): number[] {
    const active = known
      .map(({ id, requests, movable }) => {
        const done = requests - (before.get(id)?.requests ?? requests);
        return { id, movable, done: Math.max(0, done) };
      })
      .filter(({ done }) => done > 0)
      .toSorted((a, b) => b.done - a.done);
    const all = active.reduce((sum, { done }) => sum + done, 0);
    const chosen: number[] = [];
    let left = surplus;
    for (const { id, movable, done } of active) {
      const own = (done / all) * load;
      if (!movable || own > left || this.movedAt.has(id)) continue;
      chosen.push(id);
      left -= own;
      if (chosen.length === MOVES_MAX) break;
    }
    return chosen;
  }
}
