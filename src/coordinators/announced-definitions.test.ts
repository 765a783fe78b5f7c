import { expect, test } from "vitest";
import { DefinitionStates, definitionInts } from "../shared-memory/definition-states.ts";
import { AnnouncedDefinitions, entryOf, topicsOf } from "./announced-definitions.ts";

const PROCESSES = 4;

function states(): DefinitionStates {
  return new DefinitionStates(new Int32Array(definitionInts(PROCESSES)));
}

test("what a node does is what it says", () => {
  const memory = states();
  const state = memory.of("shop", 1, 77);
  const { entry } = state;
  const said = () => Object.fromEntries(topicsOf(memory, entry));
  const nothing = {
    [`committing ${entry}`]: undefined,
    [`defining ${entry}`]: undefined,
    [`changed ${entry}`]: undefined,
  };
  expect(said()).toEqual(nothing);
  expect(memory.busy()).toEqual([]);
  state.countDefining(1);
  expect(state.beginCommit()).toBe(true);
  expect(said()).toEqual({ ...nothing, [`committing ${entry}`]: 1, [`defining ${entry}`]: 1 });
  expect(memory.busy()).toEqual([entry]);
  state.endCommit();
  state.countDefining(-1);
  state.noteChange();
  expect(said()).toEqual({ ...nothing, [`changed ${entry}`]: 1 });
});

test("N8: a commit that another announces stops plans from its begin on, and again at its end", () => {
  const memory = states();
  const state = memory.of("shop", 1, 77);
  const announced = new AnnouncedDefinitions(memory);
  const versions = [state.version];
  announced.apply([{ epoch: 5, topic: `committing ${state.entry}`, value: 1 }]);
  expect(state.committing).toBe(true);
  versions.push(state.version);
  // Nothing new.
  announced.apply([{ epoch: 5, topic: `committing ${state.entry}`, value: 1 }]);
  expect(state.version).toBe(versions.at(-1));
  announced.apply([]);
  expect(state.committing).toBe(false);
  versions.push(state.version);
  expect(versions).toEqual([...new Set(versions)]);
});

test("N8: a change outside a commit is an event, whatever was said before", () => {
  const memory = states();
  const state = memory.of("shop", 1, 77);
  const announced = new AnnouncedDefinitions(memory);
  announced.apply([{ epoch: 5, topic: `changed ${state.entry}`, value: 1 }]);
  const { version } = state;
  announced.apply([{ epoch: 5, topic: `changed ${state.entry}`, value: 2 }]);
  expect(state.version).toBeGreaterThan(version);
});

test("D2: open transactions of others that define count one for each coordinator, and change nothing yet", () => {
  const memory = states();
  const state = memory.of("shop", 1, 77);
  const announced = new AnnouncedDefinitions(memory);
  const { version } = state;
  const topic = `defining ${state.entry}`;
  announced.apply([
    { epoch: 5, topic, value: 1 },
    { epoch: 6, topic, value: 1 },
  ]);
  expect([state.defining, state.version]).toEqual([2, version]);
  announced.apply([{ epoch: 6, topic, value: 1 }]);
  expect(state.defining).toBe(1);
});

test("two databases of one entry: one commits, one ends", () => {
  const memory = states();
  const { entry } = memory.of("shop", 1, 77);
  const announced = new AnnouncedDefinitions(memory);
  const topic = `committing ${entry}`;
  announced.apply([{ epoch: 5, topic, value: 1 }]);
  const before = memory.of("shop", 1, 77).version;
  announced.apply([{ epoch: 6, topic, value: 1 }]);
  expect(memory.of("shop", 1, 77).committing).toBe(true);
  expect(memory.of("shop", 1, 77).version).toBeGreaterThan(before);
});

test("topics that are not about definitions have no entry", () => {
  expect(entryOf("leave shop 12")).toBeUndefined();
  expect(entryOf("committing 12")).toBe(12);
});
