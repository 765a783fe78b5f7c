import { expect, test } from "vitest";
import { taskInts, TaskTable, TASKS_MAX } from "./task-table.ts";

test("tasks are seen as they are by other processes, until they end", () => {
  const ints = new Int32Array(taskInts);
  const [writer, reader] = [new TaskTable(ints), new TaskTable(ints)];
  const before = Date.now();
  const recovery = writer.begin(3, "recovery", "all")!;
  const settlement = writer.begin(3, "settlement", "of 2")!;
  expect(reader.entries()).toMatchObject([
    { kind: "recovery", state: "running", owner: 3, detail: "all" },
    { kind: "settlement", state: "running", owner: 3, detail: "of 2" },
  ]);
  for (const { since } of reader.entries()) expect(since).toBeGreaterThanOrEqual(before);
  recovery.end();
  settlement.becomes("waiting", "dn1 is away");
  expect(reader.entries()).toMatchObject([{ kind: "settlement", state: "waiting", detail: "dn1 is away" }]);
});

test("N1: the tasks of a process that was killed go with it, others stay", () => {
  const table = new TaskTable(new Int32Array(taskInts));
  for (let i = 0; i < TASKS_MAX; i++) table.begin(i % 2 === 0 ? 7 : 8, "settlement", String(i));
  expect(table.begin(9, "recovery", "one too many")).toBeUndefined();
  table.forget(7);
  expect(table.entries().map(({ owner }) => owner)).toEqual(Array<number>(TASKS_MAX / 2).fill(8));
  expect(table.begin(9, "recovery", "there is room")).toBeDefined();
});
