import { beforeAll, expect, test } from "vitest";
import { initializeParser } from "../sql/parse.ts";
import { readScript } from "./do-script.ts";

beforeAll(initializeParser);

test("statements, IF and EXCEPTION", () => {
  const script = readScript(`BEGIN
    IF NOT EXISTS (SELECT 1 FROM t) THEN CREATE TABLE t (a int); ELSIF true THEN PERFORM 1; END IF;
  EXCEPTION WHEN duplicate_table OR SQLSTATE '42710' THEN NULL; WHEN others THEN DELETE FROM t;
  END`);
  expect(script).toEqual([
    {
      kind: "block",
      handlers: [],
      steps: [
        {
          kind: "block",
          steps: [
            {
              kind: "if",
              branches: [
                {
                  line: 2,
                  condition: "NOT EXISTS (SELECT 1 FROM t)",
                  steps: [{ kind: "sql", what: "SQL statement", line: 2, sql: "CREATE TABLE t (a int)" }],
                },
                {
                  line: 2,
                  condition: "true",
                  steps: [{ kind: "sql", what: "PERFORM", line: 2, sql: "SELECT 1" }],
                },
              ],
              otherwise: [],
            },
          ],
          handlers: [
            { codes: new Set(["42P07", "42710"]), steps: [] },
            {
              codes: new Set(["others"]),
              steps: [{ kind: "sql", what: "SQL statement", line: 3, sql: "DELETE FROM t" }],
            },
          ],
        },
      ],
    },
  ]);
});

test.each([
  "DECLARE n int; BEGIN DELETE FROM t; END",
  "BEGIN FOR i IN 1..3 LOOP DELETE FROM t; END LOOP; END",
  "BEGIN DELETE FROM t; IF FOUND THEN DELETE FROM u; END IF; END",
  "BEGIN DELETE FROM t RETURNING a; END",
  "BEGIN SELECT 1; END",
  "BEGIN EXECUTE 'DELETE FROM t'; END",
  "BEGIN DELETE FROM t; COMMIT; END",
  "BEGIN DELETE FROM t; RETURN; END",
  "BEGIN RAISE EXCEPTION 'no'; END",
  "BEGIN INSERT INTO t VALUES (SQLERRM); END",
  "BEGIN INSERT INTO t VALUES (statement_timestamp()); END",
  "BEGIN CREATE DATABASE d; END",
  "BEGIN CREATE INDEX CONCURRENTLY i ON t (a); END",
  "BEGIN DELETE FROM t; EXCEPTION WHEN no_such_condition THEN NULL; END",
  "no block at all",
])("more than a script: %s", (body) => expect(readScript(body)).toBeUndefined());
