import fc from "fast-check";
import { scanSync } from "libpg-query";
import { beforeAll, expect, test } from "vitest";
import { initializeParser } from "./parse.ts";
import { blankCommentsWithinStrings, tokenize, tokenName } from "./tokens.ts";

beforeAll(initializeParser);

/** Boundaries by PostgreSQL's scanner, comments left out, operators that the scanner splits (a lone sign behind another) joined. */
function reference(sql: string): [number, number][] {
  return scanSync(sql)
    .tokens.filter((t) => !/COMMENT/.test(t.tokenName))
    .map((t) => [t.start, t.end]);
}

const pieces = fc.constantFrom(
  "select",
  "Ünï",
  '"Q q"',
  '"a""b"',
  "'str'",
  "''",
  "'it''s'",
  "E'a\\'b'",
  "U&'d\\0061'",
  'U&"d\\0061"',
  "B'01'",
  "X'1F'",
  "N'x'",
  "$$a'b$$",
  "$t$ $$ $t$",
  "$1",
  "12",
  "1.5",
  "1e10",
  ".5",
  "0x1F",
  "1_000",
  "(",
  ")",
  ",",
  ";",
  ".",
  "::",
  "[",
  "]",
  "=",
  "<=",
  "<>",
  "||",
  "->>",
  "*",
  "+",
  "/* c */",
  "/* a /* b */ c */",
  "-- x\n",
  "\n",
  "\t",
  "'a'\n'b'",
  "日本",
);

test("boundaries are those of PostgreSQL's scanner", () => {
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 12 }), (list) => {
      const sql = list.join(" ");
      // The reference ends a string at a comment; PostgreSQL does not where another part of the string follows.
      fc.pre(!/'\s*(--[^\n]*\s+)+'/.test(sql));
      const mine = tokenize(Buffer.from(sql)).filter(
        (t) => !(t.kind === "symbol" && Buffer.from(sql)[t.start] === 58),
      );
      const theirs = reference(sql).filter(([a]) => Buffer.from(sql)[a] !== 58);
      expect(mine.map((t) => [t.start, t.end])).toEqual(theirs);
    }),
    { numRuns: 1000 },
  );
});

test("comments between the parts of a string belong to it", () => {
  for (const sql of ["'a' -- b'\n 'c'", "'a'\n-- b\n\n --c\n'd'", "E'\\''\n--'\n'e'", "N'a' \n -- x\n 'b'"]) {
    expect(tokenize(Buffer.from(sql)).at(-1)?.end).toBe(sql.length);
    expect(tokenize(Buffer.from(sql)).filter(({ kind }) => kind === "string")).toHaveLength(1);
    expect(blankCommentsWithinStrings(Buffer.from(sql))?.toString()).toBe(
      sql.replaceAll(/--[^\n]*/g, (comment) => " ".repeat(comment.length)),
    );
  }
  expect(tokenize(Buffer.from("'a' -- b 'c'"))).toHaveLength(1);
  expect(tokenize(Buffer.from("'a' 'c'"))).toHaveLength(2);
  expect(tokenize(Buffer.from("X'1F'\n'it''s'"))).toHaveLength(2);
  expect(blankCommentsWithinStrings(Buffer.from("'a' -- b\n, 'c'"))).toBeUndefined();
});

test("names are folded or unquoted", () => {
  const text = Buffer.from(`Orders "Or""d" ÄB`);
  expect(tokenize(text).map((t) => tokenName(text, t))).toEqual(["orders", 'Or"d', "Äb"]);
});
