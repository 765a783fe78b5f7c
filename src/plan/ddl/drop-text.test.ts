import { beforeAll, expect, test } from "vitest";
import { initializeParser, parseStatements } from "../../sql/parse.ts";
import { applySplices } from "../../sql/splice.ts";
import { ifExists } from "./drop-text.ts";

beforeAll(initializeParser);

test.each([
  ["DROP TYPE a, b CASCADE", "DROP TYPE IF EXISTS a, b CASCADE"],
  ["DROP TYPE IF EXISTS a", "DROP TYPE IF EXISTS a"],
  ["drop/**/function f(int)", "drop/**/function IF EXISTS f(int)"],
  ["DROP OPERATOR CLASS c USING btree", "DROP OPERATOR CLASS IF EXISTS c USING btree"],
  ["DROP OPERATOR + (int, int)", "DROP OPERATOR IF EXISTS + (int, int)"],
  ["DROP TEXT SEARCH CONFIGURATION c", "DROP TEXT SEARCH CONFIGURATION IF EXISTS c"],
  ["DROP CAST (int AS text)", "DROP CAST IF EXISTS (int AS text)"],
  ["DROP POLICY p ON t", "DROP POLICY IF EXISTS p ON t"],
  ['DROP SCHEMA "if"', 'DROP SCHEMA IF EXISTS "if"'],
  ["DROP ACCESS METHOD m", "DROP ACCESS METHOD IF EXISTS m"],
  ["DROP PROCEDURAL LANGUAGE l", "DROP PROCEDURAL LANGUAGE IF EXISTS l"],
])("%s", (sql, expected) => {
  const statement = parseStatements(sql)[0]!;
  const text = applySplices(statement.text, ifExists(statement)).toString();
  expect(text).toBe(expected);
  expect(parseStatements(text)).toHaveLength(1);
});
