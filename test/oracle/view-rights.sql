-- Views are read with their owners' rights (X1): a role that may read a view and none of its tables, on every way of reading.

-- @id view-rights.levels
CREATE ROLE t_viewer;
CREATE VIEW v_members AS SELECT member_id, name FROM members WHERE member_id < 40;
GRANT SELECT ON v_members, open_loans, language_totals TO t_viewer;
SET ROLE t_viewer;
SELECT name FROM v_members WHERE member_id = 7;
SELECT member_id, name FROM v_members;
SELECT count(*), sum(member_id) FROM v_members;
SELECT v.name, count(l.loan_id) FROM v_members v LEFT JOIN open_loans l USING (member_id) GROUP BY v.name;
SELECT * FROM language_totals WHERE lang = 'de';
SELECT (SELECT max(name) FROM v_members m WHERE m.member_id = l.member_id) FROM open_loans l WHERE l.loan_id < 200;
TABLE v_members;
COPY (SELECT member_id FROM v_members) TO STDOUT;
RESET ROLE;
DROP VIEW v_members;
REVOKE ALL ON open_loans, language_totals FROM t_viewer;
DROP ROLE t_viewer;

-- @id view-rights.transaction | own uncommitted changes are seen | expect 42501
CREATE ROLE t_viewer;
CREATE TABLE t_hash (k int PRIMARY KEY, v text, b bigint);
CREATE TABLE t_replicated (k int PRIMARY KEY, w numeric(10,2), moment timestamptz);
INSERT INTO t_hash SELECT g, 'v' || g, g FROM generate_series(1, 30) g;
INSERT INTO t_replicated SELECT g, g / 3.0, '2024-01-01Z'::timestamptz + g * interval '1 day' FROM generate_series(1, 10) g;
CREATE VIEW v_both AS SELECT h.k, h.v, r.w, r.moment FROM t_hash h LEFT JOIN t_replicated r ON r.k = h.k;
CREATE VIEW v_hash AS SELECT k, v FROM t_hash WHERE k > 5;
GRANT SELECT ON v_both, v_hash TO t_viewer;
GRANT INSERT, UPDATE, DELETE ON t_hash TO t_viewer;
GRANT SELECT (k) ON t_hash TO t_viewer;
SET ROLE t_viewer;
BEGIN;
INSERT INTO t_hash VALUES (100, 'mine', 1), (101, E'back\\slash''quote', 2);
UPDATE t_hash SET v = 'changed' WHERE k = 8;
DELETE FROM t_hash WHERE k > 12 AND k < 100;
SELECT v FROM v_hash WHERE k = 8;
SELECT k, v FROM v_hash;
SELECT * FROM v_both;
SELECT count(*) FROM v_both b JOIN v_hash h USING (k) WHERE b.w IS NOT NULL OR h.v = E'back\\slash''quote';
SAVEPOINT s;
SELECT v FROM t_hash;
ROLLBACK TO SAVEPOINT s;
DECLARE c CURSOR FOR SELECT k FROM v_hash ORDER BY k;
FETCH 3 FROM c;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT count(*), max(v) FROM v_hash;
COMMIT;
RESET ROLE;
DROP VIEW v_both, v_hash;
DROP TABLE t_hash, t_replicated;
DROP ROLE t_viewer;

-- @id view-rights.nested | an inner view is read with the rights of the outer one's owner | expect 42501 42501
CREATE ROLE t_middle;
CREATE ROLE t_viewer;
CREATE SCHEMA t_views;
GRANT USAGE, CREATE ON SCHEMA t_views TO t_middle;
GRANT USAGE ON SCHEMA t_views TO t_viewer;
CREATE VIEW v_inner AS SELECT member_id, name FROM members;
SET ROLE t_middle;
CREATE VIEW t_views.outer_one AS SELECT member_id, name FROM v_inner WHERE member_id < 10;
CREATE VIEW t_views.over_table AS SELECT loan_id FROM loans;
GRANT SELECT ON t_views.outer_one, t_views.over_table TO t_viewer;
RESET ROLE;
GRANT SELECT ON v_inner TO t_middle;
SET ROLE t_viewer;
SELECT * FROM t_views.outer_one;
SELECT name FROM t_views.outer_one WHERE member_id = 3;
SELECT count(*) FROM t_views.over_table;
SELECT count(*) FROM v_inner;
RESET ROLE;
DROP SCHEMA t_views CASCADE;
DROP VIEW v_inner;
DROP ROLE t_viewer;
DROP ROLE t_middle;

-- @id view-rights.none | rights on the tables are none on the view | expect 42501 42501 42501 42501 42501 42501
CREATE ROLE t_viewer;
CREATE VIEW v_members AS SELECT member_id, name FROM members;
CREATE VIEW v_invoker WITH (security_invoker) AS SELECT member_id, name FROM members;
CREATE TABLE t_hash (k int, v text);
GRANT SELECT ON members TO t_viewer;
GRANT SELECT ON v_invoker TO t_viewer;
GRANT INSERT ON t_hash TO t_viewer;
SET ROLE t_viewer;
SELECT name FROM v_members WHERE member_id = 3;
SELECT name FROM v_members;
SELECT count(*) FROM v_members;
INSERT INTO t_hash SELECT member_id, name FROM v_members;
SELECT count(*) FROM v_invoker;
RESET ROLE;
REVOKE SELECT ON members FROM t_viewer;
SET ROLE t_viewer;
SELECT count(*) FROM v_invoker;
SELECT name FROM v_invoker WHERE member_id = 3;
RESET ROLE;
DROP VIEW v_members, v_invoker;
DROP TABLE t_hash;
DROP ROLE t_viewer;

-- @id view-rights.granted_later | a plan does not outlive what it was made for | expect 42501 42501
CREATE ROLE t_viewer;
CREATE VIEW v_members AS SELECT member_id, name FROM members WHERE member_id < 20;
SET ROLE t_viewer;
SELECT name FROM v_members WHERE member_id = 3;
RESET ROLE;
GRANT SELECT ON v_members TO t_viewer;
SET ROLE t_viewer;
SELECT name FROM v_members WHERE member_id = 3;
SELECT name FROM v_members WHERE member_id = 4;
SELECT name FROM v_members WHERE member_id = 5;
RESET ROLE;
REVOKE SELECT ON v_members FROM t_viewer;
SET ROLE t_viewer;
SELECT name FROM v_members WHERE member_id = 3;
RESET ROLE;
DROP VIEW v_members;
DROP ROLE t_viewer;

-- @id view-rights.prepared | prepared by one role, executed by another | expect 42501
CREATE ROLE t_viewer;
CREATE ROLE t_nobody;
CREATE VIEW v_members AS SELECT member_id, name FROM members;
GRANT SELECT ON v_members TO t_viewer;
PREPARE p (int) AS SELECT name FROM v_members WHERE member_id = $1;
EXECUTE p (3);
SET ROLE t_viewer;
EXECUTE p (3);
SET ROLE t_nobody;
EXECUTE p (3);
RESET ROLE;
DEALLOCATE p;
DROP VIEW v_members;
DROP ROLE t_viewer;
DROP ROLE t_nobody;

-- @id view-rights.writes | what is written comes from a view
CREATE ROLE t_viewer;
CREATE TABLE t_hash (k int, v text);
CREATE VIEW v_members AS SELECT member_id, name FROM members WHERE member_id < 30;
GRANT SELECT ON v_members TO t_viewer;
GRANT SELECT, INSERT, UPDATE, DELETE ON t_hash TO t_viewer;
SET ROLE t_viewer;
INSERT INTO t_hash SELECT member_id, name FROM v_members;
UPDATE t_hash SET v = upper(m.name) FROM v_members m WHERE m.member_id = k AND k < 10;
DELETE FROM t_hash WHERE k IN (SELECT member_id FROM v_members WHERE member_id > 20);
BEGIN;
INSERT INTO t_hash SELECT member_id + 100, name FROM v_members WHERE member_id = 7;
SELECT * FROM t_hash;
COMMIT;
RESET ROLE;
DROP VIEW v_members;
DROP TABLE t_hash;
DROP ROLE t_viewer;

-- @id view-rights.locks | FOR UPDATE asks for more than SELECT | expect 42501
CREATE ROLE t_viewer;
CREATE TABLE t_hash (k int, v text);
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b'), (3, 'c');
CREATE VIEW v_hash AS SELECT k, v FROM t_hash;
GRANT SELECT ON v_hash TO t_viewer;
SET ROLE t_viewer;
SELECT * FROM v_hash WHERE k = 2 FOR UPDATE;
RESET ROLE;
GRANT UPDATE ON v_hash TO t_viewer;
SET ROLE t_viewer;
SELECT * FROM v_hash WHERE k = 2 FOR UPDATE;
BEGIN;
SELECT * FROM v_hash FOR UPDATE;
COMMIT;
RESET ROLE;
DROP VIEW v_hash;
DROP TABLE t_hash;
DROP ROLE t_viewer;

-- @id view-rights.functions | functions run with the rights of whoever asks; SECURITY DEFINER with its owner's | may-refuse | expect 42501 42501
CREATE ROLE t_viewer;
CREATE FUNCTION f_count() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM members); END';
CREATE FUNCTION f_definer() RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM genres); END';
CREATE FUNCTION f_plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
CREATE VIEW v_members AS SELECT member_id, f_plain(name) AS name FROM members WHERE member_id < 10;
CREATE VIEW v_count AS SELECT member_id, f_count() AS n FROM members WHERE member_id < 10;
CREATE VIEW v_definer AS SELECT member_id, f_definer() AS n FROM members WHERE member_id < 10;
GRANT SELECT ON v_members, v_count, v_definer TO t_viewer;
SET ROLE t_viewer;
SELECT * FROM v_members;
SELECT * FROM v_count;
SELECT * FROM v_definer;
SELECT member_id, f_count() FROM v_members;
RESET ROLE;
DROP VIEW v_members, v_count, v_definer;
DROP FUNCTION f_plain(text), f_count(), f_definer();
DROP ROLE t_viewer;

-- @id view-rights.schema | nobody needs USAGE of a schema to read a view over it
CREATE ROLE t_viewer;
CREATE SCHEMA t_closed;
CREATE TABLE t_closed.t_hash (k int, v text);
INSERT INTO t_closed.t_hash VALUES (1, 'a'), (2, 'b'), (3, 'c');
CREATE VIEW v_hash AS SELECT k, v FROM t_closed.t_hash;
GRANT SELECT ON v_hash TO t_viewer;
GRANT SELECT ON t_closed.t_hash TO t_viewer;
SET ROLE t_viewer;
SELECT * FROM v_hash WHERE k = 2;
SELECT * FROM v_hash;
BEGIN;
SELECT * FROM v_hash;
SELECT k FROM v_hash WHERE k = 3;
COMMIT;
RESET ROLE;
DROP SCHEMA t_closed CASCADE;
DROP ROLE t_viewer;
