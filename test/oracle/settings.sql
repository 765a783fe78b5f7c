-- Settings follow the session, take part in transactions, and reach every fragment (Q6, S1, S10).

-- @id settings.set_show
SET TimeZone = 'Asia/Tokyo';
SHOW TimeZone;
SET timezone TO DEFAULT;
SET application_name TO 'x y';
SHOW application_name;
RESET application_name;

-- @id settings.set_local
BEGIN;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT taken FROM loans WHERE loan_id = 5;
COMMIT;
SELECT current_setting('TimeZone') = 'Asia/Tokyo';

-- @id settings.rolled_back | S1
BEGIN;
SET IntervalStyle = 'iso_8601';
ROLLBACK;
SELECT extension FROM loans WHERE loan_id = 5;
SHOW IntervalStyle;

-- @id settings.rolled_back_to_savepoint | S1
BEGIN;
SET IntervalStyle = 'iso_8601';
SAVEPOINT s;
SET IntervalStyle = 'sql_standard';
ROLLBACK TO s;
COMMIT;
SHOW IntervalStyle;
SELECT sum(extension) FROM loans;

-- @id settings.two_sessions | S1
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German';
-- @session 2
SELECT at, day FROM visits WHERE visit_id = 5;
-- @session 1
SELECT at, day FROM visits WHERE visit_id = 5;
-- @session 2
SET search_path = pg_catalog;
-- @session 1
SELECT count(*) FROM members WHERE member_id = 5;
SHOW search_path;

-- @id settings.search_path | Q6 | expect 42P01
CREATE SCHEMA t_two;
CREATE TABLE t_two.genres (id int, name text);
INSERT INTO t_two.genres VALUES (1, 'mine');
SET search_path = t_two, public;
SELECT * FROM genres;
SELECT count(*) FROM genres g JOIN public.genres h USING (id);
SET search_path = t_two;
SELECT count(*) FROM members;
RESET search_path;
SELECT count(*) FROM genres;
DROP SCHEMA t_two CASCADE;

-- @id settings.conforming_strings | X4: backslashes in plain quotes
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT 'a\'b', 'x\\y', count(*) FROM members WHERE name = 'O\'Neil 1' OR login = 'user5.\141';
SET standard_conforming_strings = on;
SELECT 'a\', 'x\\y';

-- @id settings.backslash_quote_general | X4: the same on more than one node
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT l.loan_id, 'it\'s ' || b.name FROM loans l JOIN branches b ON b.id = l.branch WHERE l.loan_id < 9 AND l.lang <> '\'';

-- @id settings.array_nulls | Q6
SET array_nulls = off;
SELECT '{a,NULL}'::text[], count(*) FROM members WHERE phones = '{+44,NULL}';
SELECT '{a,NULL}'::text[], count(*) FROM titles t JOIN remarks r USING (lang, code);

-- @id settings.null_equals | Q6
SET transform_null_equals = on;
SELECT count(*) FROM donations WHERE donor = NULL;
SELECT count(*) FROM donations d JOIN remarks r ON r.member_id = d.donation_id WHERE d.donor = NULL;

-- @id settings.xml_and_text_search | Q6
SET default_text_search_config = 'pg_catalog.german';
SELECT to_tsvector('Bücher und Gärten'), count(*) FROM remarks WHERE to_tsvector(body) @@ to_tsquery('gut');

-- @id settings.statement_timeout | expect 57014
SET statement_timeout = '150ms';
SELECT count(*) FROM loans a, loans b, loans c WHERE a.charge + b.charge + c.charge < -1;

-- @id settings.statement_timeout_after | the session goes on | expect 57014
SET statement_timeout = '150ms';
SELECT pg_sleep(3);
RESET statement_timeout;
SELECT count(*) FROM loans;

-- @id settings.role | X1 | expect 42501
CREATE ROLE t_role;
GRANT SELECT ON languages TO t_role;
SET ROLE t_role;
SELECT current_user, count(*) FROM languages;
SELECT count(*) FROM loans;
RESET ROLE;
SELECT current_user = session_user;
REVOKE ALL ON languages FROM t_role;
DROP ROLE t_role;

-- @id settings.session_authorization | X1 | may-refuse | expect 42501
CREATE ROLE t_role;
SET SESSION AUTHORIZATION t_role;
SELECT session_user, current_user;
SELECT count(*) FROM loans WHERE member_id = 7;
RESET SESSION AUTHORIZATION;
DROP ROLE t_role;

-- @id settings.row_security | X1, Q1
CREATE ROLE t_role;
CREATE TABLE t_hash (k int, who text);
INSERT INTO t_hash SELECT g, CASE g % 3 WHEN 0 THEN 't_role' ELSE 'other' END FROM generate_series(1, 60) g;
ALTER TABLE t_hash ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON t_hash USING (who = current_user);
GRANT ALL ON t_hash TO t_role;
GRANT SELECT ON branches TO t_role;
SET ROLE t_role;
SELECT count(*) FROM t_hash;
SELECT count(*) FROM t_hash WHERE k = 2;
SELECT count(*) FROM t_hash t JOIN branches b ON b.id = t.k;
UPDATE t_hash SET k = k WHERE k < 10;
DELETE FROM t_hash WHERE k < 10;
RESET ROLE;
SELECT count(*) FROM t_hash;
REVOKE ALL ON branches FROM t_role;
DROP TABLE t_hash;
DROP ROLE t_role;

-- @id settings.row_security_many_nodes | X1: each role sees its own rows, in and outside of transactions | expect 42501 42501
CREATE ROLE t_role;
CREATE ROLE t_other;
CREATE TABLE t_hash (k int, who text);
INSERT INTO t_hash SELECT g, CASE g % 3 WHEN 0 THEN 't_role' WHEN 1 THEN 't_other' ELSE 'a' END FROM generate_series(1, 60) g;
ALTER TABLE t_hash ENABLE ROW LEVEL SECURITY;
GRANT ALL ON t_hash TO t_role, t_other;
SET ROLE t_role;
SELECT count(*) FROM t_hash;
RESET ROLE;
CREATE POLICY mine ON t_hash USING (who = current_user OR who = current_setting('t.who', true));
SET ROLE t_role;
SELECT who, count(*), sum(k) FROM t_hash GROUP BY who;
SET t.who = 'a';
SELECT who, count(*), sum(k) FROM t_hash GROUP BY who;
SELECT count(*) FROM t_hash x JOIN t_hash y ON y.k = x.k + 1;
SET ROLE t_other;
BEGIN;
SELECT who, count(*) FROM t_hash GROUP BY who;
SET LOCAL t.who = 't_role';
SELECT who, count(*) FROM t_hash GROUP BY who;
DELETE FROM t_hash WHERE k IN (3, 4, 5);
SELECT who, count(*) FROM t_hash GROUP BY who;
ROLLBACK;
SELECT count(*) FROM t_hash;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT k FROM t_hash ORDER BY k LIMIT 3 FOR UPDATE;
ROLLBACK;
INSERT INTO t_hash SELECT 100, who FROM t_hash ORDER BY k LIMIT 1;
INSERT INTO t_hash SELECT g, 'nobody' FROM generate_series(200, 220) g;
SET row_security = off;
SELECT count(*) FROM t_hash;
RESET row_security;
RESET ROLE;
SELECT who, count(*) FROM t_hash GROUP BY who;
DROP TABLE t_hash;
DROP ROLE t_role, t_other;

-- @id settings.row_security_of_view | X1: a view reads with its owner's rights | may-refuse
CREATE ROLE t_role;
CREATE TABLE t_hash (k int, who text);
INSERT INTO t_hash SELECT g, CASE g % 3 WHEN 0 THEN 't_role' ELSE 'other' END FROM generate_series(1, 60) g;
ALTER TABLE t_hash ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON t_hash USING (who = current_user);
CREATE VIEW t_owners AS SELECT k FROM t_hash;
CREATE VIEW t_mine WITH (security_invoker) AS SELECT k FROM t_hash;
GRANT SELECT ON t_hash, t_owners, t_mine TO t_role;
SET ROLE t_role;
SELECT count(*) FROM t_mine;
SELECT k FROM t_mine WHERE k = 3;
SELECT k FROM t_owners;
SELECT k FROM t_owners WHERE k = 2;
SELECT count(*) FROM t_owners;
RESET ROLE;
DROP VIEW t_owners, t_mine;
DROP TABLE t_hash;
DROP ROLE t_role;

-- @id settings.unknown | expect 42704 | messages
SET no_such_setting = 1;

-- @id settings.bad_value | expect 22023 | messages
SET TimeZone = 'Mars/Olympus';

-- @id settings.bad_enum | expect 22023 | messages
SET IntervalStyle = 'roman';

-- @id settings.not_now | expect 55P02
SET shared_buffers = '1GB';

-- @id settings.show_reported | S10
SHOW client_encoding;
SHOW server_encoding;
SHOW integer_datetimes;
SHOW standard_conforming_strings;

-- @id settings.client_encoding | S10
SET client_encoding = 'LATIN1';
SELECT name FROM languages WHERE lang = 'sv';
SET client_encoding = 'UTF8';
SELECT name FROM languages WHERE lang = 'ja';

-- @id settings.client_encoding_impossible | expect 22P05
SET client_encoding = 'LATIN1';
SELECT name FROM languages WHERE lang = 'ja';

-- @id settings.prepared_across_settings | S2, Q6
PREPARE p AS SELECT taken FROM loans WHERE loan_id = 5;
EXECUTE p;
SET TimeZone = 'Asia/Tokyo';
EXECUTE p;
DEALLOCATE ALL;

-- @id settings.prepared_two_sessions | S2: equal names never meet
PREPARE p AS SELECT 'one';
-- @session 2
PREPARE p AS SELECT 'two';
-- @session 1
EXECUTE p;
-- @session 2
EXECUTE p;
DEALLOCATE p;
-- @session 1
EXECUTE p;

-- @id settings.prepared_unknown | expect 26000 | messages
EXECUTE nothing;

-- @id settings.prepared_twice | expect 42P05 | messages
PREPARE p AS SELECT 1;
PREPARE p AS SELECT 2;

-- @id settings.prepared_wrong_parameters | expect 42601
PREPARE p (int, text) AS SELECT $1, $2;
EXECUTE p (1);

-- @id settings.prepared_ddl_between | N8: the plan is made again
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b');
PREPARE p (int) AS SELECT v FROM t_hash WHERE k = $1;
EXECUTE p (1);
ALTER TABLE t_hash ADD COLUMN w int;
EXECUTE p (2);
DROP TABLE t_hash;
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (1, 'anew');
EXECUTE p (1);
DROP TABLE t_hash;

-- @id settings.prepared_result_changes | expect 0A000
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
PREPARE p AS SELECT * FROM t_hash;
EXECUTE p;
ALTER TABLE t_hash ADD COLUMN w int;
EXECUTE p;
DROP TABLE t_hash;

-- @id settings.hostile_names | X4: names with quotes, comments, semicolons, unicode escapes
CREATE TABLE "t ""x""; --" ("k /* */ ""y""" int PRIMARY KEY, "$1" text, "it's" int, U&"\00e6" int);
INSERT INTO "t ""x""; --" VALUES (1, 'a', 2, 3), (2, 'b', 4, 5);
SELECT "k /* */ ""y""", "$1", "it's", "æ" FROM "t ""x""; --" WHERE "k /* */ ""y""" = 2;
SELECT count(*), sum("it's") FROM "t ""x""; --" t JOIN branches b ON b.id = t."it's";
SELECT t FROM "t ""x""; --" t;
DROP TABLE "t ""x""; --";

-- @id settings.hostile_literals | X4
SELECT loan_id, $tag$'; DROP TABLE loans; --$tag$, E'\\\'', U&'\0027', '/*', '--' FROM loans WHERE loan_id < 4;
SELECT l.loan_id, $tag$'; DROP TABLE loans; --$tag$, E'\\\'', '/*' || b.name FROM loans l JOIN branches b ON b.id = l.branch WHERE l.loan_id < 20 AND b.name <> $$'$$;

-- @id settings.long_in_list | S8
SELECT count(*) FROM members WHERE member_id IN (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70);
