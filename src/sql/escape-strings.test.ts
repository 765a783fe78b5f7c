import { expect, test } from "vitest";
import { escapeStrings, originalPosition } from "./escape-strings.ts";

const escape = (sql: string): string | undefined => escapeStrings(Buffer.from(sql))?.text.toString();

test.each([
  [String.raw`SELECT 'a\\b', 'it\'s', 'plain'`, String.raw`SELECT E'a\\b', E'it\'s', 'plain'`],
  [String.raw`SELECT E'a\'b', "x\", 'c\d'`, String.raw`SELECT E'a\'b', "x\", E'c\d'`],
  [String.raw`SELECT $$a\'b$$, $t$'\$t$, '\''`, String.raw`SELECT $$a\'b$$, $t$'\$t$, E'\''`],
  [String.raw`SELECT 1 -- it's \n`, String.raw`SELECT 1 -- it's \n`],
  ["SELECT /* it's /* \\ */ ' */ '\\t'", "SELECT /* it's /* \\ */ ' */ E'\\t'"],
  ["SELECT 'a'\n 'b\\n', col'\\x'", "SELECT E'a'\n 'b\\n', col E'\\x'"],
])("%s", (written, expected) => expect(escape(written)).toBe(expected));

test("positions count in the original", () => {
  const escaped = escapeStrings(Buffer.from(String.raw`SELECT 'ø\\', 'b\\', x`))!;
  expect(escaped.text.toString()).toBe(String.raw`SELECT E'ø\\', E'b\\', x`);
  expect(originalPosition(escaped.inserted, 24)).toBe(22);
  expect(originalPosition(escaped.inserted, 8)).toBe(8);
});

test("national strings are left to the caller", () =>
  expect(escape(String.raw`SELECT N'a\\b'`)).toBe(undefined));
