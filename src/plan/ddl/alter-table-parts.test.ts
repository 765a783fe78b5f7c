import { beforeAll, expect, test } from "vitest";
import { PgError } from "../../errors/pg-error.ts";
import { initializeParser, parseStatements } from "../../sql/parse.ts";
import { applySplices } from "../../sql/splice.ts";
import { alterTableParts, partitionText, tableSplices, type AlterPart } from "./alter-table-parts.ts";

beforeAll(initializeParser);

function parts(sql: string, sharded = true) {
  const statement = parseStatements(sql)[0]!;
  return { statement, parts: alterTableParts(statement, sharded) };
}

/** What the table itself is told. */
function told(
  sql: string,
  replace: Readonly<Record<string, string>> = {},
  sharded = true,
): string | undefined {
  const { statement, parts: found } = parts(sql, sharded);
  const replacements = new Map<AlterPart, string>();
  for (const part of found.parts) {
    const written = statement.text.toString("utf8", part.start, part.end);
    if (replace[written] !== undefined) replacements.set(part, replace[written]);
  }
  const splices = tableSplices(found, replacements);
  return splices && applySplices(statement.text, splices).toString();
}

test("most is told as written, without ONLY and IF EXISTS", () => {
  expect(told("ALTER TABLE t ADD a int, DROP b")).toBe("ALTER TABLE t ADD a int, DROP b");
  expect(
    told('ALTER TABLE IF EXISTS ONLY "s"."T é" ADD CHECK (a IN (1, 2)), ALTER b TYPE numeric(10,2)'),
  ).toBe('ALTER TABLE "s"."T é" ADD CHECK (a IN (1, 2)), ALTER b TYPE numeric(10,2)');
  expect(told("alter /* only */ table t * add a text default 'x, y'")).toBe(
    "alter /* only */ table t add a text default 'x, y'",
  );
});

test("storage is told to the partitions", () => {
  const sql = "ALTER TABLE t SET (fillfactor = 70, autovacuum_enabled = off), ADD a int, SET UNLOGGED";
  expect(told(sql)).toBe("ALTER TABLE t ADD a int");
  const { statement, parts: found } = parts(sql);
  expect(partitionText(statement, found, '"s#1".t')).toBe(
    'ALTER TABLE "s#1".t SET (fillfactor = 70, autovacuum_enabled = off), SET UNLOGGED',
  );
  expect(told(sql, {}, false)).toBe(sql);
});

test("sequences are the catalog node's", () => {
  expect(told("ALTER TABLE t ALTER a SET DEFAULT nextval('s')")).toBeUndefined();
  expect(told("ALTER TABLE t ALTER a DROP IDENTITY, ALTER b SET DEFAULT 1")).toBe(
    "ALTER TABLE t ALTER b SET DEFAULT 1",
  );
  expect(told("ALTER TABLE t ALTER a RESTART WITH 5")).toBeUndefined();
});

test("a column that takes values from functions is written anew in its place", () => {
  const sql = "ALTER TABLE t ADD a int, ADD b serial, ADD c timestamptz DEFAULT now(), ADD d int DEFAULT 5";
  expect(parts(sql).parts.parts.map((part) => part.place)).toEqual([
    "table",
    "valued column",
    "valued column",
    "table",
  ]);
  expect(told(sql, { "ADD b serial": "ADD b int" })).toBe(
    "ALTER TABLE t ADD a int, ADD b int, ADD d int DEFAULT 5",
  );
  expect(told("ALTER TABLE t ADD b serial")).toBeUndefined();
  expect(told("ALTER TABLE t ADD a int GENERATED ALWAYS AS IDENTITY, ADD b int")).toBe(
    "ALTER TABLE t ADD b int",
  );
});

test("several that go, at the end, the beginning and between", () => {
  expect(told("ALTER TABLE t SET LOGGED, ADD a int, SET (fillfactor = 9), CLUSTER ON i")).toBe(
    "ALTER TABLE t ADD a int",
  );
  expect(told("ALTER TABLE t ADD a int, SET LOGGED, ADD b int")).toBe("ALTER TABLE t ADD a int, ADD b int");
});

test.each([
  ["ALTER TABLE t INHERIT u", "this form of ALTER TABLE is not supported"],
  ["ALTER TABLE t SET TABLESPACE x", "tablespaces are not supported"],
  [
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
    "ADD CONSTRAINT … USING INDEX is not supported on a sharded table",
  ],
])("refused: %s", (sql, message) => {
  expect(() => parts(sql)).toThrow(message);
  expect(() => parts(sql)).toThrow(PgError);
});
