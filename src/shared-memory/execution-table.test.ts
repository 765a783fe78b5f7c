import { describe, expect, test } from "vitest";
import { executionInts, ExecutionTable } from "./execution-table.ts";

const CAPACITY = 4;
const TEXT_BYTES_MAX = 1024;

function memory() {
  const ints = new Int32Array(executionInts(CAPACITY));
  return { ints, writer: new ExecutionTable(ints), reader: new ExecutionTable(ints) };
}

describe("what a session does", () => {
  test("is read by others while it goes on", () => {
    const { writer, reader } = memory();
    expect(reader.read(2)).toBeUndefined();
    const before = Date.now();
    const execution = writer.of(2);
    expect(reader.read(2)).toMatchObject({ phase: "idle", text: undefined, statementSince: undefined });
    execution.begin(Buffer.from("SELECT 'ä'"));
    expect(reader.read(2)).toMatchObject({ phase: "planning", text: "SELECT 'ä'", rows: 0 });
    execution.enter("waiting for a connection");
    execution.sent(12);
    const seen = reader.read(2)!;
    expect(seen).toMatchObject({ phase: "waiting for a connection", rows: 12 });
    expect(seen.statementSince).toBeGreaterThanOrEqual(before);
    execution.end(true);
    expect(reader.read(2)).toMatchObject({ phase: "idle", transactionSince: seen.statementSince });
    execution.begin(Buffer.from("SELECT 2"));
    execution.end(true);
    expect(reader.read(2)!.transactionSince).toBe(seen.statementSince);
    execution.end(false);
    expect(reader.read(2)).toMatchObject({ text: "SELECT 2", transactionSince: undefined });
  });

  test("a prepared statement's text is there again after another's", () => {
    const { writer, reader } = memory();
    const execution = writer.of(1);
    const prepared = Buffer.from("SELECT $1");
    for (const [text, kept] of [
      [prepared, true],
      [Buffer.from("SHOW x"), false],
      [prepared, true],
      [prepared, true],
    ] as const) {
      if (kept) execution.beginKept(text);
      else execution.begin(text);
      expect(reader.read(1)!.text).toBe(text.toString());
    }
  });

  test("a long text is cut off between characters", () => {
    const { writer, reader } = memory();
    const execution = writer.of(1);
    for (const shift of [0, 1, 2, 3]) {
      execution.begin(Buffer.from("x".repeat(shift) + "😀".repeat(400)));
      const characters = Math.floor((TEXT_BYTES_MAX - shift) / 4);
      expect(reader.read(1)!.text).toBe("x".repeat(shift) + "😀".repeat(characters));
    }
    execution.begin(Buffer.alloc(5000, "y"));
    expect(reader.read(1)!.text).toBe("y".repeat(TEXT_BYTES_MAX));
  });

  test("the next connection with the record shows nothing of the one before, nor does its number find the old one", () => {
    const { writer, reader } = memory();
    writer.of(1).begin(Buffer.from("SELECT 'secret'"));
    const next = 1 + CAPACITY;
    writer.of(next);
    expect(reader.read(1)).toBeUndefined();
    expect(reader.read(next)).toMatchObject({ text: undefined, statementSince: undefined });
  });

  test("N1: the process that takes over leaves the last text, unless the one that died was writing it", () => {
    const { ints, writer, reader } = memory();
    writer.of(1).begin(Buffer.from("SELECT 1"));
    writer.of(1);
    expect(reader.read(1)).toMatchObject({ phase: "idle", text: "SELECT 1" });
    // Where the number of changes is, by what a change does to it.
    const before = ints.slice();
    writer.of(1).begin(Buffer.from("SELECT 1"));
    const at = ints.findIndex((value, i) => value === before[i]! + 2 && i > 10);
    ints[at] = ints[at]! + 1;
    expect(reader.read(1)).toMatchObject({ text: undefined });
    writer.of(1);
    expect(reader.read(1)).toMatchObject({ phase: "idle", text: undefined });
    writer.of(1).begin(Buffer.from("SELECT 3"));
    expect(reader.read(1)!.text).toBe("SELECT 3");
  });
});
