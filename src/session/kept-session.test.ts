import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Field } from "../protocol/backend-messages.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import { SharedStore } from "../shared-memory/store.ts";
import { KeptSession, readKept, type KeptState } from "./kept-session.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { PreparedStatement } from "./prepared-statement.ts";

const MB = 1024 * 1024;
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

let directory: string;
let store: SharedStore;
let database: SharedDatabase;

beforeEach(() => {
  directory = mkdtempSync(join(memory, "pleiad-kept-test-"));
  store = new SharedStore(directory, { sizeBytes: 4 * MB });
  database = store.database("sessions", "kept");
});

afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

const STATE: KeptState = {
  user: "jan",
  database: "obchod žluť",
  options: new Map([["application_name", "psql"]]),
  settings: new Map([
    ["application_name", "psql"],
    ["search_path", '"$user", app'],
  ]),
  reported: ["UTF8", null, "on"],
};

const FIELD: Field = {
  name: Buffer.from([0x61, 0xc5, 0x00, 0xff]),
  tableOid: 16_384,
  columnNumber: 1,
  typeOid: 23,
  typeSize: 4,
  typeModifier: -1,
};

function prepared(name: string, more: Partial<PreparedStatement> = {}): PreparedStatement {
  return {
    name,
    text: Buffer.from("SELECT $1::int AS a -- žluť"),
    declaredTypes: [23],
    planned: undefined,
    circumstances: "",
    parameterTypes: [23],
    preparedAt: new Date(1_700_000_000_123),
    fromSql: false,
    ...more,
  };
}

/** As far as what is kept goes. */
function plannedWith(fields: readonly Field[]): PlannedStatement {
  return { description: { fields } } as unknown as PlannedStatement;
}

describe("N1: what is kept of a session", () => {
  test("is what another process reads", async () => {
    new KeptSession(database, 5).keep(STATE);
    await store.close();
    store = new SharedStore(directory, { sizeBytes: 4 * MB });
    database = store.database("sessions", "kept");
    expect(readKept(database, 5, Infinity)).toEqual({ state: STATE, statements: [], unheard: [] });
  });

  test("is the newest", () => {
    const kept = new KeptSession(database, 5);
    kept.keep(STATE);
    kept.keep({ ...STATE, settings: new Map([["work_mem", "1MB"]]) });
    expect(readKept(database, 5, Infinity)!.state.settings).toEqual(new Map([["work_mem", "1MB"]]));
  });

  test("of a session that nobody kept is nothing, whatever statements it has", () => {
    expect(readKept(database, 5, Infinity)).toBeUndefined();
    new KeptSession(database, 5).keepStatement(prepared("s"));
    expect(readKept(database, 5, Infinity)).toBeUndefined();
  });

  test("is its own: numbers that begin alike are others'", () => {
    for (const id of [1, 11, 111]) {
      const kept = new KeptSession(database, id);
      kept.keep({ ...STATE, user: `user ${id}` });
      kept.keepStatement(prepared(`s${id}`));
      kept.keepStatement(prepared(""));
    }
    new KeptSession(database, 11).end();
    expect(readKept(database, 11, Infinity)).toBeUndefined();
    for (const id of [1, 111]) {
      const { state, statements } = readKept(database, id, Infinity)!;
      expect(state.user).toBe(`user ${id}`);
      expect(statements.map(({ name }) => name)).toEqual(["", `s${id}`]);
    }
  });

  test("is nothing any more once it has ended", () => {
    const kept = new KeptSession(database, 5);
    kept.keep(STATE);
    kept.keepStatement(prepared("s"));
    kept.end();
    expect(readKept(database, 5, Infinity)).toBeUndefined();
    expect(database.valuesWithPrefix("")).toEqual([]);
  });
});

describe("N1: a kept statement", () => {
  function keptOf(statement: PreparedStatement) {
    const kept = new KeptSession(database, 5);
    kept.keep(STATE);
    kept.keepStatement(statement);
    return readKept(database, 5, Infinity)!.statements;
  }

  test("comes back with its bytes as buffers, its types and its time", () => {
    const source = Buffer.from("PREPARE s (int) AS SELECT $1::int AS a");
    const [statement] = keptOf(prepared("s", { source, fromSql: true }));
    expect(statement).toEqual({
      name: "s",
      toldAt: 0,
      text: Buffer.from("SELECT $1::int AS a -- žluť"),
      declaredTypes: [23],
      parameterTypes: [23],
      preparedAt: new Date(1_700_000_000_123),
      source,
      fromSql: true,
      described: undefined,
    });
    expect(Buffer.isBuffer(statement!.text) && Buffer.isBuffer(statement!.source)).toBe(true);
  });

  test("has its columns if the client was told them, and else not", () => {
    const planned = plannedWith([FIELD]);
    expect(keptOf(prepared("s", { planned }))[0]!.described).toBeUndefined();
    const [told] = keptOf(prepared("s", { planned, described: true }));
    expect(told!.described).toEqual([FIELD]);
    expect(Buffer.isBuffer(told!.described![0]!.name)).toBe(true);
  });

  test("may have any name", () => {
    const names = ["", "s", "S", "5:s", "č 🐎", "a\u0001b"];
    const kept = new KeptSession(database, 5);
    kept.keep(STATE);
    for (const name of names) kept.keepStatement(prepared(name));
    const found = readKept(database, 5, Infinity)!.statements.map(({ name }) => name);
    expect(new Set(found)).toEqual(new Set(names));
    expect(found).toHaveLength(names.length);
  });

  test("goes alone, or with all others", () => {
    const kept = new KeptSession(database, 5);
    kept.keep(STATE);
    for (const name of ["a", "ab", "b"]) kept.keepStatement(prepared(name));
    kept.dropStatement("a");
    expect(readKept(database, 5, Infinity)!.statements.map(({ name }) => name)).toEqual(["ab", "b"]);
    kept.dropStatements();
    expect(readKept(database, 5, Infinity)).toEqual({ state: STATE, statements: [], unheard: [] });
    expect(kept.complete).toBe(true);
  });
});

test("N1: a session that does not fit into the memory says so, and ends with its process", () => {
  const kept = new KeptSession(database, 5);
  kept.keep(STATE);
  expect(kept.complete).toBe(true);
  kept.keepStatement(prepared("large", { text: Buffer.alloc(3 * MB, 0x20) }));
  expect(kept.complete).toBe(false);
  kept.keepStatement(prepared("small"));
  expect(kept.complete).toBe(false);
});
