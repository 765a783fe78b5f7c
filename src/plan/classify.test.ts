import { beforeAll, expect, test } from "vitest";
import { initializeParser, parseStatements } from "../sql/parse.ts";
import { classify } from "./classify.ts";

beforeAll(initializeParser);

test.each([
  ["SELECT 1", "read"],
  ["VALUES (1)", "read"],
  ["TABLE t", "read"],
  ["(SELECT 1) UNION SELECT 2", "read"],
  ["WITH a AS (SELECT 1) SELECT * FROM a", "read"],
  ["WITH a AS (DELETE FROM t RETURNING 1) SELECT * FROM a", "write"],
  ["WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "write"],
  ["MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", "write"],
  ["SELECT 1 INTO t", "create as"],
  ["SELECT 1 INTO t UNION SELECT 2", "create as"],
  ["CREATE TABLE t AS SELECT 1", "create as"],
  ["CREATE TABLE t (a int)", "ddl"],
  ["TRUNCATE t", "ddl"],
  ["GRANT SELECT ON t TO u", "ddl"],
  ["BEGIN", "transaction"],
  ["SAVEPOINT a", "transaction"],
  ["COPY t FROM STDIN", "copy"],
  ["EXPLAIN SELECT 1", "explain"],
  ["SET TimeZone = 'UTC'", "setting"],
  ["PREPARE a AS SELECT 1", "prepare"],
  ["DECLARE c CURSOR FOR SELECT 1", "cursor"],
  ["CALL p()", "call"],
  ["DO 'BEGIN END'", "do"],
  ["LISTEN a", "utility"],
] as const)("%s", (sql, expected) => expect(classify(parseStatements(sql)[0]!.tree)).toBe(expected));
