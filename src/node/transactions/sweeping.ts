/** When prepared transactions of the dead are looked for: at the start, as soon as a process or a coordinator has died, and every few seconds. */
import type { Membership } from "../../coordinators/membership.ts";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { Task } from "../../shared-memory/task-table.ts";
import type { Living, Recovery } from "../../transaction/recovery.ts";

/** A server that was away may be back. */
const SWEEP_MS = 5_000;
const SWEEP_SOON_MS = 1_000;

interface Unsettled {
  readonly task: Task | undefined;
  /** All servers that could be reached were seen to, and the node was told. */
  told: boolean;
}

export class Sweeping {
  private readonly recovery: Recovery;
  private readonly membership: Membership;
  private readonly memory: NodeMemory;
  /** Of this process. */
  private readonly life: number;
  private readonly settled: (life: number) => void;
  private readonly log: Log;
  /** Lives of this node's processes that have ended, and what they committed may not be finished; each is a task. */
  private readonly unsettled = new Map<number, Unsettled>();
  private running = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    recovery: Recovery,
    membership: Membership,
    memory: NodeMemory,
    life: number,
    settled: (life: number) => void,
    log: Log,
  ) {
    this.recovery = recovery;
    this.membership = membership;
    this.memory = memory;
    this.life = life;
    this.settled = settled;
    this.log = log;
  }

  /** The process of this life has ended. */
  settle(life: number): void {
    const what = `finishing what process ${life} of this node left prepared`;
    this.unsettled.set(life, { task: this.memory.tasks.begin(this.life, "settlement", what), told: false });
    this.sweepSoon(0);
  }

  sweepSoon(ms = SWEEP_SOON_MS): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.sweep(), ms);
  }

  /** Before clients are served. */
  async recover(): Promise<void> {
    const task = this.memory.tasks.begin(this.life, "recovery", "finishing what a crash left prepared");
    await this.sweep();
    task?.end();
  }

  private sweep(): Promise<void> {
    this.running = this.running.then(() => this.sweepOnce());
    return this.running;
  }

  private async sweepOnce(): Promise<void> {
    const lives = [...this.unsettled];
    let nextMs = SWEEP_MS;
    try {
      // Before it is looked what is prepared: one that is taken out meanwhile may have prepared since.
      const { dead } = await this.membership.epochs();
      const { committed, rolledBack, away } = await this.recovery.finishDead(() => this.living());
      if (committed + rolledBack > 0)
        this.log.info("finished what was left prepared", { committed, rolledBack });
      if (away.size > 0) nextMs = SWEEP_SOON_MS;
      for (const [life, unsettled] of lives) this.settledOn(life, unsettled, away);
      await this.membership.forgetDead(dead);
      // Others wait with their definitions until they hear it.
      if (lives.length > 0) await this.membership.sayAll();
    } catch (error) {
      nextMs = SWEEP_SOON_MS;
      this.log.debug("what was left prepared could not be looked for", { error });
    }
    this.sweepSoon(nextMs);
  }

  private settledOn(life: number, unsettled: Unsettled, away: ReadonlySet<string>): void {
    if (!unsettled.told) {
      unsettled.told = true;
      this.memory.definitions.release(life);
      this.settled(life);
    }
    if (away.size === 0) {
      this.unsettled.delete(life);
      unsettled.task?.end();
    } else {
      const servers = [...away].join(", ");
      unsettled.task?.becomes(
        "waiting",
        `finishing what process ${life} of this node left prepared: ${servers} cannot be asked`,
      );
    }
  }

  /** The other coordinators, and the processes of this one. */
  private async living(): Promise<Living> {
    const { living } = await this.membership.epochs();
    const { epoch } = this.memory.coordination;
    const lives = new Set(this.memory.processes.entries().map(({ life }) => life));
    return {
      has: (namer) => living.has(namer.epoch) && (namer.epoch !== epoch || lives.has(namer.life)),
    };
  }
}
