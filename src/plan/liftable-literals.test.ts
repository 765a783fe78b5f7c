import { beforeAll, expect, test } from "vitest";
import { liftLiterals } from "../sql/lift-literals.ts";
import { initializeParser, parseStatements } from "../sql/parse.ts";
import { liftableLiterals, rangeOf } from "./liftable-literals.ts";

beforeAll(initializeParser);

/** The literals of a statement that may be parameters, as they are written. */
function lifted(sql: string): string[] {
  const text = Buffer.from(sql);
  const [statement] = parseStatements(sql);
  const { literals } = liftLiterals(text)!;
  return liftableLiterals(statement!.tree, text, literals).map((literal) => {
    const { start, end } = rangeOf(literal, text, literals);
    return sql.slice(start, end);
  });
}

test.each<[sql: string, lifted: string[]]>([
  ["SELECT a FROM t WHERE k = 5 AND v IN ('a', 'b')", ["5", "'a'", "'b'"]],
  ["UPDATE t SET a = a + -5, b = - 6, c = 7-8 WHERE k=9", ["-5", "- 6", "7", "8", "9"]],
  ["INSERT INTO t VALUES (1, 'x', NULL, true), (-2, '', 1.5, 1234567890)", ["1", "'x'", "-2", "''"]],
  ["SELECT 1 FROM t GROUP BY 1, a + 2 ORDER BY 1, b + 3 LIMIT 4 OFFSET 5", ["1", "2", "3"]],
  ["SELECT DISTINCT ON (1, a = 2) a FROM t GROUP BY GROUPING SETS ((1), (a))", ["2"]],
  ["SELECT '1'::numeric(10,2), CAST('2' AS char(3)), DATE '2024-01-01', 3::int8", ["'1'", "'2'", "3"]],
  ["SELECT extract('year' FROM a), substring(a FROM 2 FOR 3), f('x', 4)", ["'x'", "4"]],
  ["SELECT a FROM t TABLESAMPLE SYSTEM (50) WHERE JSON_VALUE(a, '$.x') = 'y'", ["'y'"]],
])("%s", (sql, expected) => expect(lifted(sql)).toEqual(expected));
