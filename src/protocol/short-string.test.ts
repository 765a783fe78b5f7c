import { describe, expect, test } from "vitest";
import { shortString } from "./short-string.ts";

const read = (text: string): string => {
  const bytes = Buffer.from(`<${text}>`);
  return shortString(bytes, 1, bytes.length - 1);
};

describe("shortString", () => {
  test.each([
    "",
    "p1",
    "SELECT 1",
    "müßig",
    "日本語",
    "\u0080",
    "é".repeat(16),
    "x".repeat(32),
    "x".repeat(33),
  ])("%j is read as it was written, again and again", (text) => {
    for (let i = 0; i < 3; i++) expect(read(text)).toBe(text);
  });

  test("strings of one slot do not take each other's place in an answer", () => {
    const names = Array.from({ length: 5_000 }, (_, i) => `statement_${i}`);
    for (let round = 0; round < 2; round++) for (const name of names) expect(read(name)).toBe(name);
  });

  test("what is not UTF-8 is read as Buffer does", () => {
    const bytes = Buffer.from([0x61, 0xff, 0xc3]);
    for (let i = 0; i < 2; i++) expect(shortString(bytes, 0, 3)).toBe(bytes.toString("utf8"));
  });
});
