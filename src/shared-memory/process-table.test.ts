import { expect, test } from "vitest";
import { PROCESSES_MAX, ProcessTable, processInts } from "./process-table.ts";

function twoViews(): [ProcessTable, ProcessTable] {
  const memory = new Int32Array(processInts);
  return [new ProcessTable(memory), new ProcessTable(memory)];
}

test("a process is seen by all from its beginning to its end", () => {
  const [supervisor, worker] = twoViews();
  expect(worker.entries()).toEqual([]);
  const life = supervisor.begin(1, "worker", 0);
  const entry = { slot: 1, kind: "worker", pid: 0, life, restarts: 0, load: 0, sessions: 0 };
  expect(worker.entries()).toEqual([{ ...entry, state: "starting" }]);
  supervisor.setPid(1, 4711);
  supervisor.setReady(1);
  expect(worker.entries()).toEqual([{ ...entry, pid: 4711, state: "ready" }]);
  supervisor.end(1);
  expect(worker.entries()).toEqual([]);
});

test("N1: whoever has the record next has another life, and nothing of the one before", () => {
  const [table] = twoViews();
  const first = table.begin(1, "worker", 0);
  table.setPid(1, 4711);
  table.setReady(1);
  table.countSession(1, 1);
  table.beat(1, 0.5);
  table.end(1);
  const second = table.begin(1, "worker", 1);
  expect(second).not.toBe(first);
  expect(table.entries()).toEqual([
    { slot: 1, kind: "worker", state: "starting", pid: 0, life: second, restarts: 1, sessions: 0, load: 0 },
  ]);
});

test("a process that leaves may stay after all, but is not made ready by that", () => {
  const [table] = twoViews();
  table.begin(1, "worker", 0);
  const state = () => table.entries()[0]!.state;
  table.setStaying(1);
  expect(state()).toBe("starting");
  table.setReady(1);
  table.setLeaving(1);
  expect(state()).toBe("leaving");
  table.setStaying(1);
  expect(state()).toBe("ready");
});

test("N1: no two processes have the same life", () => {
  const [one, two] = twoViews();
  const lives = Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).begin(i % 5, "worker", 0));
  expect(new Set(lives).size).toBe(20);
  expect(lives).not.toContain(0);
});

test("sessions are counted for each process", () => {
  const [supervisor, worker] = twoViews();
  supervisor.begin(0, "listener", 0);
  supervisor.begin(1, "worker", 0);
  supervisor.begin(PROCESSES_MAX - 1, "transactions", 3);
  worker.countSession(1, 1);
  worker.countSession(1, 1);
  worker.countSession(1, -1);
  const seen = supervisor
    .entries()
    .map(({ slot, kind, restarts, sessions }) => [slot, kind, restarts, sessions]);
  expect(seen).toEqual([
    [0, "listener", 0, 0],
    [1, "worker", 0, 1],
    [PROCESSES_MAX - 1, "transactions", 3, 0],
  ]);
});

test("N9: the beats of a process are seen by others, each for itself", () => {
  const [supervisor, worker] = twoViews();
  supervisor.begin(0, "worker", 0);
  supervisor.begin(1, "worker", 0);
  const before = supervisor.beats(1);
  worker.beat(1, 0.25);
  worker.beat(1, 0.125);
  expect(supervisor.beats(1)).toBe(before + 2);
  expect(supervisor.beats(0)).toBe(0);
  expect(supervisor.entries().map(({ load }) => load)).toEqual([0, 0.125]);
});

test("a kind that does not exist is not taken for another", () => {
  const memory = new Int32Array(processInts);
  const table = new ProcessTable(memory);
  table.begin(0, "worker", 0);
  const kindAt = memory.lastIndexOf(2);
  memory[kindAt] = 99;
  expect(() => table.entries()).toThrow("damaged");
});
