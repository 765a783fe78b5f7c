-- Functions whose place and time of evaluation matter, and what hides in functions, views and policies (Q1, Q2, Q3).

-- @id functions.random_filter | Q2: a volatile filter is evaluated per row, not pushed to where it means something else
SELECT count(*) BETWEEN 1 AND 1599 FROM loans WHERE random() < 0.5;

-- @id functions.random_distinct | Q2
SELECT count(DISTINCT r) > 1 FROM (SELECT random() AS r FROM languages) q;

-- @id functions.random_subquery | Q2: an uncorrelated volatile subquery has one value
SELECT count(DISTINCT r) FROM (SELECT (SELECT random()) AS r FROM members) q;

-- @id functions.random_uuid | Q2
SELECT count(DISTINCT u) FROM (SELECT gen_random_uuid() AS u FROM members) q;

-- @id functions.setseed | Q2: one stream of random numbers
SELECT setseed(0.25) IS NULL;
SELECT random() < 2;

-- @id functions.clock | Q2
SELECT count(*) FROM loans WHERE clock_timestamp() < '2000-01-01';

-- @id functions.nextval_rows | Q2: one number per row
CREATE SEQUENCE t_seq;
SELECT count(DISTINCT n), max(n) FROM (SELECT nextval('t_seq') AS n FROM genres) q;
SELECT nextval('t_seq'), currval('t_seq'), lastval();
SELECT setval('t_seq', 100), nextval('t_seq');
DROP SEQUENCE t_seq;

-- @id functions.now_one_value | Q3
SELECT count(DISTINCT now()), count(DISTINCT current_timestamp), count(DISTINCT localtimestamp), count(DISTINCT current_date), count(DISTINCT statement_timestamp()) FROM loans;

-- @id functions.now_in_transaction | Q3: the same now() in every statement | may-refuse
BEGIN;
CREATE TEMP TABLE t_times AS SELECT now() AS at;
SELECT count(*) FROM t_times WHERE at = now();
SELECT count(*) FROM loans, t_times t WHERE t.at <> now();
ROLLBACK;

-- @id functions.now_compare | Q3
SELECT count(*) FROM loans WHERE taken < now() AND due < current_date AND localtimestamp > taken;

-- @id functions.current_user | Q3
SELECT DISTINCT current_user = session_user, current_database() = current_catalog, current_schema FROM loans;

-- @id functions.current_setting | Q3
SET application_name = 'oracle test';
SELECT DISTINCT current_setting('application_name'), current_setting('TimeZone') = current_setting('timezone') FROM loans;

-- @id functions.current_setting_custom | Q3
SET app.tenant = 'tenant ''7''';
SELECT DISTINCT current_setting('app.tenant') FROM loans;
SELECT current_setting('app.tenant');
SELECT current_setting('app.nothing', true) IS NULL;

-- @id functions.set_config | Q3
SELECT set_config('app.x', 'one', false);
SELECT count(*) FROM members WHERE current_setting('app.x') = 'one';

-- @id functions.backend_pid | Q3 | may-refuse
SELECT count(DISTINCT pg_backend_pid()) FROM loans;

-- @id functions.backend_pid_session | Q3 | may-refuse
CREATE TEMP TABLE t_pid AS SELECT pg_backend_pid() AS pid;
SELECT count(*) FROM t_pid WHERE pid = pg_backend_pid();

-- @id functions.version | Q3
SELECT count(DISTINCT version()), min(substring(version() FROM 'PostgreSQL [0-9]+')) FROM loans;

-- @id functions.search_path | Q6: unqualified names follow the client's search_path
CREATE SCHEMA t_path;
CREATE FUNCTION t_path.charge_band(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'mine' $$;
SET search_path = t_path, public;
SELECT charge_band(charge), count(*) FROM loans GROUP BY 1;
SELECT charge_band(charge), count(*) FROM loans WHERE member_id = 7 GROUP BY 1;
RESET search_path;
SELECT charge_band(charge), count(*) FROM loans WHERE member_id = 8 GROUP BY 1;
DROP SCHEMA t_path CASCADE;

-- @id functions.sql_reads | Q1: sees all rows of all nodes
SELECT loans_of(7), loans_of(8), loans_of(NULL);

-- @id functions.sql_reads_in_from | Q1
SELECT count(*) FROM titles_by('zoe') t JOIN copies USING (lang, code);

-- @id functions.sql_nested | Q1
CREATE FUNCTION t_total() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT loans_of(7) + (SELECT count(*) FROM visits) $$;
SELECT t_total();
SELECT count(*) FROM members WHERE member_id < t_total();
DROP FUNCTION t_total();

-- @id functions.plpgsql_reads | Q1
SELECT dearest('da'), dearest('nothing');

-- @id functions.plpgsql_loop | Q1 | may-refuse
CREATE FUNCTION t_loop() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE r record; n int := 0; BEGIN FOR r IN SELECT member_id FROM members WHERE active LOOP n := n + r.member_id; END LOOP; RETURN n; END $$;
SELECT t_loop();
SELECT t_loop(), count(*) FROM languages;
DROP FUNCTION t_loop();

-- @id functions.plpgsql_dynamic | Q1: dynamic SQL cannot be opened | may-refuse
CREATE FUNCTION t_dynamic(t text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM ' || quote_ident(t) INTO n; RETURN n; END $$;
SELECT t_dynamic('loans');
DROP FUNCTION t_dynamic(text);

-- @id functions.default_reads | Q1: a default that reads a table | may-refuse
CREATE FUNCTION t_next() RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT count(*)::int FROM loans $$;
CREATE TABLE t_hash (k int DEFAULT t_next(), v text);
INSERT INTO t_hash (v) VALUES ('a');
SELECT * FROM t_hash;
DROP TABLE t_hash;
DROP FUNCTION t_next();

-- @id functions.check_reads | Q1: a check that calls a function that reads a table | may-refuse
CREATE FUNCTION t_known(int) RETURNS bool LANGUAGE sql STABLE AS $$ SELECT EXISTS (SELECT FROM members WHERE member_id = $1) $$;
CREATE TABLE t_hash (k int CHECK (t_known(k)), v text);
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b'), (3, 'c');
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;
DROP FUNCTION t_known(int);

-- @id functions.trigger_reads | Q1: a trigger that reads a distributed table | may-refuse
CREATE TABLE t_hash (k int, v bigint);
CREATE FUNCTION t_count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SELECT count(*) INTO NEW.v FROM loans; RETURN NEW; END $$;
CREATE TRIGGER c BEFORE INSERT ON t_hash FOR EACH ROW EXECUTE FUNCTION t_count();
INSERT INTO t_hash (k) VALUES (1), (2), (3);
SELECT * FROM t_hash;
DROP TABLE t_hash;
DROP FUNCTION t_count();

-- @id functions.policy_reads | Q1, X1: a policy that reads a distributed table | may-refuse
CREATE ROLE t_reader;
CREATE TABLE t_hash (k int, v text);
INSERT INTO t_hash SELECT g, 'v' || g FROM generate_series(1, 40) g;
ALTER TABLE t_hash ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t_hash USING (k IN (SELECT donor FROM donations));
GRANT SELECT ON t_hash, donations TO t_reader;
SET ROLE t_reader;
SELECT count(*) FROM t_hash;
SELECT k FROM t_hash WHERE k < 20;
RESET ROLE;
DROP TABLE t_hash;
REVOKE ALL ON donations FROM t_reader;
DROP ROLE t_reader;

-- @id functions.last_values | S11: what was drawn for this session, wherever it was drawn | expect 55000 55000
CREATE TABLE t_hash (k serial PRIMARY KEY, v text);
CREATE TABLE t_hash2 (k int, p int, n serial);
SELECT lastval();
INSERT INTO t_hash (v) VALUES ('a'), ('b');
SELECT currval('t_hash_k_seq'), lastval();
INSERT INTO t_hash2 (k, p) VALUES (currval('t_hash_k_seq'), 1) RETURNING k, p, n;
SELECT currval(pg_get_serial_sequence('t_hash', 'k')) AS k, currval('t_hash2_n_seq'), lastval();
INSERT INTO t_hash (v) SELECT 'x' FROM generate_series(1, 20);
SELECT currval('t_hash_k_seq'), lastval();
SELECT count(*), currval('t_hash_k_seq') FROM t_hash;
SELECT k FROM t_hash WHERE k = currval('t_hash_k_seq');
BEGIN;
INSERT INTO t_hash (v) VALUES ('c');
INSERT INTO t_hash2 (k, p) SELECT k, currval('t_hash_k_seq') FROM t_hash WHERE k > 20;
UPDATE t_hash2 SET p = lastval() WHERE p = currval('t_hash_k_seq') RETURNING k, p;
SELECT currval('t_hash_k_seq'), lastval();
ROLLBACK;
SELECT currval('t_hash_k_seq'), lastval();
SELECT nextval('t_hash_k_seq');
INSERT INTO t_hash (v) VALUES ('d');
DELETE FROM t_hash WHERE k = lastval() RETURNING k;
SELECT currval('t_hash_k_seq'), lastval(), setval('t_hash_k_seq', 100);
SELECT currval('t_hash_k_seq');
-- @session 2
SELECT currval('t_hash_k_seq');
INSERT INTO t_hash (v) VALUES ('e');
SELECT currval('t_hash_k_seq'), lastval();
-- @session 1
SELECT currval('t_hash_k_seq'), lastval();
INSERT INTO t_hash2 (k, p) VALUES (1, currval('t_hash_k_seq')) RETURNING p;
DROP TABLE t_hash, t_hash2;

-- @id functions.last_values_lost | S11: numbers drawn beside tables are known again once more were drawn | may-refuse
CREATE TABLE t_hash (k serial PRIMARY KEY, v text);
INSERT INTO t_hash (k, v) SELECT nextval('t_hash_k_seq'), name FROM languages;
SELECT currval('t_hash_k_seq') = (SELECT max(k) FROM t_hash);
INSERT INTO t_hash (v) VALUES ('a');
SELECT currval('t_hash_k_seq') = (SELECT max(k) FROM t_hash), lastval() = currval('t_hash_k_seq');
DROP TABLE t_hash;

-- @id functions.row_estimates | rows as of the last ANALYZE, over all shards
SELECT relname, reltuples, relpages > 0 FROM pg_class WHERE relname IN ('languages', 'loans', 'branches', 'rates', 'remarks') ORDER BY 1;
CREATE TABLE t_hash (k int, v text);
INSERT INTO t_hash SELECT g, 'v' FROM generate_series(1, 500) g;
SELECT reltuples FROM pg_class WHERE oid = 't_hash'::regclass;
ANALYZE t_hash;
SELECT reltuples::bigint AS rows FROM pg_class WHERE oid = 't_hash'::regclass;
DELETE FROM t_hash WHERE k <= 100;
BEGIN;
ANALYZE t_hash;
COMMIT;
SELECT reltuples::bigint AS rows FROM pg_class WHERE oid = 't_hash'::regclass;
DROP TABLE t_hash;

-- @id functions.view_nested | Q1
CREATE VIEW t_outer AS SELECT lang, count(*) AS n FROM open_loans GROUP BY lang;
SELECT * FROM t_outer;
SELECT g.name, o.n FROM languages g LEFT JOIN t_outer o USING (lang);
DROP VIEW t_outer;

-- @id functions.view_of_function | Q1
CREATE VIEW t_fn AS SELECT lang, dearest(lang) AS price FROM languages;
SELECT * FROM t_fn WHERE price > 80;
DROP VIEW t_fn;

-- @id functions.view_security | X1: a view reads with its owner's rights | expect 42501
CREATE ROLE t_reader;
CREATE VIEW t_secure AS SELECT state, count(*) AS n FROM loans GROUP BY state;
GRANT SELECT ON t_secure TO t_reader;
SET ROLE t_reader;
SELECT * FROM t_secure;
SELECT count(*) FROM loans;
RESET ROLE;
DROP VIEW t_secure;
DROP ROLE t_reader;

-- @id functions.materialized_view | may-refuse
CREATE MATERIALIZED VIEW t_mat AS SELECT lang, count(*) AS n FROM titles GROUP BY lang;
SELECT * FROM t_mat;
REFRESH MATERIALIZED VIEW t_mat;
SELECT sum(n) FROM t_mat;
DROP MATERIALIZED VIEW t_mat;

-- @id functions.no_rights | X1 | expect 42501 | messages
CREATE ROLE t_nobody;
SET ROLE t_nobody;
SELECT count(*) FROM loans WHERE member_id = 7;
RESET ROLE;
DROP ROLE t_nobody;

-- @id functions.no_rights_join | X1: one table of a join | expect 42501 42501
CREATE ROLE t_half;
GRANT SELECT ON languages TO t_half;
GRANT SELECT (lang, code) ON titles TO t_half;
SET ROLE t_half;
SELECT count(*) FROM languages JOIN titles USING (lang);
SELECT g.lang, count(t.code) FROM languages g LEFT JOIN titles t ON t.lang = g.lang GROUP BY g.lang;
SELECT max(price) FROM titles;
SELECT * FROM languages JOIN titles USING (lang);
RESET ROLE;
REVOKE ALL ON languages, titles FROM t_half;
DROP ROLE t_half;

-- @id functions.set_returning | Q13
SELECT generate_series(1, 3), lang FROM languages;

-- @id functions.set_returning_two | Q13: in lockstep
SELECT generate_series(1, 3), unnest(ARRAY['a', 'b']) FROM languages WHERE lang < 'e';

-- @id functions.set_returning_limit | Q13
SELECT member_id, generate_series(1, 3) FROM members ORDER BY 1, 2 LIMIT 7;

-- @id functions.set_returning_distinct | Q13
SELECT DISTINCT generate_series(1, 3) FROM loans;

-- @id functions.set_returning_order | Q13
SELECT id, unnest(path) AS p FROM genres ORDER BY p, id LIMIT 12;

-- @id functions.regexp_split
SELECT m.member_id, w FROM members m, regexp_split_to_table(m.name, '\s+') w WHERE m.member_id < 12;

-- @id functions.generate_subscripts
SELECT id, s, path[s] FROM genres, generate_subscripts(path, 1) s;

-- @id functions.variadic
SELECT concat_ws('-', lang, NULL, code), format('%s/%I/%L', lang, 'a b', label), greatest(code, pages, 3), least(price, 50) FROM titles WHERE code < 3;

-- @id functions.named_arguments
CREATE FUNCTION t_named(a int, b int DEFAULT 10) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT a - b $$;
SELECT t_named(b => 1, a => code), t_named(code), t_named(code, 2) FROM titles WHERE lang = 'da' AND code < 4;
DROP FUNCTION t_named;

-- @id functions.polymorphic
CREATE FUNCTION t_pick(a anyelement, b anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(a, b) $$;
SELECT t_pick(charge, 1::fee), t_pick(state, 'lost') FROM loans WHERE loan_id < 6;
DROP FUNCTION t_pick;

-- @id functions.table_function
CREATE FUNCTION t_rows(n int) RETURNS TABLE (a int, b text) LANGUAGE sql STABLE AS $$ SELECT id, name FROM genres WHERE id <= n $$;
SELECT * FROM t_rows(3);
SELECT r.b, count(t.code) FROM t_rows(5) r LEFT JOIN titles t ON t.genre = r.a GROUP BY r.b;
DROP FUNCTION t_rows;

-- @id functions.out_parameters
CREATE FUNCTION t_out(IN x int, OUT lo int, OUT hi int) LANGUAGE sql IMMUTABLE AS $$ SELECT x - 1, x + 1 $$;
SELECT (t_out(code)).hi, t_out(code) FROM titles WHERE lang = 'da' AND code < 4;
SELECT t.code, o.* FROM titles t, t_out(t.code) o WHERE t.lang = 'da' AND t.code < 4;
DROP FUNCTION t_out;

-- @id functions.strings
SELECT code, lpad(label, 12, '*'), split_part(label, ' ', 2), translate(label, 'aL', '4l'), regexp_replace(label, '[aeiou]', '#', 'gi'), strpos(label COLLATE "C", 'a'), substr(label, 2, 3), md5(label) FROM (SELECT code, label COLLATE "C" AS label FROM titles WHERE lang = 'de' AND code < 9) q;

-- @id functions.dates
SELECT day, to_char(day, 'Day DD Mon YYYY IW'), age(day, '2024-01-31'), date_part('dow', day), day + 30, make_date(2024, 2, 29) - day, date_bin('6 hours', at, '2024-01-01Z') AT TIME ZONE 'UTC' FROM visits WHERE visit_id < 12;

-- @id functions.explain_shape | shape | simple
EXPLAIN (COSTS OFF) SELECT 1;

-- @id functions.unknown_function | expect 42883 | messages
SELECT no_such_function(member_id) FROM members;

-- @id functions.unknown_column | expect 42703 | messages
SELECT member_id, nme FROM members;

-- @id functions.unknown_table | expect 42P01 | messages
SELECT * FROM memberz;

-- @id functions.syntax_error | expect 42601 | messages
SELECT member_id FROM members WHERE ORDER BY 1;

-- @id functions.bad_cast | expect 22P02 | messages
SELECT name::int FROM members WHERE name IS NOT NULL AND member_id = 1;
