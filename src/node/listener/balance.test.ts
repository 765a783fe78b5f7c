import { describe, expect, test } from "vitest";
import { Balance, type Move, type SessionActivity } from "./balance.ts";

const BUSY = 1;
const IDLE = 2;

/** A node whose sessions each cause so much load where they are: looked at once a second, and what is to be moved is moved. */
class Model {
  private readonly balance = new Balance();
  private now = 0;
  readonly owners: number[];
  readonly moves: Move[] = [];
  private readonly loads: number[];
  private readonly requests: number[];
  private readonly unmovable: ReadonlySet<number>;

  constructor(loads: readonly number[], owners: readonly number[], unmovable: readonly number[] = []) {
    this.loads = [...loads];
    this.owners = [...owners];
    this.requests = loads.map(() => 0);
    this.unmovable = new Set(unmovable);
  }

  load(life: number): number {
    return Math.min(
      1,
      this.loads.reduce((sum, load, id) => sum + (this.owners[id] === life ? load : 0), 0),
    );
  }

  set(id: number, load: number): void {
    this.loads[id] = load;
  }

  run(seconds: number, lives: readonly number[] = [BUSY, IDLE]): Move[] {
    const done: Move[] = [];
    for (let second = 0; second < seconds; second++) {
      this.loads.forEach((load, id) => (this.requests[id]! += Math.round(load * 1000)));
      const sessions = (): SessionActivity[] =>
        this.owners.map((owner, id) => ({
          id,
          owner,
          requests: this.requests[id]!,
          movable: !this.unmovable.has(id),
        }));
      const workers = lives.map((life) => ({ life, load: this.load(life) }));
      const moves = this.balance.look(workers, sessions, (this.now += 1000));
      for (const { id, from, to } of moves) {
        expect(this.owners[id]).toBe(from);
        this.owners[id] = to;
        this.requests[id] = 0;
      }
      done.push(...moves);
    }
    return done;
  }
}

describe("a busy worker and an idle one", () => {
  test("share the active sessions, those that do nothing stay", () => {
    const model = new Model([0.2, 0.2, 0.2, 0.2, 0, 0, 0], Array(7).fill(BUSY));
    expect(model.run(2)).toEqual([]);
    expect(model.run(1)).toHaveLength(2);
    expect([model.load(BUSY), model.load(IDLE)]).toEqual([0.4, 0.4]);
    expect(model.owners.slice(4)).toEqual([BUSY, BUSY, BUSY]);
    expect(model.run(60)).toEqual([]);
  });

  test("one session that is all of the load stays: it would only carry it over", () => {
    expect(new Model([0.95, 0, 0], [BUSY, BUSY, BUSY]).run(60)).toEqual([]);
  });

  test("what cannot go stays, others go instead", () => {
    const model = new Model([0.3, 0.3, 0.3], [BUSY, BUSY, BUSY], [0, 1]);
    expect(model.run(60).map(({ id }) => id)).toEqual([2]);
  });

  test("a bounded number goes at a time", () => {
    const model = new Model(Array(200).fill(0.005), Array(200).fill(BUSY));
    expect(model.run(3)).toHaveLength(20);
    expect(model.run(2)).toEqual([]);
    expect(model.run(10).length).toBeGreaterThan(20);
    expect(model.run(60).length).toBeLessThan(40);
    expect(model.load(BUSY) - model.load(IDLE)).toBeLessThan(0.3);
  });
});

describe("nothing goes", () => {
  test("where the busiest has time left, or both are busy", () => {
    expect(new Model([0.2, 0.2], [BUSY, BUSY]).run(60)).toEqual([]);
    expect(new Model([0.5, 0.4, 0.4, 0.4], [BUSY, BUSY, IDLE, IDLE]).run(60)).toEqual([]);
  });

  test("for a difference that does not last", () => {
    const model = new Model([0.3, 0.3, 0.1], [BUSY, BUSY, IDLE]);
    for (let round = 0; round < 20; round++) {
      model.set(0, round % 2 === 0 ? 0.3 : 0);
      expect(model.run(2)).toEqual([]);
    }
  });

  test("with one worker, or none", () => {
    expect(new Model([0.9], [BUSY]).run(10, [BUSY])).toEqual([]);
    expect(new Model([], []).run(10, [])).toEqual([]);
  });
});

test("load that moves by itself does not carry sessions to and fro", () => {
  const model = new Model([0.3, 0.3, 0.3, 0], [BUSY, BUSY, BUSY, IDLE]);
  const moved = new Map<number, number>();
  for (let round = 0; round < 60; round++) {
    // Each is busy for 5 s, then idle for 5 s, in turn.
    for (let id = 0; id < 4; id++) model.set(id, (round + id) % 2 === 0 ? 0.6 : 0.05);
    for (const { id } of model.run(5)) moved.set(id, (moved.get(id) ?? 0) + 1);
  }
  // 300 s: one that was moved stays for 15 s.
  for (const times of moved.values()) expect(times).toBeLessThanOrEqual(20);
});
