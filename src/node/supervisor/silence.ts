/**
 * Finds processes that do not turn any more: stopped, or caught in a loop (row N9). What is found is killed, so that it can do nothing on
 * its old authority when it goes on; its sessions go to others. Pure but for what is passed in.
 */

/** No beat for so long means that it serves nobody. */
const SILENT_MS_MAX = 15_000;
/** Whoever looks as late as this was stopped himself, and the others with him: all begin anew. */
const LATE_MS_MAX = 3_000;

interface Heard {
  readonly beats: number;
  readonly at: number;
}

export class Silence {
  private readonly heard = new Map<number, Heard>();
  private lookedAt: number;

  constructor(now: number) {
    this.lookedAt = now;
  }

  /** To be called about once a second with what is known of all processes; gives the lives that are silent. */
  look(processes: Iterable<{ readonly life: number; readonly beats: number }>, now: number): number[] {
    if (now - this.lookedAt > LATE_MS_MAX) this.heard.clear();
    this.lookedAt = now;
    const silent: number[] = [];
    const living = new Set<number>();
    for (const { life, beats } of processes) {
      living.add(life);
      const before = this.heard.get(life);
      if (before === undefined || before.beats !== beats) this.heard.set(life, { beats, at: now });
      else if (now - before.at > SILENT_MS_MAX) silent.push(life);
    }
    for (const life of this.heard.keys()) if (!living.has(life)) this.heard.delete(life);
    return silent;
  }
}
