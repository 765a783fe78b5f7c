import { beforeEach, expect, test } from "vitest";
import { WriterStates, writerInts } from "./writer-states.ts";

/** Two processes, with records of their own. */
let memory: Int32Array;
let states: WriterStates;
const [hereSlot, thereSlot] = [2, 3];
const here = (database = "shop") => new WriterStates(memory).of(database, hereSlot);
const there = (database = "shop") => new WriterStates(memory).of(database, thereSlot);

beforeEach(() => {
  memory = new Int32Array(writerInts(4));
  states = new WriterStates(memory);
});

test("N8: while somebody writes there is no mark, and behind it another one", () => {
  const before = there().mark;
  here().begin("database");
  expect(there().mark).toBeUndefined();
  here().end("database");
  expect(there().mark).toBeDefined();
  expect(there().mark).not.toEqual(before);
});

test("N8: of another database nothing changes, unless everything may have", () => {
  const before = there("other").mark;
  here().begin("database");
  expect(there("other").mark).toEqual(before);
  here().end("database");
  expect(there("other").mark).toEqual(before);
  here().begin("everywhere");
  expect(there("other").mark).toBeUndefined();
  here().end("everywhere");
  expect(there("other").mark).not.toEqual(before);
});

test("N8: writers are counted: the first one's end is not the last one's", () => {
  here().begin("database");
  there().begin("database");
  here().end("database");
  expect(here().mark).toBeUndefined();
  there().end("database");
  expect(here().mark).toBeDefined();
});

test("N3: what a process that was killed has written counts until it is known to have ended", () => {
  const before = there().mark;
  here().begin("database");
  here().begin("everywhere");
  states.forgetProcess(hereSlot);
  expect(there().mark).toBeUndefined();
  // Its record is another's now, whose writers are not to be taken for those.
  here().begin("database");
  here().end("database");
  expect(there().mark).toBeUndefined();
  states.ended(states.unsure);
  expect(states.unsure.size).toBe(0);
  expect(there().mark).toBeDefined();
  expect(there().mark).not.toEqual(before);
});

test("N3: what becomes unsure later is not taken for what has ended", () => {
  here().begin("database");
  here().leave("database");
  const seen = states.unsure;
  there().begin("database");
  there().leave("database");
  states.ended(seen);
  expect(here().mark).toBeUndefined();
  states.ended(states.unsure);
  expect(here().mark).toBeDefined();
});

test("N3: a process that ends with nothing open leaves nothing", () => {
  here().begin("database");
  here().end("database");
  states.forgetProcess(hereSlot);
  expect(states.unsure.size).toBe(0);
  expect(there().mark).toBeDefined();
});
