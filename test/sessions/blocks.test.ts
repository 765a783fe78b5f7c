/** DO blocks, procedures and set_config(), as on one PostgreSQL. */
import { expect, test } from "vitest";
import { converseWithBoth } from "../sides/conversation.ts";
import { bothSides } from "../sides/both-sides.ts";

const sides = bothSides([
  "CREATE TABLE keyed (k int PRIMARY KEY, v text) DISTRIBUTE BY HASH (k)",
  "INSERT INTO keyed SELECT i, 'v' || i FROM generate_series(1, 20) i",
  "CREATE PROCEDURE tally(INOUT n bigint) LANGUAGE plpgsql AS 'BEGIN SELECT count(*) + n INTO n FROM keyed; END'",
  "CREATE FUNCTION above(n int) RETURNS SETOF keyed LANGUAGE sql STABLE AS 'SELECT * FROM keyed WHERE k > n'",
  "CREATE FUNCTION peep() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM keyed); END'",
  "CREATE ROLE block_stranger",
]);
const { same } = sides;

test("a block without tables", () =>
  same(
    "DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two %', 1 + 1; END $$",
    "DO $$ BEGIN RAISE EXCEPTION 'no %', 7 USING ERRCODE = 'P0077', DETAIL = 'd', HINT = 'h'; END $$",
    "DO $$ BEGIN PERFORM 1 / 0; END $$",
  ));

test("a block that reads tables", () =>
  same(
    "DO $$ DECLARE n bigint; BEGIN SELECT count(*) INTO n FROM keyed; RAISE NOTICE '% rows', n; END $$",
    "DO $$ BEGIN ASSERT (SELECT count(*) FROM keyed) = 0, 'not empty'; END $$",
    "DO $$ DECLARE r keyed%ROWTYPE; BEGIN SELECT * INTO STRICT r FROM keyed WHERE k > 3; END $$",
    "BEGIN",
    "INSERT INTO keyed VALUES (21, 'new')",
    "DO $$ BEGIN RAISE NOTICE '%', (SELECT max(k) FROM keyed); END $$",
    "ROLLBACK",
  ));

test("procedures, and functions of a table's rows", () =>
  same(
    "CALL tally(5)",
    "CALL tally(1 + 1)",
    "CALL nobody(1)",
    "SELECT * FROM above(17) ORDER BY k",
    "SELECT a.k, (above(a.k)).v FROM keyed a WHERE a.k > 18 ORDER BY 1, 2",
  ));

test("a function's tables are read with the rights of who calls it", async () => {
  const steps = [
    "SET ROLE block_stranger",
    "SELECT peep()",
    "DO $$ BEGIN PERFORM count(*) FROM keyed; END $$",
  ];
  const [plain, pleiad] = await converseWithBoth(sides, [...steps, "RESET ROLE", "SELECT peep()"]);
  expect(JSON.stringify(plain).match(/permission denied for table keyed/g)).toHaveLength(2);
  expect(JSON.stringify(pleiad).match(/permission denied for table keyed/g)).toHaveLength(2);
});

test("set_config reaches all nodes and goes when it should", () =>
  same(
    "SELECT set_config('shop.who', 'ann', false)",
    "SELECT current_setting('shop.who'), count(*) FROM keyed",
    "BEGIN",
    "SELECT count(*) FROM keyed",
    "SELECT set_config('shop.who', 'bob', true), set_config('shop.other', 'x', true)",
    "SELECT current_setting('shop.who'), count(*) FROM keyed",
    "SAVEPOINT a",
    "SET shop.who = 'eve'",
    "SELECT current_setting('shop.who') FROM keyed WHERE k = 3",
    "ROLLBACK TO a",
    "SELECT current_setting('shop.who') FROM keyed WHERE k = 3",
    "COMMIT",
    "SELECT current_setting('shop.who'), current_setting('shop.other') = '' FROM keyed WHERE k = 3",
    "DO $$ BEGIN PERFORM set_config('shop.who', 'zoe', false); END $$",
    "SELECT current_setting('shop.who'), count(*) FROM keyed",
    "RESET shop.who",
    "SELECT current_setting('shop.who') = '' FROM keyed WHERE k = 4",
  ));

test("set_config of what may not exist, as pg_dump asks for it", () =>
  same(
    "SELECT set_config(name, '12', false) FROM pg_settings WHERE name = 'geqo_threshold'",
    "SELECT set_config(name, 'x', false) FROM pg_catalog.pg_settings WHERE name = 'no_such_setting'",
    "SELECT current_setting('geqo_threshold'), count(*) FROM keyed",
    "SELECT set_config(name, '14', true) FROM pg_settings WHERE name = 'geqo_threshold'",
    "SELECT current_setting('geqo_threshold'), count(*) FROM keyed",
    "RESET geqo_threshold",
    "SELECT current_setting('geqo_threshold'), count(*) FROM keyed",
  ));

test("in a failed transaction nothing is looked up", () =>
  same(
    "BEGIN",
    "SELECT 1 / 0 FROM keyed",
    "SELECT * FROM nowhere",
    "INSERT INTO nowhere VALUES (1)",
    "SELECT nothing FROM keyed",
    "SELECT no syntax at all from",
    "CREATE TABLE keyed (k int)",
    "SAVEPOINT s",
    "SELECT 1; ROLLBACK",
    "ROLLBACK; SELECT 'out of it'",
    "SELECT * FROM nowhere",
  ));
