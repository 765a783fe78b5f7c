import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConnectionError, PgError, pgError } from "../errors/pg-error.ts";
import { decodeGraph, encodeGraph } from "./graph-codec.ts";
import type { DecodeOptions, EncodeOptions } from "./graph-options.ts";

function roundTrip<T>(value: T, options: EncodeOptions & DecodeOptions = {}): T {
  return decodeGraph(encodeGraph(value, options)!, options) as T;
}

describe("values come back as they were", () => {
  test.each([
    undefined,
    null,
    true,
    false,
    0,
    -0,
    1,
    95,
    96,
    -1,
    2 ** 31 - 1,
    -(2 ** 31),
    2 ** 31,
    2 ** 32 - 1,
    Number.MAX_SAFE_INTEGER,
    0.1,
    NaN,
    -Infinity,
    "",
    "a",
    "é\0",
    "žluťoučký 🐎",
    "\ud800",
    "x".repeat(100_000),
  ])("%s", (value) => {
    expect(roundTrip(value)).toBe(value);
  });

  test("objects, arrays, Maps, Sets, Dates, Buffers, properties that are undefined", () => {
    const value = {
      list: [1, [], {}, undefined, null],
      map: new Map<unknown, unknown>([
        ["a", new Set([1, "ž"])],
        [{ key: 1 }, new Map()],
      ]),
      date: new Date(1_700_000_000_123),
      bytes: Buffer.from([0, 255]),
      absent: undefined,
      inner: { absent: undefined, 2: "two", 1: "one" },
    };
    const back = roundTrip(value);
    expect(back).toStrictEqual(value);
    expect(Object.keys(back)).toEqual(Object.keys(value));
    expect(Buffer.isBuffer(back.bytes)).toBe(true);
  });

  test("a Uint8Array comes back as a Buffer, large ones and parts of larger ones too", () => {
    const large = new Uint8Array(1_000_000).fill(7);
    const back = roundTrip({ small: large.subarray(5, 8), large });
    expect(back.small).toEqual(Buffer.from([7, 7, 7]));
    expect(Buffer.isBuffer(back.large) && back.large.equals(large)).toBe(true);
  });

  test("more strings than have a short form, among them some that need two bytes", () => {
    const strings = Array.from({ length: 1_000 }, (_, i) => (i % 3 === 0 ? `ř${i}` : `r${i}`));
    expect(roundTrip([...strings, ...strings])).toEqual([...strings, ...strings]);
  });

  test("whatever fast-check thinks of", () => {
    const anything = fc.anything({ withMap: true, withSet: true, withDate: true });
    fc.assert(
      fc.property(anything, (value) => {
        const bytes = encodeGraph(value);
        if (bytes !== undefined) expect(decodeGraph(bytes)).toStrictEqual(value);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("identity", () => {
  test("one object that is reached on several ways is one again", () => {
    const column = { name: "id" };
    const relation = { columns: [column], first: column };
    const back = roundTrip({ a: relation, b: new Map([[1, relation]]), c: new Set([column]) });
    expect(back.b.get(1)).toBe(back.a);
    expect(back.a.first).toBe(back.a.columns[0]);
    expect(back.c.has(back.a.first)).toBe(true);
  });

  test("equal objects stay two, and so do those of two calls", () => {
    const [a, b] = roundTrip([{ n: 1 }, { n: 1 }]);
    expect(a).not.toBe(b);
    const bytes = encodeGraph({ n: 1 })!;
    expect(decodeGraph(bytes)).not.toBe(decodeGraph(bytes));
  });

  test("cycles", () => {
    const list: unknown[] = [];
    list.push({ list });
    const back = roundTrip(list) as { list: unknown }[];
    expect(back[0]!.list).toBe(back);
  });
});

describe("errors", () => {
  test("keep their class and fields", () => {
    const error = pgError("0A000", "no", { hint: "yes", position: 3, detail: undefined });
    const back = roundTrip({ error, again: error, lost: new ConnectionError(error.fields) });
    expect(back.error).toBeInstanceOf(PgError);
    expect(back.error).not.toBeInstanceOf(ConnectionError);
    expect(back.error.fields).toStrictEqual(error.fields);
    expect(back.error.message).toBe("no");
    expect(back.error.name).toBe("PgError");
    expect(back.again).toBe(back.error);
    expect(back.lost).toBeInstanceOf(ConnectionError);
  });

  test("do not change how deep the stacks of others are", () => {
    const before = Error.stackTraceLimit;
    roundTrip(pgError("0A000", "no"));
    expect(Error.stackTraceLimit).toBe(before);
  });
});

describe("symbols and objects that the reader has", () => {
  const A = Symbol("A");
  const B = Symbol("B");

  test("agreed symbols are the same ones", () => {
    expect(roundTrip({ list: [A, "x", B] }, { symbols: [A, B] })).toEqual({ list: [A, "x", B] });
  });

  test("a replaced object is the reader's own, everywhere", () => {
    const own = { is: "own" };
    const theirs = { is: "theirs" };
    const replace = (value: object) => (value === theirs ? { kind: 1, value: ["own", 7] } : undefined);
    const made: unknown[] = [];
    const revive = (kind: number, value: unknown) => {
      made.push([kind, value]);
      return own;
    };
    const last = { last: true };
    const back = roundTrip({ a: theirs, b: [theirs], c: last, d: last }, { replace, revive });
    expect(back.a).toBe(own);
    expect(back.b[0]).toBe(own);
    expect(back.d).toBe(back.c);
    expect(made).toEqual([[1, ["own", 7]]]);
  });
});

describe("what is not written", () => {
  class Point {
    readonly x = 1;
  }
  const deep: unknown[] = [];
  let inner = deep;
  for (let i = 0; i < 1_100; i++) inner.push((inner = []));

  test.each([
    ["a function", { f: () => 1 }],
    ["an instance", [new Point()]],
    ["another error", new Error("x")],
    ["an error of a subclass", new (class extends PgError {})({ severity: "ERROR", code: "0", message: "" })],
    ["an unknown symbol", [Symbol("x")]],
    ["a bigint", 1n],
    ["another array of numbers", new Float64Array(1)],
    ["no prototype", Object.create(null) as object],
    ["a key that is none when it is assigned", JSON.parse('{"__proto__":1}') as object],
    ["a key with the separator", { "a\0b": 1 }],
    ["too deep a graph", deep],
  ])("%s", (_what, value) => {
    expect(encodeGraph(value)).toBeUndefined();
  });

  test("the next graph is whole all the same", () => {
    expect(encodeGraph(["a", () => 1])).toBeUndefined();
    expect(roundTrip(["a", "b"])).toEqual(["a", "b"]);
  });

  test("bytes of another format are refused", () => {
    const bytes = Buffer.from(encodeGraph([1])!);
    bytes[0] = 99;
    expect(() => decodeGraph(bytes)).toThrow(RangeError);
    expect(() => decodeGraph(Buffer.alloc(0))).toThrow(RangeError);
  });
});
