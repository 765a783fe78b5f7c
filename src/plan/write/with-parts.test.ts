import { beforeAll, expect, test } from "vitest";
import { PgError } from "../../errors/pg-error.ts";
import { initializeParser, parseStatements } from "../../sql/parse.ts";
import { withParts } from "./with-parts.ts";

beforeAll(initializeParser);

/** The steps as texts, rows of others written as <name>. */
function steps(sql: string): string[] {
  return withParts(parseStatements(sql)[0]!).steps.map((step) => {
    const text = step.text((name) => `${name} AS <rows>`).replaceAll(/\s+/g, " ");
    return step.name === undefined ? text.trim() : `${step.name}: ${text.trim()}`;
  });
}

function refused(sql: string): string {
  try {
    return steps(sql).join("; ");
  } catch (error) {
    if (error instanceof PgError) return error.code;
    throw error;
  }
}

test("a writing entry is a step, and its rows stand in the others", () => {
  expect(steps("WITH d AS (DELETE FROM t RETURNING (id)) SELECT count(*) FROM d")).toEqual([
    "d: DELETE FROM t RETURNING (id)",
    "WITH d AS <rows> SELECT count(*) FROM d",
  ]);
});

test("an entry that only reads stays in the one step that names it, with those behind it", () => {
  expect(
    steps(
      "WITH a AS (SELECT 1), b (x) AS NOT MATERIALIZED (SELECT * FROM a), i AS (INSERT INTO t SELECT * FROM b), unused AS (SELECT 2) SELECT 1",
    ),
  ).toEqual([
    "i: WITH a AS (SELECT 1) , b (x) AS NOT MATERIALIZED (SELECT * FROM a) INSERT INTO t SELECT * FROM b",
    "SELECT 1",
  ]);
});

test("an entry that two steps read is computed once, before anything is written", () => {
  expect(
    steps(
      "WITH d AS (DELETE FROM u RETURNING id), s AS (SELECT random() AS x), e AS (DELETE FROM t USING s WHERE t.x = s.x) SELECT * FROM s, d",
    ),
  ).toEqual([
    "s: WITH s AS (SELECT random() AS x) SELECT * FROM s",
    "d: DELETE FROM u RETURNING id",
    "e: WITH s AS <rows> DELETE FROM t USING s WHERE t.x = s.x",
    "WITH d AS <rows> , s AS <rows> SELECT * FROM s, d",
  ]);
});

test("an entry means a table where it is not to be seen", () => {
  expect(
    steps("WITH d AS (DELETE FROM t WHERE id IN (SELECT id FROM e) RETURNING id), e AS (SELECT 1) SELECT 1"),
  ).toEqual(["d: DELETE FROM t WHERE id IN (SELECT id FROM e) RETURNING id", "SELECT 1"]);
  expect(steps("WITH d AS (DELETE FROM t RETURNING 1) SELECT 1 FROM public.d")).toEqual([
    "d: DELETE FROM t RETURNING 1",
    "SELECT 1 FROM public.d",
  ]);
});

test("RECURSIVE, SEARCH, comments and names in quotes", () => {
  expect(
    steps(
      `WITH RECURSIVE "r ( as" (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "r ( as") SEARCH DEPTH FIRST BY n SET "select" -- )\n, d AS (DELETE FROM t USING "r ( as" RETURNING 1) SELECT 1`,
    ),
  ).toEqual([
    `d: WITH RECURSIVE "r ( as" (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "r ( as") SEARCH DEPTH FIRST BY n SET "select" -- ) DELETE FROM t USING "r ( as" RETURNING 1`,
    "SELECT 1",
  ]);
});

test("a WITH of the entry's own joins the list", () => {
  expect(
    steps("WITH a AS (SELECT 1), d AS (WITH b AS (SELECT 2) DELETE FROM t USING a, b) SELECT 1"),
  ).toEqual(["d: WITH a AS (SELECT 1) , b AS (SELECT 2) DELETE FROM t USING a, b", "SELECT 1"]);
  expect(
    refused("WITH a AS (SELECT 1), d AS (WITH a AS (SELECT * FROM a) DELETE FROM t USING a) SELECT 1"),
  ).toBe("0A000");
});

test("rows of a later entry are refused", () => {
  expect(
    refused(
      "WITH RECURSIVE d AS (DELETE FROM t USING e RETURNING 1), e AS (DELETE FROM u RETURNING 1) SELECT 1",
    ),
  ).toBe("0A000");
});
