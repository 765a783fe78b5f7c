import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Field } from "../protocol/backend-messages.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import { SharedStore } from "../shared-memory/store.ts";
import { KeptSession, readKept } from "./kept-session.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { PreparedStatement } from "./prepared-statement.ts";
import { PreparedStatements } from "./prepared-statements.ts";

const ID = 7;
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

let directory: string;
let store: SharedStore;
let database: SharedDatabase;
let statements: PreparedStatements;

beforeEach(() => {
  directory = mkdtempSync(join(memory, "pleiad-prepared-test-"));
  store = new SharedStore(directory, { sizeBytes: 4 * 1024 * 1024 });
  database = store.database("sessions", "kept");
  const kept = new KeptSession(database, ID);
  kept.keep({ user: "jan", database: "shop", options: new Map(), settings: new Map(), reported: [] });
  statements = new PreparedStatements(kept);
});

afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

const FIELD: Field = {
  name: Buffer.from("a"),
  tableOid: 0,
  columnNumber: 0,
  typeOid: 23,
  typeSize: 4,
  typeModifier: -1,
};

function prepared(name: string, text = `SELECT '${name}' AS a`): PreparedStatement {
  return {
    name,
    text: Buffer.from(text),
    declaredTypes: [],
    planned: { description: { fields: [FIELD] } } as unknown as PlannedStatement,
    circumstances: "of then",
    parameterTypes: [],
    preparedAt: new Date(0),
    fromSql: false,
  };
}

/** What a process that takes over would find: the texts by their names. */
function keptTexts(): Record<string, string> {
  const found = readKept(database, ID, Infinity)!.statements;
  return Object.fromEntries(found.map(({ name, text }) => [name, text.toString()]));
}

describe("N1: named statements are kept", () => {
  test("when the client has heard that its request is done, and not before", () => {
    statements.set(prepared("s", "SELECT 1"));
    expect(keptTexts()).toEqual({});
    statements.settle();
    expect(keptTexts()).toEqual({ s: "SELECT 1" });
  });

  test("also when the client has heard of them before that; the unnamed one has to wait", () => {
    statements.set(prepared("s", "SELECT 1"));
    statements.set(prepared("", "SELECT 2"));
    statements.settleNamed();
    expect(keptTexts()).toEqual({ s: "SELECT 1" });
    statements.bound("");
    statements.settle();
    expect(keptTexts()).toEqual({ s: "SELECT 1" });
  });

  test("also those that were bound", () => {
    statements.set(prepared("s"));
    statements.bound("s");
    statements.settle();
    expect(Object.keys(keptTexts())).toEqual(["s"]);
  });

  test("as they are after the last change", () => {
    statements.set(prepared("s", "SELECT 1"));
    statements.settle();
    statements.delete("s");
    expect(keptTexts()).toEqual({});
    statements.set(prepared("s", "SELECT 2"));
    statements.settle();
    expect(keptTexts()).toEqual({ s: "SELECT 2" });
  });

  test("not those that went before their request was done", () => {
    statements.set(prepared("s"));
    expect(statements.delete("s")).toBe(true);
    statements.settle();
    expect(keptTexts()).toEqual({});
    expect(statements.delete("s")).toBe(false);
  });

  test("with their columns, once the client was told them", () => {
    const statement = prepared("s");
    statements.set(statement);
    statements.settle();
    expect(readKept(database, ID, Infinity)!.statements[0]!.described).toBeUndefined();
    statements.described(statement);
    statements.settle();
    expect(readKept(database, ID, Infinity)!.statements[0]!.described).toEqual([FIELD]);
  });
});

describe("N1: the unnamed statement", () => {
  test("is kept if the client has not used it yet", () => {
    statements.set(prepared("", "SELECT 1"));
    statements.settle();
    expect(keptTexts()).toEqual({ "": "SELECT 1" });
    statements.bound("");
    statements.settle();
    expect(keptTexts()).toEqual({ "": "SELECT 1" });
  });

  test("is not kept if it was bound at once: most are used once", () => {
    statements.set(prepared(""));
    statements.bound("");
    statements.settle();
    expect(keptTexts()).toEqual({});
    expect(statements.has("")).toBe(true);
  });

  test("that follows a kept one takes its place, even if it is not kept", () => {
    statements.set(prepared("", "SELECT 1"));
    statements.settle();
    statements.set(prepared("", "SELECT 2"));
    statements.bound("");
    statements.settle();
    expect(keptTexts()).toEqual({});
    statements.set(prepared("", "SELECT 3"));
    statements.settle();
    expect(keptTexts()).toEqual({ "": "SELECT 3" });
  });

  test("goes at once when it is closed", () => {
    statements.set(prepared(""));
    statements.settle();
    statements.delete("");
    expect(keptTexts()).toEqual({});
    statements.settle();
    expect(keptTexts()).toEqual({});
  });
});

test("N1: all go together (DISCARD ALL), those that were not kept yet too", () => {
  statements.set(prepared("a"));
  statements.set(prepared(""));
  statements.settle();
  statements.set(prepared("b"));
  statements.clear();
  statements.settle();
  expect([...statements.values()]).toEqual([]);
  expect(keptTexts()).toEqual({});
  statements.set(prepared("c"));
  statements.settle();
  expect(Object.keys(keptTexts())).toEqual(["c"]);
});

describe("N1: in the process that takes over", () => {
  let heir: PreparedStatements;

  beforeEach(() => {
    const told = prepared("told");
    statements.set(told);
    statements.described(told);
    statements.set(prepared("untold"));
    statements.set(prepared(""));
    statements.settle();
    heir = new PreparedStatements(new KeptSession(database, ID));
    for (const statement of readKept(database, ID, Infinity)!.statements) heir.restore(statement);
  });

  test("they are there, to be planned at their first use", () => {
    expect([...heir.values()].map(({ name }) => name).toSorted()).toEqual(["", "told", "untold"]);
    expect(heir.get("told")).toMatchObject({
      text: Buffer.from("SELECT 'told' AS a"),
      planned: undefined,
      described: true,
      unplanned: { fields: [FIELD] },
    });
    expect(heir.get("untold")).toMatchObject({ planned: undefined, unplanned: { fields: undefined } });
    expect(heir.get("untold")!.described).toBeUndefined();
  });

  test("they are kept for the next one, without being written again", () => {
    heir.settle();
    expect(Object.keys(keptTexts())).toEqual(["", "told", "untold"]);
  });

  test("they go as they went before", () => {
    heir.delete("told");
    expect(Object.keys(keptTexts())).toEqual(["", "untold"]);
    heir.delete("");
    expect(Object.keys(keptTexts())).toEqual(["untold"]);
    heir.clear();
    expect(keptTexts()).toEqual({});
  });

  test("an unnamed one that follows the restored one takes its place", () => {
    heir.set(prepared("", "SELECT 2"));
    heir.bound("");
    heir.settle();
    expect(Object.keys(keptTexts())).toEqual(["told", "untold"]);
  });
});

describe("N1: what the client has heard of when its process dies", () => {
  let written: number;
  const heirs = () => readKept(database, ID, written)!;

  beforeEach(() => {
    written = 100;
    statements = new PreparedStatements(new KeptSession(database, ID, () => written + 1));
    statements.set(prepared("s"));
    statements.settleNamed();
  });

  test("a statement whose answer was not written is not there: the client prepares it again", () => {
    expect(heirs()).toMatchObject({ statements: [], unheard: ["s"] });
  });

  test("one whose answer was written is there, also when it changes in a later request", () => {
    written = 120;
    expect(heirs()).toMatchObject({ statements: [{ name: "s" }], unheard: [] });
    statements.described(statements.get("s")!);
    statements.settleNamed();
    expect(heirs()).toMatchObject({ statements: [{ name: "s", described: [FIELD] }], unheard: [] });
  });

  test("one that was closed and prepared again counts from then", () => {
    written = 120;
    statements.delete("s");
    statements.set(prepared("s", "SELECT 2"));
    statements.settle();
    expect(heirs()).toMatchObject({ statements: [], unheard: ["s"] });
  });

  test("the unnamed one goes to the next process, where this one lets go of the session: bound or not", () => {
    statements.set(prepared("", "SELECT 3"));
    statements.bound("");
    statements.settle();
    written = 120;
    statements.keepUnnamed();
    expect(heirs().statements.map(({ name }) => name)).toEqual(["", "s"]);
  });
});
