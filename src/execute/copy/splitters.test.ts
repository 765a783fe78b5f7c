/** The splitters of COPY data: however the stream is cut into chunks, records and key values are those that were written. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCopyFormat, type CopyFormat } from "./copy-format.ts";
import { CsvSplitter } from "./line-splitter-csv.ts";
import { TextSplitter } from "./line-splitter-text.ts";
import { FieldKind, type Splitter } from "./splitter.ts";
import { BinarySplitter } from "./tuple-splitter-binary.ts";

interface Found {
  readonly bytes: string;
  readonly lines: number;
  readonly count: number;
  readonly values: (string | null | undefined)[];
}

/** Feeds `data` in chunks of the given sizes (the last one repeats) as the COPY does it: what is left over comes again. */
function splitInChunks(
  make: (found: (at: Splitter, block: Buffer, start: number, end: number, lines: number) => void) => Splitter,
  data: Buffer,
  sizes: readonly number[],
): Found[] {
  const found: Found[] = [];
  const splitter = make((at, block, start, end, lines) => {
    const values = at.fields.ordinals.map((_, i) => {
      const kind = at.fields.kind[i];
      if (kind === FieldKind.missing) return undefined;
      return kind === FieldKind.null ? null : at.value(block, start, i).toString("latin1");
    });
    found.push({ bytes: block.toString("latin1", start, end), lines, count: at.fields.count, values });
  });
  let rest = Buffer.alloc(0);
  let at = 0;
  for (let turn = 0; at < data.length || turn === 0; turn++) {
    const size = sizes[Math.min(turn, sizes.length - 1)]!;
    // Garbage behind the used part: a splitter must not look there.
    const used = Buffer.concat([rest, data.subarray(at, at + size)]);
    const block = Buffer.concat([used, Buffer.from('\n"\r\\\n')]);
    at += size;
    const done = splitter.split(block, 0, used.length, at >= data.length);
    rest = used.subarray(done);
  }
  expect(rest.length).toBe(0);
  return found;
}

const LINE_ENDS = ["\n", "\r\n", "\r"] as const;
const textFormat = readCopyFormat([]);

function textOf(value: string | null): string {
  if (value === null) return "\\N";
  return value.replace(
    /[\\\b\f\n\r\t\v;]/g,
    (c) =>
      ({
        "\\": "\\\\",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        ";": "\\;",
      })[c]!,
  );
}

const character = fc.constantFrom("a", "7", "\\", ".", "N", "\t", "\n", "\r", '"', ",", ";", "é", " ");
const value = fc.option(
  fc.string({ unit: character, maxLength: 8 }).map((s) => Buffer.from(s).toString("latin1")),
  { freq: 6 },
);
const rows = fc
  .integer({ min: 1, max: 4 })
  .chain((columns) =>
    fc.array(fc.array(value, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 12 }),
  );
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

function textSplitter(format: CopyFormat, ordinals: readonly number[]) {
  return (
    found: (at: Splitter, block: Buffer, start: number, end: number, lines: number) => void,
  ): Splitter => {
    const splitter: TextSplitter = new TextSplitter(format, ordinals, true, {
      record: (block, start, end, _content, lines) => found(splitter, block, start, end, lines),
    });
    return splitter;
  };
}

function csvSplitter(format: CopyFormat, ordinals: readonly number[]) {
  return (
    found: (at: Splitter, block: Buffer, start: number, end: number, lines: number) => void,
  ): Splitter => {
    const keys = ordinals.map(() => ({ forceNull: false, forceNotNull: false }));
    const splitter: CsvSplitter = new CsvSplitter(format, ordinals, keys, true, {
      record: (block, start, end, _content, lines) => found(splitter, block, start, end, lines),
    });
    return splitter;
  };
}

describe("text", () => {
  test("every chunking gives the records and values that were written", () => {
    fc.assert(
      fc.property(
        rows,
        sizes,
        fc.constantFrom(...LINE_ENDS),
        fc.boolean(),
        (table, chunks, lineEnd, endsOpen) => {
          // A single empty or two-byte column could read as the end marker only if it were written as \. : it never is.
          const lines = table.map((row) => row.map(textOf).join("\t") + lineEnd);
          if (endsOpen) lines.push(lines.pop()!.slice(0, -lineEnd.length) || "x");
          const data = Buffer.from(lines.join(""), "latin1");
          const last = table[0]!.length - 1;
          const ordinals = last === 0 ? [0] : [0, last];
          const found = splitInChunks(textSplitter(textFormat, ordinals), data, chunks);
          expect(found.map((f) => f.bytes)).toEqual(lines);
          const whole = endsOpen ? found.slice(0, -1) : found;
          expect(whole.map((f) => f.values)).toEqual(
            table.slice(0, whole.length).map((row) => ordinals.map((o) => row[o]!)),
          );
          expect(whole.every((f) => f.count === table[0]!.length)).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });

  const once = (text: string, ordinals: readonly number[] = [0]) =>
    splitInChunks(textSplitter(textFormat, ordinals), Buffer.from(text, "latin1"), [text.length + 1]);

  test("octal and hexadecimal escapes, an escaped newline", () => {
    expect(once("\\101\\x42\\x\t1\n").map((f) => f.values)).toEqual([["ABx"]]);
    expect(once("a\\\nb\t1\nc\t2\n").map((f) => f.values)).toEqual([["a\nb"], ["c"]]);
    expect(once("a\\\\\nb\n").map((f) => f.values)).toEqual([["a\\"], ["b"]]);
  });

  test("the end marker alone on a line ends the data, in the middle of one it does not", () => {
    expect(once("1\n\\.\n2\n").map((f) => f.bytes)).toEqual(["1\n"]);
    expect(once("1\t\\.\n2\n").map((f) => f.bytes)).toEqual(["1\t\\.\n", "2\n"]);
  });

  test("a record with too few fields says so", () => {
    expect(once("1\n", [1])).toMatchObject([{ values: [undefined], count: 1 }]);
  });

  test("another line end than the first line's is refused", () => {
    expect(() => once("1\n2\r\n")).toThrow("literal carriage return found in data");
    expect(() => once("1\r\n2\n3\r\n")).toThrow("literal newline found in data");
    expect(() => once("1\r2\n3\r")).toThrow("literal newline found in data");
    expect(once("1\n2\\\r\n").length).toBe(2);
  });
});

describe("csv", () => {
  const format = readCopyFormat([{ DefElem: { defname: "format", arg: { String: { sval: "csv" } } } }]);
  const backslash = readCopyFormat([
    { DefElem: { defname: "format", arg: { String: { sval: "csv" } } } },
    { DefElem: { defname: "escape", arg: { String: { sval: "\\" } } } },
  ]);

  const csvOf = (v: string | null, escape: string, quoted: boolean): string => {
    if (v === null) return "";
    if (!quoted && v !== "" && !/[",\n\r\\]/.test(v)) return v;
    const special = escape === '"' ? /"/g : /["\\]/g;
    return `"${v.replace(special, (c) => escape + c)}"`;
  };

  test("every chunking gives the records and values that were written", () => {
    fc.assert(
      fc.property(
        rows,
        sizes,
        fc.constantFrom(...LINE_ENDS),
        fc.boolean(),
        fc.boolean(),
        (table, chunks, lineEnd, quoted, escaped) => {
          const escape = escaped ? "\\" : '"';
          const lines = table.map((row) => row.map((v) => csvOf(v, escape, quoted)).join(",") + lineEnd);
          const data = Buffer.from(lines.join(""), "latin1");
          const last = table[0]!.length - 1;
          const ordinals = last === 0 ? [0] : [0, last];
          const found = splitInChunks(csvSplitter(escaped ? backslash : format, ordinals), data, chunks);
          expect(found.map((f) => f.bytes)).toEqual(lines);
          expect(found.map((f) => f.values)).toEqual(table.map((row) => ordinals.map((o) => row[o]!)));
          expect(found.every((f) => f.count === table[0]!.length)).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("S7: a backslash and a period are data", () => {
    const found = splitInChunks(csvSplitter(format, [0]), Buffer.from("1\n\\.\n2\n"), [2]);
    expect(found.map((f) => f.values)).toEqual([["1"], ["\\."], ["2"]]);
  });

  test("lines inside quotes are counted as PostgreSQL counts them", () => {
    const found = splitInChunks(csvSplitter(format, [0]), Buffer.from('0\n1,"a\nb\nc"\n2\n'), [3]);
    expect(found.map((f) => f.lines)).toEqual([1, 3, 1]);
  });

  test("another line end than the first line's is refused", () => {
    const split = (text: string) => splitInChunks(csvSplitter(format, [0]), Buffer.from(text), [100]);
    expect(() => split("1\n2\r\n")).toThrow("unquoted carriage return found in data");
    expect(() => split("1\r\n2\n")).toThrow("unquoted newline found in data");
    expect(split('1\n"2\r"\n').length).toBe(2);
  });
});

describe("binary", () => {
  const header = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
  const tuple = (row: readonly (string | null)[]): Buffer => {
    const parts = [Buffer.from([row.length >> 8, row.length & 255])];
    for (const v of row) {
      const length = Buffer.alloc(4);
      length.writeInt32BE(v === null ? -1 : v.length);
      parts.push(length, Buffer.from(v ?? "", "latin1"));
    }
    return Buffer.concat(parts);
  };
  const make =
    (ordinals: readonly number[], headers: string[]) =>
    (found: (at: Splitter, block: Buffer, start: number, end: number, lines: number) => void): Splitter => {
      const splitter: BinarySplitter = new BinarySplitter(ordinals, true, {
        record: (block, start, end, _content, lines) => found(splitter, block, start, end, lines),
        header: (block, start, end) => headers.push(block.toString("latin1", start, end)),
      });
      return splitter;
    };

  test("every chunking gives the tuples and values that were written", () => {
    fc.assert(
      fc.property(rows, sizes, fc.boolean(), (table, chunks, trailer) => {
        const tuples = table.map(tuple);
        const data = Buffer.concat([header, ...tuples, ...(trailer ? [Buffer.from([255, 255])] : [])]);
        const headers: string[] = [];
        const last = table[0]!.length - 1;
        const found = splitInChunks(make([last], headers), data, chunks);
        expect(headers).toEqual([header.toString("latin1")]);
        expect(found.map((f) => f.bytes)).toEqual(tuples.map((t) => t.toString("latin1")));
        expect(found.map((f) => f.values)).toEqual(table.map((row) => [row[last]!]));
      }),
      { numRuns: 200 },
    );
  });

  test("data behind the trailer are refused", () => {
    const data = Buffer.concat([header, Buffer.from([255, 255]), tuple(["a"])]);
    expect(() => splitInChunks(make([0], []), data, [100])).toThrow("received copy data after EOF marker");
  });
});
