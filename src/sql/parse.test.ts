import { beforeAll, describe, expect, test } from "vitest";
import { PgError } from "../errors/pg-error.ts";
import { initializeParser, parseStatements } from "./parse.ts";
import { walk } from "./walk.ts";

beforeAll(initializeParser);

/** What stands at the locations of all constants of a statement. */
function constantsAt(queryString: string): string[] {
  return parseStatements(queryString).flatMap((statement) => {
    const found: string[] = [];
    walk(statement.tree, (type, fields) => {
      if (type === "A_Const")
        found.push(statement.text.toString("utf8", Number(fields["location"] ?? 0)).slice(0, 3));
    });
    return found;
  });
}

describe("parseStatements", () => {
  test("takes comments between the parts of a string, as PostgreSQL does", () => {
    expect(constantsAt("SELECT 1; SELECT N'a' \n -- x'\n 'b' || 'c'")).toEqual(["1", "'a'", "'c'"]);
  });

  test("splits a query string; texts and offsets are bytes of the client's string", () => {
    const queryString = " /* é */ SELECT 'é'; ;SELECT 2 -- x\n; ";
    const statements = parseStatements(queryString);
    expect(statements.map((s) => s.text.toString())).toEqual(["SELECT 'é'", "SELECT 2 -- x\n"]);
    const bytes = Buffer.from(queryString);
    for (const s of statements) {
      expect(bytes.subarray(s.offset, s.offset + s.text.length)).toEqual(s.text);
      expect(s.charactersBefore).toBe(bytes.toString("utf8", 0, s.offset).length);
    }
  });

  test("locations count from the statement's own first byte", () => {
    expect(constantsAt("SELECT 'é', 11; SELECT 'åå', 'ß', 22 WHERE 33 IN (44)")).toEqual([
      "'é'",
      "11",
      "'åå",
      "'ß'",
      "22 ",
      "33 ",
      "44)",
    ]);
  });

  test("nothing but white space or comments is no statement", () => {
    expect(parseStatements("")).toEqual([]);
    expect(parseStatements(" ; /* */ ; ")).toEqual([]);
  });

  test("a syntax error has SQLSTATE and position in characters", () => {
    try {
      parseStatements("SELECT 'ééé' ,, x");
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(PgError);
      expect((error as PgError).fields).toMatchObject({ code: "42601", position: 15 });
    }
  });

  test("S8: nesting too deep for the parser is an error, and the next statement is parsed", () => {
    const deep = `SELECT ${"1+(".repeat(100_000)}1${")".repeat(100_000)}`;
    expect(() => parseStatements(deep)).toThrow(PgError);
    expect(parseStatements("SELECT 1")).toHaveLength(1);
  });
});

describe("DISTRIBUTE BY", () => {
  const parse = (text: string) => parseStatements(text)[0]!;

  test("is taken out, wherever it stands behind the column list", () => {
    const distribution = {
      by: { kind: "hash", columns: ["tenant_id"] },
      shards: undefined,
      colocateWith: undefined,
    };
    for (const text of [
      "CREATE TABLE t (tenant_id int, x text) DISTRIBUTE BY HASH (tenant_id)",
      "create unlogged table if not exists a.t (tenant_id int) distribute by hash(Tenant_Id) partition by range (x)",
      "CREATE TABLE t (tenant_id int) DISTRIBUTE BY HASH (tenant_id) WITH (fillfactor = 70) TABLESPACE x",
      "CREATE TABLE t (tenant_id int) WITH (fillfactor = 70) DISTRIBUTE BY HASH (tenant_id)",
      "CREATE TABLE t DISTRIBUTE BY HASH (tenant_id) AS SELECT 1 AS tenant_id",
      "CREATE TABLE t AS SELECT 1 AS tenant_id DISTRIBUTE BY HASH (tenant_id)",
      "CREATE TABLE t (LIKE u INCLUDING ALL) DISTRIBUTE BY HASH (tenant_id)",
    ]) {
      const statement = parse(text);
      expect(statement.distribution, text).toEqual(distribution);
      expect(statement.text.toString()).not.toMatch(/distribute/i);
      expect(statement.text.length).toBe(Buffer.byteLength(text));
    }
  });

  test("offsets behind it are those of the original", () => {
    const text = "CREATE TABLE ü DISTRIBUTE BY HASH (a) AS SELECT 'é' AS a; SELECT 22";
    expect(constantsAt(text)).toEqual(["'é'", "22"]);
    expect(parseStatements(text).map((s) => s.distribution?.by.kind)).toEqual(["hash", undefined]);
  });

  test("all kinds and parts", () => {
    expect(
      parse(
        `CREATE TABLE t (d date, "N" int) DISTRIBUTE BY RANGE (d, "N") (SLICE a VALUES LESS THAN ('2024-04-01', -10), SLICE "Z" VALUES LESS THAN (maxvalue, MAXVALUE))`,
      ).distribution,
    ).toEqual({
      by: {
        kind: "range",
        columns: ["d", "N"],
        slices: [
          { name: "a", lessThan: ["'2024-04-01'", "-10"] },
          { name: "Z", lessThan: ["MAXVALUE", "MAXVALUE"] },
        ],
      },
      shards: undefined,
      colocateWith: undefined,
    });
    expect(
      parse(
        "CREATE TABLE t (r text) DISTRIBUTE BY LIST (r) (SLICE a VALUES ('x', 'it''s', NULL), SLICE b VALUES (DEFAULT))",
      ).distribution?.by,
    ).toEqual({
      kind: "list",
      columns: ["r"],
      slices: [
        { name: "a", values: ["'x'", "'it''s'", "NULL"] },
        { name: "b", values: "DEFAULT" },
      ],
    });
    expect(parse("CREATE TABLE t (a int) DISTRIBUTE BY REPLICATION").distribution?.by).toEqual({
      kind: "replicated",
    });
    expect(parse("CREATE TABLE t (a int) DISTRIBUTE BY RANDOM").distribution?.by).toEqual({ kind: "random" });
    expect(parse("CREATE TABLE t (a int) TO NODE (dn2)").distribution?.by).toEqual({
      kind: "single",
      node: "dn2",
    });
    expect(
      parse("CREATE TABLE t (a int) DISTRIBUTE BY HASH (a) SHARDS 12 COLOCATE WITH s.u").distribution,
    ).toMatchObject({ shards: 12, colocateWith: ["s", "u"] });
    expect(
      parse("CREATE TABLE t (a int) DISTRIBUTE BY HASH (a) COLOCATE WITH NONE").distribution,
    ).toMatchObject({ colocateWith: "none" });
  });

  test("other uses of the words are left alone", () => {
    expect(parse("CREATE TABLE t (shards int, colocate text)").distribution).toBeUndefined();
    expect(parse("CREATE TABLE t AS SELECT shards FROM x").distribution).toBeUndefined();
    expect(() => parse("SELECT 1 DISTRIBUTE BY HASH (a)")).toThrow(/syntax error/);
  });

  test("a malformed clause is a syntax error with its position", () => {
    const cases: [string, RegExp, string][] = [
      ["CREATE TABLE é (a int) DISTRIBUTE BY MAGIC (a)", /expected HASH/, "MAGIC"],
      ["CREATE TABLE t (a int) DISTRIBUTE BY HASH a", /expected "\("/, "a"],
      ["CREATE TABLE t (a int) DISTRIBUTE BY HASH (a) SHARDS 0", /whole number/, "0"],
      ["CREATE TABLE t (a int) DISTRIBUTE BY HASH (a) TO NODE (dn1)", /declared twice/, "TO NODE"],
      ["CREATE TABLE t (a int) DISTRIBUTE BY RANGE (a) (SLICE s VALUES (1))", /expected LESS/, "(1))"],
    ];
    for (const [text, message, at] of cases) {
      try {
        parse(text);
        expect.unreachable(text);
      } catch (error) {
        expect((error as PgError).code).toBe("42601");
        expect((error as PgError).message).toMatch(message);
        const position = (error as PgError).fields.position!;
        expect(
          [...text]
            .slice(position - 1)
            .join("")
            .startsWith(at),
          text,
        ).toBe(true);
      }
    }
  });
});
