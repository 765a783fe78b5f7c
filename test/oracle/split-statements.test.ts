import { expect, test } from "vitest";
import { splitStatements } from "./split-statements.ts";

const texts = (sql: string): string[] => splitStatements(sql).map((statement) => statement.sql);

test("semicolons in quotes, comments and bodies do not end a statement", () => {
  expect(texts(`SELECT ';', E'\\';', ";", $a$;$a$ /* ; /* ; */ ; */; SELECT 2`)).toEqual([
    `SELECT ';', E'\\';', ";", $a$;$a$ /* ; /* ; */ ; */`,
    "SELECT 2",
  ]);
  expect(
    texts(
      "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3;",
    ),
  ).toHaveLength(2);
  expect(texts("BEGIN; COMMIT;")).toEqual(["BEGIN", "COMMIT"]);
});

test("COPY data follow inline", () => {
  expect(splitStatements("COPY t FROM STDIN;\n1;\t2\n\\.\nSELECT 1;")).toEqual([
    { sql: "COPY t FROM STDIN", copyIn: "1;\t2\n" },
    { sql: "SELECT 1", copyIn: undefined },
  ]);
});
