-- Transaction blocks, savepoints, several statements in one string (S5), cursors (S11).

-- @id transactions.commit
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
BEGIN;
INSERT INTO t_hash VALUES (1, 'a');
INSERT INTO t_hash VALUES (2, 'b'), (3, 'c');
COMMIT;
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id transactions.rollback
BEGIN;
UPDATE members SET active = NULL;
DELETE FROM copies;
ROLLBACK;
SELECT (SELECT count(*) FROM members WHERE active IS NULL), (SELECT count(*) FROM copies);

-- @id transactions.failed_block | T11 | expect 22012 25P02 25P02
BEGIN;
UPDATE members SET active = NULL WHERE member_id < 5;
SELECT 1 / 0;
SELECT count(*) FROM members;
UPDATE members SET active = NULL;
COMMIT;
SELECT count(*) FROM members WHERE active IS NULL AND member_id < 5;

-- @id transactions.failed_on_one_node | T11: one bad row among many nodes | expect 22P02 25P02
BEGIN;
INSERT INTO donations VALUES (1, 9001, 1, '2024-01-01', 'a');
INSERT INTO donations SELECT member_id, 9000, login::numeric, '2024-01-01', 'b' FROM members;
SELECT count(*) FROM donations;
ROLLBACK;
SELECT count(*) FROM donations;

-- @id transactions.statement_undone | T11: outside of a block the whole statement is undone | expect 23505
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash SELECT g, 'v' FROM generate_series(1, 100) g;
INSERT INTO t_hash SELECT g, 'w' FROM generate_series(80, 180) g;
SELECT v, count(*) FROM t_hash GROUP BY v;
DROP TABLE t_hash;

-- @id transactions.savepoint | expect 23505
BEGIN;
INSERT INTO donations VALUES (1, 9001, 1, '2024-01-01', 'a');
SAVEPOINT s;
INSERT INTO members (member_id, login, joined) VALUES (1, 'dup', '2024-01-01Z');
ROLLBACK TO SAVEPOINT s;
INSERT INTO donations VALUES (2, 9002, 1, '2024-01-01', 'a'), (3, 9003, 1, '2024-01-01', 'b');
RELEASE SAVEPOINT s;
SELECT count(*) FROM donations WHERE donation_id > 9000;
ROLLBACK;

-- @id transactions.savepoint_nested
BEGIN;
DELETE FROM copies WHERE lang = 'da';
SAVEPOINT a;
DELETE FROM copies WHERE lang = 'de';
SAVEPOINT b;
DELETE FROM copies;
ROLLBACK TO b;
SELECT count(*) FROM copies;
ROLLBACK TO a;
SELECT count(*) FROM copies;
ROLLBACK;
SELECT count(*) FROM copies;

-- @id transactions.savepoint_node_joins_later | a node that takes part only after the savepoint
BEGIN;
UPDATE rates SET value = 1 WHERE key = 'rate-1';
SAVEPOINT s;
UPDATE members SET active = true;
UPDATE branches SET staff = 1;
ROLLBACK TO s;
SELECT (SELECT value FROM rates WHERE key = 'rate-1'), (SELECT count(*) FROM branches WHERE staff = 1), (SELECT count(*) FROM members WHERE active);
ROLLBACK;

-- @id transactions.savepoint_unknown | expect 3B001 25P02
BEGIN;
ROLLBACK TO SAVEPOINT nothing;
SELECT 1;
ROLLBACK;

-- @id transactions.savepoint_outside | expect 25P01
SAVEPOINT s;

-- @id transactions.commit_chain
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM languages;
COMMIT AND CHAIN;
SHOW transaction_isolation;
ROLLBACK AND NO CHAIN;
SHOW transaction_isolation;

-- @id transactions.warnings
BEGIN;
BEGIN;
COMMIT;
COMMIT;
ROLLBACK;

-- @id transactions.read_only | expect 25006
BEGIN READ ONLY;
SELECT count(*) FROM loans;
INSERT INTO donations VALUES (1, 9001, 1, '2024-01-01', 'a');
ROLLBACK;

-- @id transactions.default_read_only | expect 25006
SET default_transaction_read_only = on;
DELETE FROM donations;

-- @id transactions.repeatable_read
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM donations;
-- @session 2
CREATE TABLE t_hash (k int);
INSERT INTO t_hash VALUES (1), (2), (3);
-- @session 1
SELECT count(*) FROM donations;
COMMIT;
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id transactions.isolation | another session sees nothing before the commit
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
BEGIN;
INSERT INTO t_hash SELECT g, 'v' FROM generate_series(1, 20) g;
-- @session 2
SELECT count(*) FROM t_hash;
-- @session 1
COMMIT;
-- @session 2
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id transactions.own_writes | a transaction sees its own writes through every level
BEGIN;
INSERT INTO members (member_id, login, joined, name) VALUES (9001, 'own.a', '2024-01-01Z', 'Own'), (9002, 'own.b', '2024-01-01Z', 'Own');
INSERT INTO loans (member_id, loan_id, taken, lang, code) VALUES (9001, 90001, '2024-01-01Z', 'da', 1), (9002, 90002, '2024-01-01Z', 'de', 2);
SELECT count(*) FROM members WHERE member_id = 9001;
SELECT count(*) FROM members WHERE name = 'Own';
SELECT count(*) FROM members m JOIN loans l USING (member_id) WHERE m.name = 'Own';
SELECT t.lang, count(*) FROM loans l JOIN titles t USING (lang, code) WHERE l.loan_id > 90000 GROUP BY t.lang;
ROLLBACK;

-- @id transactions.string_implicit | S5: one implicit transaction: the error undoes the insert | expect 22012
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
-- @string
INSERT INTO t_hash VALUES (1, 'a'); INSERT INTO t_hash VALUES (2, 'b'), (3, 'c'); SELECT 1 / 0; INSERT INTO t_hash VALUES (4, 'd')
-- @end
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id transactions.string_results | S5: every statement answers
-- @string
SELECT 1; SELECT count(*) FROM loans; ; UPDATE members SET active = active WHERE member_id = 1; SELECT lang FROM languages ORDER BY lang LIMIT 2;
-- @end

-- @id transactions.string_begin_commit | S5
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
-- @string
BEGIN; INSERT INTO t_hash VALUES (1, 'a'), (2, 'b'); COMMIT; INSERT INTO t_hash VALUES (3, 'c')
-- @end
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id transactions.string_begin_inside | S5: BEGIN in the middle takes the earlier statements along
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
-- @string
INSERT INTO t_hash VALUES (1, 'a'); BEGIN; INSERT INTO t_hash VALUES (2, 'b')
-- @end
ROLLBACK;
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id transactions.string_error_in_block | S5 | expect 22012
-- @string
BEGIN; SELECT 1; SELECT 1 / 0; SELECT 2
-- @end
ROLLBACK;

-- @id transactions.string_syntax_error | S5: nothing runs | expect 42601
-- @string
CREATE TABLE t_hash (k int); SELEC 1
-- @end
SELECT count(*) FROM pg_class WHERE relname = 't_hash';

-- @id transactions.string_empty
-- @string
;;
-- @end

-- @id transactions.comment_only | simple
-- @string
/* nothing */
-- @end

-- @id transactions.cursor | S11 | ordered
BEGIN;
DECLARE c CURSOR FOR SELECT loan_id, state FROM loans ORDER BY loan_id;
FETCH 3 FROM c;
FETCH NEXT FROM c;
MOVE 100 IN c;
FETCH 2 FROM c;
CLOSE c;
COMMIT;

-- @id transactions.cursor_scroll | S11 | ordered | may-refuse
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT member_id FROM members ORDER BY member_id;
FETCH LAST FROM c;
FETCH PRIOR FROM c;
FETCH ABSOLUTE 5 FROM c;
FETCH RELATIVE -2 FROM c;
FETCH BACKWARD 2 FROM c;
COMMIT;

-- @id transactions.cursor_hold | S11 | ordered | may-refuse
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT lang FROM languages ORDER BY lang;
COMMIT;
FETCH 2 FROM c;
FETCH ALL FROM c;
CLOSE c;

-- @id transactions.cursor_two | two cursors open at once | ordered | may-refuse
BEGIN;
DECLARE a CURSOR FOR SELECT loan_id FROM loans ORDER BY loan_id;
DECLARE b CURSOR FOR SELECT t.lang, t.code, l.loan_id FROM titles t JOIN loans l USING (lang, code) ORDER BY l.loan_id;
FETCH 2 FROM a;
FETCH 2 FROM b;
FETCH 2 FROM a;
COMMIT;

-- @id transactions.cursor_outside | expect 25P01
DECLARE c CURSOR FOR SELECT 1;

-- @id transactions.cursor_unknown | expect 34000
FETCH 1 FROM nothing;

-- @id transactions.lock_rows | one shard
BEGIN;
SELECT member_id FROM members WHERE member_id = 17 FOR UPDATE;
SELECT loan_id FROM loans WHERE member_id = 17 ORDER BY loan_id FOR SHARE;
ROLLBACK;

-- @id transactions.lock_rows_many
BEGIN;
SELECT member_id FROM members WHERE member_id < 6 FOR UPDATE;
ROLLBACK;

-- @id transactions.lock_table
BEGIN;
LOCK TABLE donations IN SHARE ROW EXCLUSIVE MODE;
SELECT count(*) FROM donations;
ROLLBACK;

-- @id transactions.lock_rows_limit | rows of several nodes, found by another column
BEGIN;
SELECT member_id FROM members WHERE active ORDER BY member_id LIMIT 3 FOR UPDATE;
UPDATE members SET active = NULL WHERE member_id IN (SELECT member_id FROM members WHERE active ORDER BY member_id LIMIT 3 FOR UPDATE);
SELECT count(*) FROM members WHERE active IS NULL;
ROLLBACK;

-- @id transactions.lock_rows_seen | another session meets the locks of every node | expect 55P03 55P03
BEGIN;
SELECT count(*) FROM (SELECT member_id FROM members FOR NO KEY UPDATE) q;
-- @session 2
SELECT member_id FROM members WHERE member_id = 17 FOR UPDATE NOWAIT;
SELECT member_id FROM members ORDER BY member_id LIMIT 2 FOR SHARE NOWAIT;
SELECT count(*) FROM (SELECT member_id FROM members FOR KEY SHARE NOWAIT) q;
-- @session 1
ROLLBACK;
-- @session 2
SELECT count(*) FROM (SELECT member_id FROM members FOR UPDATE NOWAIT) q;

-- @id transactions.lock_rows_errors | expect 0A000 25006
SELECT count(*) FROM members FOR UPDATE;
BEGIN READ ONLY;
SELECT member_id FROM members ORDER BY 1 LIMIT 1 FOR SHARE;
ROLLBACK;

-- @id transactions.advisory | S11 | may-refuse
SELECT pg_advisory_lock(77) IS NULL;
-- @session 2
SELECT pg_try_advisory_lock(77);
-- @session 1
SELECT pg_advisory_unlock(77);
-- @session 2
SELECT pg_try_advisory_lock(77);
SELECT pg_advisory_unlock_all() IS NULL;

-- @id transactions.currval | S11
CREATE SEQUENCE t_seq;
SELECT nextval('t_seq');
BEGIN;
SELECT nextval('t_seq');
ROLLBACK;
SELECT currval('t_seq');
-- @session 2
SELECT nextval('t_seq');
-- @session 1
SELECT currval('t_seq');
DROP SEQUENCE t_seq;

-- @id transactions.currval_unset | expect 55000
CREATE SEQUENCE t_seq;
SELECT currval('t_seq');
DROP SEQUENCE t_seq;

-- @id transactions.discard
PREPARE p AS SELECT 1;
SET app.x = 'y';
DISCARD ALL;
SELECT count(*) FROM pg_prepared_statements;

-- @id transactions.set_transaction | may-refuse
BEGIN;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
SHOW transaction_isolation;
SELECT count(*) FROM loans;
COMMIT;

-- @id transactions.set_transaction_late | expect 25001 | may-refuse
BEGIN;
SELECT count(*) FROM loans WHERE member_id = 7;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
ROLLBACK;

-- @id transactions.vacuum_in_block | expect 25001
BEGIN;
VACUUM loans;
ROLLBACK;

-- @id transactions.do_block | Q1 | may-refuse
DO $$ BEGIN PERFORM count(*) FROM loans; END $$;
