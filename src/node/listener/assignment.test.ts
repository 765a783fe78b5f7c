import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { RawHandle } from "../raw-handle.ts";
import { Assignment } from "./assignment.ts";

const RECORDS = 4;

let directory: string;
let memory: NodeMemory;
let given: { id: number; life: number; fd: number | undefined }[];
let refused: number[];
let over: number[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pleiad-assignment-"));
  memory = NodeMemory.create(join(directory, "memory"), { sessions: RECORDS });
  [given, refused, over] = [[], [], []];
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A worker that is ready; gives its life. */
function worker(slot: number): number {
  const life = memory.processes.begin(slot, "worker", 0);
  memory.processes.setReady(slot);
  return life;
}

function assignment(serving: number): Assignment {
  return new Assignment(memory, serving, {
    give: (id, life, handle) => given.push({ id, life, fd: handle?.fd }),
    refuse: (handle) => refused.push(handle.fd),
    closed: (ids) => over.push(...ids),
    handOver: () => expect.unreachable("nobody is busy"),
  });
}

const connection = (fd: number): RawHandle => ({ fd, close: () => {} });

test("N4: connections beyond the records wait, and come in the order in which they came as records become free", () => {
  worker(0);
  const assigned = assignment(1);
  for (let fd = 1; fd <= RECORDS + 3; fd++) assigned.accept(connection(fd));
  expect(given.map(({ fd }) => fd)).toEqual([1, 2, 3, 4]);
  assigned.closed(given[1]!.id);
  assigned.closed(given[0]!.id);
  expect(given.map(({ fd }) => fd)).toEqual([1, 2, 3, 4, 5, 6]);
  // It does not overtake the one that waits.
  assigned.accept(connection(8));
  for (const { id } of given.slice(2, 4)) assigned.closed(id);
  expect(given.map(({ fd }) => fd)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(refused).toEqual([]);
  expect(memory.sessions.taken()).toHaveLength(RECORDS);
});

test("N1: the connections of a worker that ended go to those that serve now, to each as many", () => {
  const [first, second, third] = [worker(0), worker(1), worker(2)];
  const assigned = assignment(2);
  for (let fd = 1; fd <= RECORDS; fd++) assigned.accept(connection(fd));
  expect(given.map(({ life }) => life)).toEqual([first, second, first, second]);
  const of = (life: number) => given.filter((gift) => gift.life === life).map(({ id }) => id);
  const orphans = of(first);
  given = [];
  memory.processes.end(0);
  assigned.workerEnded(first);
  expect(new Set(given.map(({ id }) => id))).toEqual(new Set(orphans));
  // The one that stood by has none yet.
  expect(given.map(({ life }) => life)).toEqual([third, third]);
  expect(given.every(({ fd }) => fd === undefined)).toBe(true);
  expect(over).toEqual([]);
});
