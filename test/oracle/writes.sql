-- INSERT, UPDATE, DELETE, MERGE, TRUNCATE on tables of every kind; everything is rolled back or dropped.

-- @id writes.insert_one
BEGIN;
INSERT INTO members (member_id, login, joined) VALUES (9001, 'new.one', '2024-01-01Z');
SELECT * FROM members WHERE member_id = 9001;
ROLLBACK;

-- @id writes.insert_autocommit
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (1, 'a');
SELECT * FROM t_hash;
DROP TABLE t_hash;

-- @id writes.insert_many | the tag counts the rows of all nodes
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b'), (3, NULL), (40, DEFAULT), (500, 'e'), (-6, 'f');
SELECT * FROM t_hash ORDER BY k;
DROP TABLE t_hash;

-- @id writes.insert_returning
BEGIN;
INSERT INTO branches (country, id, name, staff) VALUES ('dk', 801, 'a', 1), ('es', 802, 'b', 2), ('mars', 803, 'c', NULL) RETURNING id * 2 AS twice, country || '!' AS c, staff IS NULL, name;
ROLLBACK;

-- @id writes.insert_columns_reordered
BEGIN;
INSERT INTO loans (loan_id, taken, member_id) VALUES (90001, '2024-01-01Z', 9), (90002, '2024-01-02Z', 10) RETURNING *;
ROLLBACK;

-- @id writes.insert_default_values
CREATE TABLE t_hash (k serial PRIMARY KEY, v text DEFAULT 'dv');
INSERT INTO t_hash DEFAULT VALUES;
INSERT INTO t_hash DEFAULT VALUES RETURNING *;
INSERT INTO t_hash (v) VALUES ('x'), (DEFAULT) RETURNING k, v;
DROP TABLE t_hash;

-- @id writes.insert_identity | expect 428C9
CREATE TABLE t_hash (k int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
INSERT INTO t_hash (v) VALUES ('a'), ('b') RETURNING k;
INSERT INTO t_hash VALUES (7, 'c');
INSERT INTO t_hash OVERRIDING SYSTEM VALUE VALUES (70, 'd') RETURNING *;
DROP TABLE t_hash;

-- @id writes.insert_generated
CREATE TABLE t_hash (k int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int GENERATED ALWAYS AS (a + 1) VIRTUAL);
INSERT INTO t_hash (k, a) VALUES (1, 5), (2, 6) RETURNING *;
UPDATE t_hash SET a = 10 RETURNING k, b, c;
DROP TABLE t_hash;

-- @id writes.insert_null_key
CREATE TABLE t_hash (k int, v text);
INSERT INTO t_hash VALUES (NULL, 'n'), (5, 'x'), (NULL, 'm');
SELECT v FROM t_hash WHERE k IS NULL ORDER BY v;
UPDATE t_hash SET v = 'z' WHERE k IS NULL;
DELETE FROM t_hash WHERE k IS NULL AND v = 'z';
SELECT * FROM t_hash;
DROP TABLE t_hash;

-- @id writes.insert_key_missing | expect 23502 | messages
INSERT INTO loans (loan_id, taken) VALUES (90001, '2024-01-01Z');

-- @id writes.insert_duplicate | expect 23505 | messages
INSERT INTO members (member_id, login, joined) VALUES (17, 'dup', '2024-01-01Z');

-- @id writes.insert_duplicate_among_many | all or nothing | expect 23505
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (3, 'old');
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e');
SELECT * FROM t_hash;
DROP TABLE t_hash;

-- @id writes.insert_check | expect 23514
INSERT INTO loans (member_id, loan_id, taken, charge) VALUES (7, 90001, '2024-01-01Z', -1);

-- @id writes.insert_foreign_key | expect 23503 | messages
INSERT INTO loans (member_id, loan_id, taken) VALUES (99999, 90001, '2024-01-01Z');

-- @id writes.insert_foreign_key_replicated | expect 23503
INSERT INTO titles (lang, code, label) VALUES ('qq', 1, 'nothing');

-- @id writes.insert_select_same_key
BEGIN;
INSERT INTO loans (member_id, loan_id, taken, charge) SELECT member_id, loan_id + 50000, taken, charge FROM loans WHERE state = 'lost';
SELECT count(*), sum(charge) FROM loans WHERE loan_id > 50000;
ROLLBACK;

-- @id writes.insert_select_other_key
BEGIN;
INSERT INTO donations SELECT code, row_number() OVER (ORDER BY lang, code) + 5000, coalesce(price, 0), '2024-01-01', lang FROM titles;
SELECT purpose, count(*), sum(amount) FROM donations WHERE donation_id > 5000 GROUP BY purpose;
ROLLBACK;

-- @id writes.insert_select_returning
BEGIN;
INSERT INTO branches (country, id, name) SELECT lang, 900 + speakers / 10000000, name FROM languages WHERE speakers IS NOT NULL RETURNING country, id;
ROLLBACK;

-- @id writes.insert_select_generate
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash SELECT g, 'v' || g FROM generate_series(1, 500) g;
SELECT count(*), sum(k), min(v) FROM t_hash;
DROP TABLE t_hash;

-- @id writes.insert_expressions
BEGIN;
INSERT INTO branches (country, id, name) VALUES (lower('DK'), 2 * 400 + 1, 'e'), ((SELECT max(lang) FROM languages), (SELECT max(id) + 1 FROM branches), 's') RETURNING country, id;
ROLLBACK;

-- @id writes.insert_volatile_key | Q2: the row is found where it was put
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES ((random() * 1000)::int, 'r');
SELECT count(*) FROM t_hash a JOIN t_hash b ON a.k = b.k WHERE a.k = (SELECT k FROM t_hash);
DROP TABLE t_hash;

-- @id writes.insert_serial | Q2: numbers are unique in the cluster
CREATE TABLE t_hash (k serial PRIMARY KEY, v text);
INSERT INTO t_hash (v) SELECT 'v' FROM generate_series(1, 50);
INSERT INTO t_hash (v) VALUES ('a'), ('b'), ('c') RETURNING k;
SELECT count(*), count(DISTINCT k), min(k), max(k) FROM t_hash;
DROP TABLE t_hash;

-- @id writes.insert_now | Q3: one time for all rows of all nodes
CREATE TABLE t_hash (k int PRIMARY KEY, at timestamptz DEFAULT now());
INSERT INTO t_hash (k) VALUES (1), (2), (3), (4), (5), (6);
SELECT count(DISTINCT at) FROM t_hash;
BEGIN;
INSERT INTO t_hash (k) VALUES (11);
INSERT INTO t_hash (k) VALUES (12), (13), (14);
SELECT count(DISTINCT at) FROM t_hash WHERE k > 10;
COMMIT;
DROP TABLE t_hash;

-- @id writes.on_conflict_nothing
BEGIN;
INSERT INTO members (member_id, login, joined) VALUES (17, 'x', '2024-01-01Z'), (9001, 'y', '2024-01-01Z') ON CONFLICT DO NOTHING;
SELECT login FROM members WHERE member_id IN (17, 9001);
ROLLBACK;

-- @id writes.on_conflict_update
BEGIN;
INSERT INTO members AS m (member_id, login, joined) VALUES (17, 'x', '2024-01-01Z'), (9001, 'y', '2024-01-01Z') ON CONFLICT (member_id) DO UPDATE SET login = excluded.login || '.' || m.login WHERE m.member_id < 100 RETURNING member_id, login;
ROLLBACK;

-- @id writes.on_conflict_twice | expect 21000 | messages
INSERT INTO members (member_id, login, joined) VALUES (17, 'x', '2024-01-01Z'), (17, 'y', '2024-01-01Z') ON CONFLICT (member_id) DO UPDATE SET login = excluded.login;

-- @id writes.on_conflict_select
BEGIN;
INSERT INTO members (member_id, login, joined) SELECT member_id + 390, login, joined FROM members WHERE member_id < 20 ON CONFLICT (member_id) DO UPDATE SET login = 'conflict';
SELECT count(*), count(*) FILTER (WHERE login = 'conflict') FROM members WHERE member_id > 390;
ROLLBACK;

-- @id writes.update_one
BEGIN;
UPDATE members SET deposit = 12.345, name = 'Ny' WHERE member_id = 17;
SELECT name, deposit FROM members WHERE member_id = 17;
ROLLBACK;

-- @id writes.update_all
BEGIN;
UPDATE loans SET charge = coalesce(charge, 0) + 1;
SELECT count(*), sum(charge) FROM loans;
ROLLBACK;

-- @id writes.update_returning
BEGIN;
UPDATE branches SET staff = staff + 1 WHERE staff > 30 RETURNING country, id, staff, name;
ROLLBACK;

-- @id writes.update_returning_old_new | PostgreSQL 18
BEGIN;
UPDATE branches SET staff = staff + 1 WHERE staff > 30 RETURNING old.staff, new.staff, id;
ROLLBACK;

-- @id writes.update_from_colocated
BEGIN;
UPDATE loans l SET charge = 0 FROM members m WHERE m.member_id = l.member_id AND m.active AND l.state = 'late';
SELECT count(*) FROM loans WHERE charge = 0;
ROLLBACK;

-- @id writes.update_from_off_key | may-refuse
BEGIN;
UPDATE loans l SET charge = t.price FROM titles t WHERE t.lang = l.lang AND t.code = l.code AND t.price < 40;
SELECT count(*), sum(charge) FROM loans;
ROLLBACK;

-- @id writes.update_from_replicated
BEGIN;
UPDATE titles t SET price = price + 1 FROM languages g WHERE g.lang = t.lang AND g.family = 'Turkic';
SELECT lang, sum(price) FROM titles GROUP BY lang;
ROLLBACK;

-- @id writes.update_subquery | may-refuse
BEGIN;
UPDATE members SET deposit = (SELECT count(*) FROM loans l WHERE l.member_id = members.member_id) WHERE member_id < 50;
SELECT sum(deposit) FROM members WHERE member_id < 50;
UPDATE members SET deposit = (SELECT max(price) FROM titles) WHERE member_id = 17;
SELECT deposit FROM members WHERE member_id = 17;
ROLLBACK;

-- @id writes.update_where_in | may-refuse
BEGIN;
UPDATE members SET active = false WHERE member_id IN (SELECT member_id FROM visits WHERE kind = 'event');
SELECT active, count(*) FROM members GROUP BY active;
ROLLBACK;

-- @id writes.update_multi_assign
BEGIN;
UPDATE titles SET (price, pages) = (pages, 7) WHERE lang = 'da' AND code IN (1, 2);
SELECT price, pages FROM titles WHERE lang = 'da' AND code IN (1, 2);
ROLLBACK;

-- @id writes.update_key | the row moves to another shard | may-refuse
BEGIN;
UPDATE donations SET donor = 8 WHERE donor = 7;
SELECT count(*) FROM donations WHERE donor = 8;
ROLLBACK;

-- @id writes.update_key_same | may-refuse
BEGIN;
UPDATE donations SET donor = donor, amount = 1 WHERE donor = 7;
SELECT count(*), sum(amount) FROM donations WHERE donor = 7;
ROLLBACK;

-- @id writes.update_list_key | may-refuse
BEGIN;
UPDATE branches SET country = 'it' WHERE country = 'IT';
SELECT country, count(*) FROM branches GROUP BY country;
ROLLBACK;

-- @id writes.update_nothing
UPDATE members SET active = true WHERE member_id = 123456;

-- @id writes.update_composite_array_json
BEGIN;
UPDATE members SET home.town = 'Ny', phones[2] = '+1', prefs['size'] = '99' WHERE member_id IN (3, 4, 5);
SELECT home, phones, prefs FROM members WHERE member_id IN (3, 4, 5);
ROLLBACK;

-- @id writes.update_check | expect 23514 | messages
UPDATE members SET deposit = -1 WHERE member_id = 17;

-- @id writes.update_volatile | Q2
BEGIN;
UPDATE remarks SET stars = (random() * 5)::int;
SELECT count(*) FROM remarks WHERE stars BETWEEN 0 AND 5;
ROLLBACK;

-- @id writes.update_random_table
BEGIN;
UPDATE remarks SET stars = 5 WHERE member_id = 17 OR remark_id < 20;
SELECT stars, count(*) FROM remarks GROUP BY stars;
ROLLBACK;

-- @id writes.update_replicated | every copy, once in the tag
BEGIN;
UPDATE languages SET speakers = 1 WHERE family = 'Germanic' RETURNING lang;
SELECT sum(speakers) FROM languages;
SELECT count(*) FROM titles t JOIN languages g USING (lang) WHERE g.speakers = 1;
ROLLBACK;

-- @id writes.insert_replicated
BEGIN;
INSERT INTO genres VALUES (201, 1, 'new', '{1,201}'), (202, 201, 'newer', NULL);
SELECT count(*) FROM genres;
SELECT count(*) FROM titles t CROSS JOIN genres g WHERE g.id > 200;
ROLLBACK;

-- @id writes.delete_one
BEGIN;
DELETE FROM donations WHERE donor = 7 AND amount > 100;
SELECT count(*) FROM donations;
ROLLBACK;

-- @id writes.delete_all
BEGIN;
DELETE FROM copies;
SELECT count(*) FROM copies;
ROLLBACK;

-- @id writes.delete_returning
BEGIN;
DELETE FROM visits WHERE day > '2024-12-20' RETURNING visit_id, day, kind;
ROLLBACK;

-- @id writes.delete_using
BEGIN;
DELETE FROM loans l USING members m WHERE m.member_id = l.member_id AND m.active IS NULL;
SELECT count(*) FROM loans;
ROLLBACK;

-- @id writes.delete_using_off_key | may-refuse
BEGIN;
DELETE FROM copies c USING branches b WHERE b.id = c.branch AND b.staff > 20;
SELECT count(*) FROM copies;
ROLLBACK;

-- @id writes.delete_subquery | may-refuse
BEGIN;
DELETE FROM remarks WHERE member_id IN (SELECT donor FROM donations);
SELECT count(*) FROM remarks;
ROLLBACK;

-- @id writes.delete_restricted | expect 23503
DELETE FROM members WHERE member_id = 7;

-- @id writes.delete_replicated_restricted | expect 23503
DELETE FROM languages WHERE lang = 'da';

-- @id writes.delete_cascade
CREATE TABLE t_hash (k int PRIMARY KEY);
CREATE TABLE t_hash2 (k int REFERENCES t_hash ON DELETE CASCADE, v text);
INSERT INTO t_hash VALUES (1), (2), (3);
INSERT INTO t_hash2 VALUES (1, 'a'), (1, 'b'), (3, 'c');
DELETE FROM t_hash WHERE k = 1;
SELECT * FROM t_hash2;
DROP TABLE t_hash2, t_hash;

-- @id writes.merge_colocated | may-refuse
BEGIN;
MERGE INTO members m USING donations d ON m.member_id = d.donor AND d.donation_id < 20 WHEN MATCHED AND d.amount > 250 THEN UPDATE SET deposit = 1 WHEN MATCHED THEN UPDATE SET deposit = 2 WHEN NOT MATCHED THEN DO NOTHING;
SELECT count(*) FILTER (WHERE deposit = 1), count(*) FILTER (WHERE deposit = 2) FROM members;
ROLLBACK;

-- @id writes.merge_insert | may-refuse
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b');
MERGE INTO t_hash t USING (VALUES (1, 'x'), (3, 'y')) s (k, v) ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.v) RETURNING merge_action(), t.*;
SELECT * FROM t_hash;
DROP TABLE t_hash;

-- @id writes.truncate
BEGIN;
TRUNCATE copies, remarks;
SELECT (SELECT count(*) FROM copies), (SELECT count(*) FROM remarks);
ROLLBACK;

-- @id writes.truncate_referenced | expect 0A000
TRUNCATE members;

-- @id writes.create_table_as
CREATE TABLE t_hash AS SELECT member_id AS k, name AS v FROM members WHERE member_id < 50;
SELECT count(*), min(k), max(k) FROM t_hash;
DROP TABLE t_hash;

-- @id writes.select_into | may-refuse
SELECT lang, count(*) AS n INTO t_into FROM titles GROUP BY lang;
SELECT * FROM t_into;
DROP TABLE t_into;

-- @id writes.temporary_table | may-refuse
CREATE TEMP TABLE t_temp AS SELECT member_id, count(*) AS n FROM loans GROUP BY member_id;
SELECT count(*), sum(n) FROM t_temp;
SELECT m.name, t.n FROM members m JOIN t_temp t USING (member_id) WHERE t.n > 7;
INSERT INTO t_temp VALUES (1000, 1);
SELECT max(member_id) FROM t_temp;
DROP TABLE t_temp;

-- @id writes.table_kinds | the same statements over a table of each kind
CREATE TABLE t_range (k int PRIMARY KEY, v text);
CREATE TABLE t_list (k text PRIMARY KEY, v text);
CREATE TABLE t_replicated (k int PRIMARY KEY, v text);
CREATE TABLE t_random (k int, v text);
CREATE TABLE t_single (k int PRIMARY KEY, v text);
INSERT INTO t_range VALUES (1, 'a'), (10, 'b'), (19, 'c'), (20, 'd'), (999, 'e');
INSERT INTO t_list VALUES ('a', '1'), ('b', '2'), ('c', '3'), ('d', '4');
INSERT INTO t_replicated VALUES (1, 'a'), (2, 'b');
INSERT INTO t_random VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
INSERT INTO t_single VALUES (1, 'a'), (2, 'b');
SELECT * FROM t_range r FULL JOIN t_replicated p USING (k) FULL JOIN t_random q USING (k) FULL JOIN t_single s USING (k);
UPDATE t_range SET v = v || '!' WHERE k > 5;
UPDATE t_list SET v = 'x' WHERE k IN ('a', 'd');
DELETE FROM t_random WHERE k % 2 = 0;
DELETE FROM t_single;
SELECT (SELECT string_agg(v, '' ORDER BY k) FROM t_range), (SELECT string_agg(v, '' ORDER BY k) FROM t_list), (SELECT sum(k) FROM t_random), (SELECT count(*) FROM t_single);
DROP TABLE t_range, t_list, t_replicated, t_random, t_single;

-- @id writes.range_no_slice | every value has a slice here | expect 22P02
CREATE TABLE t_range (k int PRIMARY KEY, v text);
INSERT INTO t_range VALUES (-2147483648, 'low'), (2147483647, 'high');
INSERT INTO t_range VALUES ('x', 'bad');
SELECT * FROM t_range;
DROP TABLE t_range;

-- @id writes.pair_key | Q12: both columns make the key
CREATE TABLE t_pair (a int, b text, v int, PRIMARY KEY (a, b));
INSERT INTO t_pair SELECT g % 5, 't' || g, g FROM generate_series(1, 60) g;
SELECT v FROM t_pair WHERE a = 3 AND b = 't13';
UPDATE t_pair SET v = 0 WHERE a = 3 AND b = 't13' RETURNING *;
UPDATE t_pair SET v = -1 WHERE a = 2;
DELETE FROM t_pair WHERE b = 't20';
SELECT a, count(*), sum(v) FROM t_pair GROUP BY a;
DROP TABLE t_pair;

-- @id writes.view | an updatable view | may-refuse
CREATE VIEW t_view AS SELECT member_id, login, deposit FROM members WHERE member_id < 100;
BEGIN;
UPDATE t_view SET deposit = 5 WHERE member_id = 17;
SELECT deposit FROM members WHERE member_id = 17;
DELETE FROM t_view WHERE member_id = 395;
ROLLBACK;
DROP VIEW t_view;

-- @id writes.ddl_columns
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b'), (3, 'c');
ALTER TABLE t_hash ADD COLUMN n numeric(6,2) DEFAULT 1.5 NOT NULL;
ALTER TABLE t_hash RENAME COLUMN v TO w;
SELECT * FROM t_hash;
ALTER TABLE t_hash ALTER COLUMN n TYPE int USING n::int, ADD CHECK (n > 0);
ALTER TABLE t_hash DROP COLUMN w;
SELECT * FROM t_hash;
CREATE INDEX t_hash_n ON t_hash (n);
DROP TABLE t_hash;

-- @id writes.ddl_in_transaction | D1: rolled back everywhere
BEGIN;
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b'), (3, 'c');
SELECT count(*) FROM t_hash;
ROLLBACK;
SELECT count(*) FROM pg_class WHERE relname = 't_hash';

-- @id writes.ddl_fails | D1 | expect 23505 42703
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (1, 'a'), (2, 'a'), (3, 'a');
ALTER TABLE t_hash ADD COLUMN u int DEFAULT 1, ADD UNIQUE (k, v);
CREATE UNIQUE INDEX t_hash_u ON t_hash (u, k);
INSERT INTO t_hash VALUES (1, 'x');
ALTER TABLE t_hash DROP COLUMN nothing;
SELECT * FROM t_hash;
DROP TABLE t_hash;
