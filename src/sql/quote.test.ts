import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { initializeParser, parseStatements } from "./parse.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "./quote.ts";

beforeAll(initializeParser);

const hostile = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...`'"\\$;-/*.,() \n\taÅ日U&E{}\u0001`) }),
  fc.constantFrom(
    `"; DROP TABLE t; --`,
    `a"b`,
    `'; --`,
    `\\'; --`,
    "$$",
    'U&"x"',
    "select",
    "Select",
    "a.b",
    "é",
    "/*",
    "a$1",
    "1a",
    "_",
    "user",
  ),
  fc
    .string({ minLength: 1, maxLength: 30, unit: "grapheme" })
    .filter((s) => !s.includes("\0") && Buffer.from(s).toString() === s),
);

/** What PostgreSQL's parser reads. Names longer than 63 bytes are cut by the parser, not by quoting. */
function readBack(sql: string): unknown {
  const statements = parseStatements(sql);
  expect(statements).toHaveLength(1);
  const tree = statements[0]!.tree as {
    SelectStmt: { targetList: { ResTarget: { val: Record<string, unknown> } }[]; fromClause?: unknown[] };
  };
  expect(tree.SelectStmt.targetList).toHaveLength(1);
  return tree.SelectStmt.targetList[0]!.ResTarget.val;
}

test("X4: any name survives quoting as one identifier", () => {
  fc.assert(
    fc.property(hostile, hostile, (schema, name) => {
      fc.pre(Buffer.byteLength(name) <= 63 && Buffer.byteLength(schema) <= 63);
      expect(readBack(`SELECT ${quoteQualified(schema, name)} FROM t`)).toMatchObject({
        ColumnRef: { fields: [{ String: { sval: schema } }, { String: { sval: name } }] },
      });
    }),
    { numRuns: 2000 },
  );
});

test("X4: any text survives quoting as one literal", () => {
  fc.assert(
    fc.property(hostile, (value) => {
      expect(readBack(`SELECT ${quoteLiteral(value)}`)).toMatchObject({ A_Const: { sval: { sval: value } } });
    }),
    { numRuns: 2000 },
  );
});

test("plain names stay bare; key words, capitals and digits in front are quoted", () => {
  expect(["orders", "a_1$", "order", "name", "Orders", "1a", "ä"].map(quoteIdentifier)).toEqual([
    "orders",
    "a_1$",
    '"order"',
    '"name"',
    '"Orders"',
    '"1a"',
    '"ä"',
  ]);
  expect(quoteLiteral("a\\b'c")).toBe("E'a\\\\b''c'");
});

test("NUL and the empty name are refused", () => {
  expect(() => quoteIdentifier("a\0b")).toThrow();
  expect(() => quoteLiteral("a\0b")).toThrow();
  expect(() => quoteIdentifier("")).toThrow();
});
