import { expect, test } from "vitest";
import { liftLiterals, literalBytes } from "./lift-literals.ts";

function lift(sql: string): { key: string; values: string[] } | undefined {
  const text = Buffer.from(sql);
  const skeleton = liftLiterals(text);
  return (
    skeleton && {
      key: skeleton.key.replaceAll("\0", "?"),
      values: skeleton.literals.map((l) => literalBytes(text, l).toString()),
    }
  );
}

test("numbers and plain strings become placeholders of their kind", () => {
  expect(lift("SELECT abalance FROM accounts WHERE aid = 4711;")).toEqual({
    key: "SELECT abalance FROM accounts WHERE aid = ?i;",
    values: ["4711"],
  });
  expect(lift("UPDATE t SET a = a + -5, b='it''s ü' WHERE c=1.50 AND d2 = $x")).toBeUndefined();
  expect(lift("UPDATE t1 SET a = a + -5, b='it''s ü' WHERE c=1.50")).toEqual({
    key: "UPDATE t1 SET a = a + -?i, b=?s WHERE c=?n",
    values: ["5", "it's ü", "1.50"],
  });
  expect(lift("SELECT \"a 1 'x\", '' , -- 5 '\n /* 6 \" */ FROM t")?.values).toEqual([""]);
});

test("equal keys mean texts that differ in literals only", () => {
  expect(lift("SELECT 1, 'a'")?.key).toBe(lift("SELECT 22, ''")?.key);
  expect(lift("SELECT 1")?.key).not.toBe(lift("SELECT '1'")?.key);
  expect(lift("SELECT x1")?.key).toBe("SELECT x1");
  expect(lift("/* a */ SELECT 1")?.key).not.toBe(lift("/* b */ SELECT 1")?.key);
});

test.each([
  "SELECT E'a'",
  "SELECT e'a'",
  "SELECT U&'a'",
  'SELECT U&"a"',
  "SELECT B'1'",
  "SELECT x'1'",
  "SELECT n'1'",
  "SELECT $$a$$",
  "SELECT $1",
  "SELECT a$b",
  "SELECT 'a\\'",
  "SELECT 'a",
  'SELECT "a',
  'SELECT "a""b"',
  "SELECT 1; SELECT 2",
  "SELECT 1; -- x",
  "SELECT /* /* */ 1 */",
  "SELECT /* 1",
  "SELECT 1e5",
  "SELECT 0x1F",
  "SELECT 1_000",
  "SELECT .5",
  "SELECT 1.",
  "SELECT 12abc",
  "SELECT 'a'\n'b'",
  "SELECT 'a'\n--c\n'b'",
  "SELECT 'a' --c\n'b'",
  "SELECT \\",
  "SELECT 'a\0'",
  "SELECT 1.2.3",
])("gives up: %s", (sql) => expect(lift(sql)).toBeUndefined());
