import { expect, test } from "vitest";
import { applySplices } from "./splice.ts";

test("ranges are bytes, in any order", () => {
  const text = Buffer.from("é SELECT a FROM b");
  const out = applySplices(text, [
    { start: 17, end: 18, text: "x.b" },
    { start: 10, end: 11, text: "'ü'" },
    { start: 18, end: 18, text: " AS b" },
  ]);
  expect(out.toString()).toBe("é SELECT 'ü' FROM x.b AS b");
});

test("overlapping or outlying ranges are an error of the planner", () => {
  expect(() =>
    applySplices(Buffer.from("abc"), [
      { start: 0, end: 2, text: "" },
      { start: 1, end: 3, text: "" },
    ]),
  ).toThrow(RangeError);
  expect(() => applySplices(Buffer.from("abc"), [{ start: 2, end: 4, text: "" }])).toThrow(RangeError);
});
