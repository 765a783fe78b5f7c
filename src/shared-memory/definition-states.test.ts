import { beforeEach, describe, expect, test } from "vitest";
import { DefinitionStates, definitionInts } from "./definition-states.ts";

/** Two processes, with records of their own, and what each sees of one database. */
let memory: Int32Array;
let states: DefinitionStates;
const [hereSlot, thereSlot] = [2, 3];
const [hereLife, thereLife] = [11, 12];
const here = (database = "shop") => new DefinitionStates(memory).of(database, hereSlot, hereLife);
const there = (database = "shop") => new DefinitionStates(memory).of(database, thereSlot, thereLife);

beforeEach(() => {
  memory = new Int32Array(definitionInts(4));
  states = new DefinitionStates(memory);
});

test("N8: a version that one process advances is the other's too", () => {
  const [ours, theirs] = [here(), there()];
  const before = theirs.version;
  ours.advance();
  expect(theirs.version).not.toBe(before);
  expect(ours.version).toBe(theirs.version);
});

test("N8: of another database nothing changes", () => {
  const before = there("other").version;
  here("shop").advance();
  expect(there("other").version).toBe(before);
  expect(here("shop").beginCommit()).toBe(true);
  expect(there("other").committing).toBe(false);
  expect(there("other").beginCommit()).toBe(true);
});

describe("commits of definitions", () => {
  test("N8: one at a time", () => {
    const [ours, theirs] = [here(), there()];
    expect(ours.beginCommit()).toBe(true);
    expect(theirs.committing).toBe(true);
    expect(theirs.beginCommit()).toBe(false);
    // Nor another session of the same process.
    expect(ours.beginCommit()).toBe(false);
    theirs.endCommit();
    expect(ours.committing).toBe(true);
    ours.endCommit();
    expect(theirs.committing).toBe(false);
    expect(theirs.beginCommit()).toBe(true);
  });

  test("N8: one that was under way when its process died ends with its release, and everybody looks again", () => {
    const [ours, theirs] = [here(), there()];
    ours.beginCommit();
    there("other").beginCommit();
    const before = theirs.version;
    states.release(hereLife);
    expect(theirs.committing).toBe(false);
    expect(theirs.version).not.toBe(before);
    expect(theirs.beginCommit()).toBe(true);
    expect(here("other").committing).toBe(true);
  });
});

describe("transactions that define", () => {
  test("N8: are counted over all processes", () => {
    const [ours, theirs] = [here(), there()];
    ours.countDefining(1);
    ours.countDefining(1);
    theirs.countDefining(1);
    expect(theirs.defining).toBe(3);
    ours.countDefining(-1);
    expect(theirs.defining).toBe(2);
    expect(there("other").defining).toBe(0);
  });

  test("N8: a process that died takes its own with it and no others", () => {
    const [ours, theirs] = [here(), there()];
    ours.countDefining(1);
    ours.countDefining(1);
    here("other").countDefining(1);
    theirs.countDefining(1);
    states.forgetProcess(hereSlot);
    expect(theirs.defining).toBe(1);
    expect(there("other").defining).toBe(0);
    states.forgetProcess(hereSlot);
    expect(theirs.defining).toBe(1);
  });

  test("N8: the next process with the same record begins at nothing", () => {
    here().countDefining(1);
    states.forgetProcess(hereSlot);
    const heir = states.of("shop", hereSlot, 99);
    heir.countDefining(1);
    heir.countDefining(-1);
    expect(heir.defining).toBe(0);
    states.forgetProcess(hereSlot);
    expect(there().defining).toBe(0);
  });
});
