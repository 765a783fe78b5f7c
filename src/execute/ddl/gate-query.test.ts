import { beforeAll, expect, test } from "vitest";
import { initializeParser } from "../../sql/parse.ts";
import { gateQuery, readComposite } from "./gate-query.ts";

beforeAll(initializeParser);

test.each([
  ["(a)", ["a"]],
  ["()", [null]],
  ["(,)", [null, null]],
  ['("",x)', ["", "x"]],
  ['("a ""b"" \\\\ c",")",",")', ['a "b" \\ c', ")", ","]],
  ["(1,t,{1})", ["1", "t", "{1}"]],
])("row %s", (text, values) => {
  expect(readComposite(text)).toEqual(values);
});

test("the secret is a bind parameter; values become literals", async () => {
  const asked: unknown[] = [];
  const query = gateQuery((sql, parameters) => {
    asked.push([sql, parameters]);
    return Promise.resolve([["(1,x)"]]);
  }, "secret");
  expect(await query("SELECT a FROM t WHERE b = $2 AND c = $1 AND d = '$1'", ["it's", null])).toEqual([
    ["1", "x"],
  ]);
  await query("CREATE TABLE x (n int); SELECT 1");
  await query("INSERT INTO t VALUES (1) RETURNING n");
  expect(asked).toEqual([
    [
      "SELECT pleiad.gate_rows($1, $2)",
      ["SELECT a FROM t WHERE b = NULL AND c = 'it''s' AND d = '$1'", "secret"],
    ],
    ["SELECT pleiad.gate_execute($1, $2)", ["CREATE TABLE x (n int); SELECT 1", "secret"]],
    ["SELECT pleiad.gate_rows($1, $2)", ["INSERT INTO t VALUES (1) RETURNING n", "secret"]],
  ]);
});
