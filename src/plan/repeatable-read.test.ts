import { beforeAll, describe, expect, test } from "vitest";
import { initializeParser, parseStatements } from "../sql/parse.ts";
import { planRead } from "./plan-read.ts";
import { isRepeatable, isRepeatableType, mayMeanDay } from "./repeatable-read.ts";
import { goldenContext } from "./testing/golden-context.ts";

beforeAll(initializeParser);

function repeatable(sql: string): boolean {
  const context = goldenContext(sql);
  const plan = planRead(parseStatements(sql)[0]!, context);
  return plan.kind === "read" && isRepeatable(plan, context.snapshot);
}

describe("N8: everything that a repeatable read uses is known to be so", () => {
  test.each([
    "SELECT * FROM parent",
    "SELECT n FROM parent WHERE n = 1 ORDER BY n DESC LIMIT 3 OFFSET 1",
    "SELECT count(*), sum(p.n + 1), max(n) FILTER (WHERE n > 2) FROM parent p WHERE n BETWEEN 1 AND 9 OR n IN (1, 2)",
    "SELECT n, row_number() OVER (PARTITION BY n ORDER BY n) FROM parent GROUP BY n HAVING count(*) > 1",
    "WITH x AS (SELECT n AS m FROM parent) SELECT x.m, CASE WHEN x.m > 1 THEN 'a' ELSE lower('B') END FROM x",
    "SELECT a.n FROM parent a LEFT JOIN child c USING (n) WHERE EXISTS (SELECT 1 FROM child d WHERE d.n = a.n)",
    "SELECT n::text, '5'::int, coalesce(n, 0), greatest(n, 2) FROM parent UNION ALL SELECT 'x', 1, 2, 3 FROM child",
    "SELECT n FROM parent WHERE n = $1 AND '2024-01-01'::date < '2024-02-01'::date",
  ])("%s", (sql) => expect(repeatable(sql)).toBe(true));

  test.each([
    ["the time", "SELECT n, now() FROM parent"],
    ["the time by a keyword", "SELECT n, current_timestamp FROM parent"],
    ["a date of today", "SELECT n FROM parent WHERE 'today'::date > '2024-01-01'"],
    [
      "a date of today, without a cast",
      "SELECT n FROM parent WHERE date_trunc('day', ' Yesterday') IS NOT NULL",
    ],
    ["a date of what is in a column", "SELECT n::text::date FROM parent"],
    ["a time with a zone, which depends on the day", "SELECT n, '10:00 Europe/Berlin'::timetz FROM parent"],
    ["chance", "SELECT n, random() FROM parent"],
    ["who asks", "SELECT n, current_user FROM parent"],
    ["settings by their names", "SELECT n, current_setting('x') FROM parent"],
    ["locks", "SELECT n FROM parent FOR UPDATE"],
    ["a sample", "SELECT n FROM parent TABLESAMPLE system (10)"],
    ["names of types and tables", "SELECT n, 'parent'::regclass FROM parent"],
    ["system columns", "SELECT xmin FROM parent"],
    ["a view", "SELECT t FROM v_noted"],
    ["row security", "SELECT id FROM w_secret"],
    ["a materialized view", "SELECT status FROM m_status"],
    ["a collation by name", `SELECT n FROM parent ORDER BY n::text COLLATE "C"`],
    ["a function call that looks like a column", "SELECT p.pg_typeof FROM parent p"],
    ["XML", "SELECT xmlelement(name a, n) FROM parent"],
    ["a set-returning function", "SELECT n FROM parent, generate_series(1, 2)"],
    ["an operator by its schema", "SELECT n OPERATOR(public.+) 1 FROM parent"],
    ["catalogs", "SELECT n FROM parent, pg_class"],
  ])("not with %s", (_, sql) => {
    let answer: boolean;
    try {
      answer = repeatable(sql);
    } catch {
      // Refused altogether.
      answer = false;
    }
    expect(answer).toBe(false);
  });
});

test("columns of types that the user has made are the user's matter", () => {
  expect(repeatable("SELECT id FROM orders")).toBe(false);
});

test.each(["now", "TODAY", " tomorrow 10:00", "Yesterday"])("%j may mean a day", (text) =>
  expect(mayMeanDay(text)).toBe(true),
);

test("types: int yes; timetz, regclass and those of users no", () => {
  expect([23, 25, 1184].map(isRepeatableType)).toEqual([true, true, true]);
  expect([1266, 2205, 16_400, 0].map(isRepeatableType)).toEqual([false, false, false, false]);
});
