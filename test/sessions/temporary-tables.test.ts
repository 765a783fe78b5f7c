/** Temporary tables as of one PostgreSQL: they are the session's own, hide users' tables of their name, and go with the session. */
import { beforeEach, expect, test } from "vitest";
import { converse, converseWithBoth } from "../sides/conversation.ts";
import { bothSides } from "../sides/both-sides.ts";

const sides = bothSides([
  "CREATE TABLE keyed (k int PRIMARY KEY, v text) DISTRIBUTE BY HASH (k)",
  "CREATE TABLE numbered (id serial, n int, v text DEFAULT 'none') DISTRIBUTE BY HASH (n)",
  "CREATE TABLE ref (r int PRIMARY KEY, name text) DISTRIBUTE BY REPLICATION",
  "INSERT INTO ref SELECT i, 'r' || i FROM generate_series(1, 5) i",
]);
const { same } = sides;

beforeEach(async () => {
  await converseWithBoth(sides, [
    "DELETE FROM keyed",
    "INSERT INTO keyed SELECT i, 'v' || i FROM generate_series(1, 20) i",
    "DELETE FROM numbered",
  ]);
});

const REAL = "SELECT count(*), min(v), max(v) FROM public.keyed";

test("made, filled, changed, read and dropped", () =>
  same(
    "CREATE TEMP TABLE t (id serial PRIMARY KEY, n int CHECK (n < 100), v text DEFAULT 'x')",
    "INSERT INTO t (n) VALUES (1), (2), (3) RETURNING id, v",
    "INSERT INTO t (n) VALUES (100)",
    "INSERT INTO t (id, n) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET n = excluded.n RETURNING *",
    "UPDATE t SET v = v || n WHERE id > 1",
    "CREATE INDEX t_n ON t (n)",
    "ALTER TABLE t ADD COLUMN w int DEFAULT 7",
    "SELECT * FROM t ORDER BY id",
    { copy: "COPY t (n, v) FROM STDIN", data: "10\tten\n11\televen\n" },
    "COPY t TO STDOUT",
    "DELETE FROM pg_temp.t WHERE n > 9",
    "ALTER TABLE t RENAME TO u",
    "SELECT count(*) FROM u",
    "SELECT count(*) FROM t",
    "DROP INDEX t_n",
    "TRUNCATE u",
    "SELECT count(*) FROM u",
    "DROP TABLE u",
    "SELECT count(*) FROM u",
  ));

test("together with users' tables", () =>
  same(
    "CREATE TEMP TABLE t AS SELECT k, v FROM keyed WHERE k <= 10",
    "CREATE TEMP TABLE o AS SELECT k + 1 AS k FROM t",
    "SELECT t.k, ref.name FROM t JOIN ref ON ref.r = t.k ORDER BY 1",
    "SELECT count(*) FROM keyed LEFT JOIN t USING (k) WHERE t.k IS NULL",
    "SELECT k, v FROM keyed WHERE k IN (SELECT k FROM o) AND k = 5",
    "SELECT count(*) FROM t, o, keyed WHERE t.k = o.k AND o.k = keyed.k",
    "INSERT INTO o SELECT k FROM keyed WHERE k > 15",
    "SELECT k FROM o ORDER BY k",
    "UPDATE t SET v = ref.name FROM ref WHERE ref.r = t.k RETURNING t.k",
    "DELETE FROM t USING keyed WHERE keyed.k = t.k AND keyed.k > 8",
    "SELECT * FROM t ORDER BY k",
    "MERGE INTO t USING keyed s ON s.k = t.k WHEN MATCHED THEN UPDATE SET v = 'm' WHEN NOT MATCHED AND s.k > 18 THEN INSERT VALUES (s.k, s.v)",
    "SELECT * FROM t ORDER BY k",
    "COPY (SELECT t.k FROM t JOIN keyed USING (k) ORDER BY 1) TO STDOUT",
    "SELECT k INTO TEMP p FROM keyed WHERE k < 3",
    "SELECT count(*) FROM p",
  ));

test("users' tables changed from them", () =>
  same(
    "CREATE TEMP TABLE t AS SELECT k, 'new' || k AS v FROM keyed WHERE k < 8",
    "UPDATE keyed SET v = t.v FROM t WHERE t.k = keyed.k",
    "DELETE FROM keyed WHERE k IN (SELECT k FROM t WHERE k < 4)",
    "INSERT INTO keyed SELECT k + 100, v FROM t RETURNING k IS NOT NULL",
    "INSERT INTO numbered (n) SELECT k FROM t ORDER BY k",
    "UPDATE ref SET name = t.v FROM t WHERE t.k = ref.r",
    "SELECT * FROM keyed ORDER BY k",
    "SELECT count(DISTINCT id), sum(n), min(v) FROM numbered",
    "SELECT * FROM ref ORDER BY r",
    "UPDATE ref SET name = 'r' || r",
  ));

test("they hide users' tables of their name, and only they are dropped", () =>
  same(
    "SELECT count(*) FROM keyed",
    "PREPARE q AS SELECT count(*) FROM keyed",
    "EXECUTE q",
    "CREATE TEMP TABLE keyed AS SELECT * FROM keyed WHERE k > 18",
    "SELECT * FROM keyed ORDER BY k",
    "SELECT * FROM keyed WHERE k = 19",
    "EXECUTE q",
    "INSERT INTO keyed VALUES (77, 'mine')",
    "UPDATE keyed SET v = 'mine'",
    "SELECT count(*) FROM keyed a JOIN public.keyed b USING (k)",
    "UPDATE public.keyed p SET v = 'w' FROM keyed t WHERE t.k = p.k",
    REAL,
    "DELETE FROM keyed",
    "TRUNCATE keyed",
    "ALTER TABLE keyed ADD COLUMN more int",
    { copy: "COPY keyed FROM STDIN", data: "1\ta\t2\n" },
    "SELECT * FROM keyed",
    "CREATE TEMP TABLE keyed (n int)",
    "CREATE TEMP TABLE IF NOT EXISTS keyed AS SELECT k FROM public.keyed",
    "SET search_path = public, pg_temp",
    "SELECT count(*) FROM keyed",
    "RESET search_path",
    "DROP TABLE keyed",
    REAL,
    "EXECUTE q",
    "SELECT v FROM keyed WHERE k = 19",
  ));

test("a WITH that writes sees one moment", () =>
  same(
    "CREATE TEMP TABLE t AS SELECT k FROM keyed",
    "WITH gone AS (DELETE FROM t WHERE k > 5 RETURNING k) SELECT (SELECT count(*) FROM t), count(*) FROM gone",
    "WITH n AS (INSERT INTO t VALUES (90) RETURNING k) UPDATE t SET k = t.k + n.k FROM n RETURNING t.k > 90",
    "SELECT * FROM t ORDER BY k",
  ));

test("transactions and savepoints", () =>
  same(
    "CREATE TEMP TABLE t (n int)",
    "BEGIN",
    "INSERT INTO t VALUES (1)",
    "UPDATE keyed SET v = 'tx'",
    "SAVEPOINT s",
    "CREATE TEMP TABLE keyed (z int)",
    "SELECT count(*) FROM keyed",
    "INSERT INTO t SELECT k FROM public.keyed",
    "ROLLBACK TO s",
    "SELECT count(*) FROM keyed",
    "SELECT count(*) FROM t JOIN keyed ON k = n",
    "COMMIT",
    "SELECT * FROM t",
    "SELECT DISTINCT v FROM keyed",
    "BEGIN",
    "INSERT INTO t SELECT k FROM keyed WHERE k < 4",
    "DELETE FROM keyed WHERE k IN (SELECT n FROM t)",
    "ROLLBACK",
    "SELECT count(*) FROM t",
    "SELECT count(*) FROM keyed",
    "BEGIN",
    "DROP TABLE t",
    "ROLLBACK",
    "SELECT count(*) FROM t",
    "BEGIN",
    "CREATE TEMP TABLE keyed (z int)",
    "ROLLBACK",
    "SELECT count(*) FROM keyed",
  ));

test("a deferred constraint of a temporary table is checked before anything is committed", () =>
  same(
    "CREATE TEMP TABLE d (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
    "BEGIN",
    "INSERT INTO d VALUES (1), (1)",
    "UPDATE keyed SET v = 'lost'",
    "COMMIT",
    "SELECT count(*) FROM keyed WHERE v = 'lost'",
    "SELECT count(*) FROM d",
  ));

test("ON COMMIT", () =>
  same(
    "BEGIN",
    "CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT v, count(*) AS n FROM keyed GROUP BY v",
    "CREATE TEMP TABLE empty (n int) ON COMMIT DELETE ROWS",
    "INSERT INTO empty SELECT n FROM gone",
    "SELECT count(*) FROM empty",
    "COMMIT",
    "SELECT count(*) FROM empty",
    "INSERT INTO empty SELECT k FROM keyed",
    "SELECT count(*) FROM empty",
    "SELECT count(*) FROM gone",
  ));

test("views, sequences, cursors and EXECUTE", () =>
  same(
    "CREATE TEMP VIEW w AS SELECT v, count(*) AS n FROM keyed GROUP BY v",
    "SELECT * FROM w WHERE v = 'v3'",
    "CREATE TEMP TABLE t AS SELECT k FROM keyed WHERE k < 6",
    "CREATE VIEW tv AS SELECT t.k, v FROM t JOIN keyed USING (k)",
    "SELECT * FROM tv ORDER BY k",
    "CREATE TEMP SEQUENCE s START 5",
    "SELECT nextval('s'), nextval('s'), currval('s')",
    "PREPARE p (int) AS SELECT k FROM t WHERE k > $1 ORDER BY k",
    "EXECUTE p (3)",
    "EXECUTE p (1 / 0)",
    "EXECUTE p (4)",
    "BEGIN",
    "DECLARE c CURSOR FOR SELECT k FROM t ORDER BY k",
    "DECLARE d CURSOR FOR SELECT t.k, v FROM t JOIN keyed USING (k) ORDER BY k",
    "FETCH 2 FROM c",
    "FETCH 2 FROM d",
    "INSERT INTO t VALUES (50)",
    "FETCH ALL FROM d",
    "COMMIT",
    "DROP VIEW w, tv",
    "SELECT * FROM w",
  ));

test("DISCARD", () =>
  same(
    "CREATE TEMP TABLE keyed (n int)",
    "DISCARD TEMP",
    "SELECT count(*) FROM keyed",
    "CREATE TEMP TABLE keyed (n int)",
    "DISCARD ALL",
    "SELECT count(*) FROM keyed",
  ));

test("a session's tables are not another's, and go with it", async () => {
  const url = sides.pleiad.url;
  await converse(url, ["CREATE TEMP TABLE keyed (n int)", "INSERT INTO keyed VALUES (1)"]);
  await same("SELECT count(*) FROM keyed", "CREATE TEMP TABLE keyed (n int)", "SELECT count(*) FROM keyed");
});

test("a name that is not a temporary object's, though it should be, never means the real table", async () => {
  const answers = await converse(sides.pleiad.url, [
    "CREATE TEMP TABLE keyed (n int) DISTRIBUTE BY HASH (n)",
    "DROP TABLE keyed",
    "DELETE FROM keyed",
    "SELECT count(*) FROM public.keyed",
  ]);
  expect(answers.slice(0, 3).map(([error]) => error)).toEqual(
    Array(3).fill(expect.stringContaining("this use of temporary objects is not supported")),
  );
  expect(answers[3]!.join()).toContain("20");
});

test("when the connection that held them is lost, the session learns of it once", async () => {
  const answers = await converse(sides.pleiad.url, [
    "CREATE TEMP TABLE keyed (n int)",
    "SELECT pg_terminate_backend(pg_backend_pid()) FROM keyed RIGHT JOIN (SELECT 1) o ON true",
    "SELECT 1",
    "DROP TABLE keyed",
    "SELECT count(*) FROM public.keyed",
  ]);
  expect(answers[3]!.join()).toContain("this use of temporary objects is not supported");
  expect(answers[4]!.join()).toContain("20");
});
