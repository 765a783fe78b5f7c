/**
 * Admission control: so many statements run at once on a node, and by rule for roles and databases; others wait in turn, as promises
 * that cost no process and no connection to a server. Roles and databases take turns, their sessions in the order of their coming; a
 * session has one statement at a time, so a long pipeline gets no more than a short one. All processes count in the same table
 * (shared-memory/admission-table.ts), so limits and turns are the node's.
 */
import type { Waiting } from "../backend/pool.ts";
import { GivenUp, type PgErrorFields } from "../errors/pg-error.ts";
import { groupOf, type AdmissionSlots, type Offer } from "../shared-memory/admission-table.ts";

export interface AdmissionRule {
  /** Name of a database, or `all`. */
  readonly database: string;
  /** Name of a role, or `all`. */
  readonly user: string;
  /** Statements that run at once of all to whom the rule applies; undefined: no limit of its own. */
  readonly running?: number | undefined;
  /** Its statements never wait. */
  readonly exempt: boolean;
}

export interface AdmissionLimits {
  readonly running: number;
  readonly queue: number;
  readonly waitMsMax: number;
  /** The first that fits applies. */
  readonly rules: readonly AdmissionRule[];
}

/** What another process has given back is seen by looking again after so long, while something waits. */
const LOOK_AGAIN_MS = 2;
/** A process whose turn it is and that does not take it, because it is stopped or busy, is passed over after so long. */
const PASS_OVER_MS = 25;

/** One statement that waits. */
interface Waiter {
  readonly since: number;
  admit(): void;
}

/** The sessions of one role in one database. */
export interface AdmissionGroup {
  readonly number: number;
  /** 0: none. */
  readonly rule: number;
  readonly ruleMax: number;
  readonly exempt: boolean;
  readonly waiters: Waiter[];
}

export class Admission {
  private readonly slots: AdmissionSlots;
  private readonly limits: AdmissionLimits;
  private readonly groups = new Map<string, AdmissionGroup>();
  /** Groups of which somebody waits. */
  private readonly waiting = new Set<AdmissionGroup>();
  private timer: NodeJS.Timeout | undefined;
  /** Since when it has been another process's turn, and what the others had let in by then. */
  private deferring: { readonly since: number; readonly moves: number } | undefined;
  /** Since the process began: statements that waited, and those that were not admitted. */
  waits = 0;
  refusals = 0;

  constructor(slots: AdmissionSlots, limits: AdmissionLimits) {
    this.slots = slots;
    this.limits = limits;
  }

  groupOf(user: string, database: string): AdmissionGroup {
    const key = `${user}\0${database}`;
    let group = this.groups.get(key);
    if (group === undefined) {
      const fits = (pattern: string, name: string) => pattern === "all" || pattern === name;
      const rule = this.limits.rules.findIndex((r) => fits(r.user, user) && fits(r.database, database)) + 1;
      const { running = Number.POSITIVE_INFINITY, exempt = false } = this.limits.rules[rule - 1] ?? {};
      group = { number: groupOf(user, database), rule, ruleMax: running, exempt, waiters: [] };
      this.groups.set(key, group);
    }
    return group;
  }

  /**
   * Calls `admitted` when a statement of the group may run; undefined: it may at once. To be followed by `leave`. Throws, or rejects
   * with, GivenUp: 53300 where too many wait or it has waited for too long, else what `waiting` says.
   */
  enter(group: AdmissionGroup, waiting: Waiting, admitted: () => void): Promise<void> | undefined {
    if (!this.hasClaims(group) && this.take(group)) {
      admitted();
      return undefined;
    }
    if (!this.slots.queue(this.limits.queue)) throw this.queueFull();
    this.waits++;
    return this.wait(group, waiting, admitted);
  }

  /** The statement runs whatever the limits say: who waits for what it holds must not be able to keep it waiting. */
  enterAtOnce(group: AdmissionGroup): void {
    this.slots.force(group.rule);
  }

  leave(group: AdmissionGroup): void {
    this.slots.give(group.rule);
    if (this.waiting.size > 0) this.admitNext();
  }

  private wait(group: AdmissionGroup, waiting: Waiting, admitted: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = () => {
        clearTimeout(timer);
        this.slots.unqueue();
        ended();
      };
      const waiter: Waiter = {
        since: Date.now(),
        admit: () => {
          over();
          admitted();
          resolve();
        },
      };
      const giveUp = (error: PgErrorFields) => {
        this.remove(group, waiter);
        over();
        reject(new GivenUp(error));
      };
      const { waitMsMax } = this.limits;
      const timer = setTimeout(() => giveUp(this.waitedTooLong(group)), waitMsMax);
      const ended = waiting.begin("admission", ({ fields }) => giveUp(fields));
      group.waiters.push(waiter);
      this.waiting.add(group);
      this.timer ??= setInterval(() => this.admitNext(), LOOK_AGAIN_MS);
      this.admitNext();
    });
  }

  private remove(group: AdmissionGroup, waiter: Waiter): void {
    group.waiters.splice(group.waiters.indexOf(waiter), 1);
    this.settle(group);
    this.publish();
  }

  private settle(group: AdmissionGroup): void {
    if (group.waiters.length > 0) return;
    this.waiting.delete(group);
    this.slots.offer(group.rule, undefined);
    if (this.waiting.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private take({ rule, ruleMax }: AdmissionGroup): boolean {
    return this.slots.take(rule, this.limits.running, ruleMax);
  }

  /** Does somebody wait who could run now, or somebody of the group? */
  private hasClaims(group: AdmissionGroup): boolean {
    if (this.slots.waiting === 0) return false;
    return group.waiters.length > 0 || this.first() !== undefined || this.othersFirst() !== undefined;
  }

  /** Lets in whoever may run, in turn. */
  private admitNext(): void {
    for (let group = this.first(); group !== undefined; group = this.first()) {
      if (this.slots.running(0) >= this.limits.running || this.defers(group) || !this.take(group)) break;
      this.slots.hadTurn(group.number);
      const waiter = group.waiters.shift()!;
      this.settle(group);
      waiter.admit();
    }
    this.publish();
  }

  /** The group of this process whose turn it is, of those whose rule has room. */
  private first(): AdmissionGroup | undefined {
    let first: AdmissionGroup | undefined;
    for (const group of this.waiting)
      if (this.hasRoom(group.rule) && (first === undefined || this.isBefore(offerOf(group), offerOf(first))))
        first = group;
    return first;
  }

  private othersFirst(): Offer | undefined {
    let first: Offer | undefined;
    for (let rule = 0; rule <= this.limits.rules.length; rule++) {
      if (!this.hasRoom(rule)) continue;
      for (const offer of this.slots.othersOffers(rule))
        if (first === undefined || this.isBefore(offer, first)) first = offer;
    }
    return first;
  }

  private hasRoom(rule: number): boolean {
    const max = this.limits.rules[rule - 1]?.running;
    return max === undefined || this.slots.running(rule) < max;
  }

  private isBefore(a: Offer, b: Offer): boolean {
    const [turnA, turnB] = [this.slots.turn(a.group), this.slots.turn(b.group)];
    return turnA < turnB || (turnA === turnB && a.since < b.since);
  }

  /** Is it another process's turn? */
  private defers(group: AdmissionGroup): boolean {
    const other = this.othersFirst();
    if (other === undefined || !this.isBefore(other, offerOf(group))) {
      this.deferring = undefined;
      return false;
    }
    const moves = this.slots.othersMoves;
    const now = performance.now();
    if (this.deferring?.moves !== moves) this.deferring = { since: now, moves };
    return now - this.deferring.since < PASS_OVER_MS;
  }

  /** Says to the other processes who would be next here. */
  private publish(): void {
    const next = new Map<number, AdmissionGroup>();
    for (const group of this.waiting) {
      const known = next.get(group.rule);
      if (known === undefined || this.isBefore(offerOf(group), offerOf(known))) next.set(group.rule, group);
    }
    for (const [rule, group] of next) this.slots.offer(rule, offerOf(group));
  }

  private queueFull(): GivenUp {
    this.refusals++;
    return new GivenUp({
      severity: "ERROR",
      code: "53300",
      message: "too many statements wait to run",
      detail: `${this.slots.running(0)} statements run, and ${this.limits.queue} may wait (admission.queue).`,
      hint: "Try again later. pleiad.activity shows what runs and what waits.",
    });
  }

  private waitedTooLong({ rule, ruleMax }: AdmissionGroup): PgErrorFields {
    this.refusals++;
    const ofRule = this.slots.running(rule) >= ruleMax && rule > 0;
    const limit = ofRule ? `admission.rules, rule ${rule}` : "admission.running";
    return {
      severity: "ERROR",
      code: "53300",
      message: `the statement could not begin to run within ${this.limits.waitMsMax / 1000} s`,
      detail: `${ofRule ? ruleMax : this.limits.running} statements may run at once (${limit}).`,
      hint: "Try again later, or raise the limit. pleiad.activity shows what runs and what waits.",
    };
  }
}

function offerOf({ number, waiters }: AdmissionGroup): Offer {
  return { group: number, since: waiters[0]!.since };
}
