-- WITH: plain, materialized or not, recursive, writing.

-- @id ctes.once
WITH late AS (SELECT * FROM loans WHERE state = 'late') SELECT branch, count(*) FROM late GROUP BY branch;

-- @id ctes.twice
WITH late AS (SELECT * FROM loans WHERE state = 'late') SELECT count(*) FROM late a JOIN late b ON a.branch = b.branch AND a.loan_id < b.loan_id;

-- @id ctes.unused
WITH unused AS (SELECT * FROM loans) SELECT count(*) FROM languages;

-- @id ctes.materialized
WITH m AS MATERIALIZED (SELECT member_id, count(*) AS n FROM loans GROUP BY member_id) SELECT * FROM m WHERE member_id = 7;

-- @id ctes.not_materialized
WITH m AS NOT MATERIALIZED (SELECT member_id, count(*) AS n FROM loans GROUP BY member_id) SELECT a.n + b.n FROM m a, m b WHERE a.member_id = 7 AND b.member_id = 8;

-- @id ctes.chain
WITH a AS (SELECT branch, count(*) AS n FROM loans GROUP BY branch), b AS (SELECT * FROM a WHERE n > 30), c AS (SELECT b.*, r.country FROM b LEFT JOIN branches r ON r.id = b.branch) SELECT * FROM c;

-- @id ctes.column_names
WITH q (a, b) AS (SELECT lang, count(*) FROM titles GROUP BY lang) SELECT b, a FROM q WHERE b > 34;

-- @id ctes.shadows_table | a CTE hides a table of its name
WITH members AS (SELECT 1 AS member_id) SELECT * FROM members;

-- @id ctes.shadows_not_in_itself | inside its own definition the name is the table
WITH members AS (SELECT member_id FROM members WHERE member_id < 4) SELECT * FROM members;

-- @id ctes.shadows_qualified
WITH members AS (SELECT 1 AS member_id) SELECT count(*) FROM public.members;

-- @id ctes.nested
WITH a AS (WITH b AS (SELECT lang, code FROM titles WHERE price > 80) SELECT lang, count(*) AS n FROM b GROUP BY lang) SELECT * FROM a;

-- @id ctes.in_subquery
SELECT lang, (WITH t AS (SELECT * FROM titles x WHERE x.lang = g.lang) SELECT count(*) FROM t) FROM languages g;

-- @id ctes.in_set_operation
WITH a AS (SELECT member_id FROM loans WHERE state = 'lost') SELECT * FROM a UNION SELECT donor FROM donations WHERE donor NOT IN (SELECT member_id FROM a);

-- @id ctes.order_limit | Q5
WITH top AS (SELECT lang, code, price FROM titles ORDER BY price DESC NULLS LAST, lang, code LIMIT 10) SELECT lang, count(*), sum(price) FROM top GROUP BY lang;

-- @id ctes.volatile | Q2: a volatile CTE is evaluated once
WITH r AS (SELECT random() AS x FROM languages) SELECT count(*) FROM r a JOIN r b ON a.x = b.x;

-- @id ctes.recursive_numbers
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT n.i, count(l.loan_id) FROM n LEFT JOIN loans l ON l.branch = n.i GROUP BY n.i;

-- @id ctes.recursive_tree
WITH RECURSIVE tree AS (SELECT id, parent, name, 1 AS depth FROM genres WHERE parent IS NULL UNION ALL SELECT g.id, g.parent, g.name, t.depth + 1 FROM genres g JOIN tree t ON g.parent = t.id) SELECT depth, count(*), min(id), max(id) FROM tree GROUP BY depth;

-- @id ctes.recursive_distributed | the recursive arm reads a distributed table
WITH RECURSIVE chain AS (SELECT loan_id, branch, 1 AS step FROM loans WHERE loan_id = 5 UNION SELECT l.loan_id, l.branch, c.step + 1 FROM chain c JOIN loans l ON l.loan_id = c.loan_id * 2 WHERE c.step < 12) SELECT * FROM chain;

-- @id ctes.recursive_union | UNION removes duplicates, so that the cycle ends
WITH RECURSIVE walk (m) AS (SELECT 3 UNION SELECT (w.m * 7 + 1) % 50 FROM walk w) SELECT count(*), sum(m) FROM walk;

-- @id ctes.recursive_search
WITH RECURSIVE t AS (SELECT id, parent FROM genres WHERE id = 1 UNION ALL SELECT g.id, g.parent FROM genres g JOIN t ON g.parent = t.id) SEARCH DEPTH FIRST BY id SET o SELECT id FROM t ORDER BY o;

-- @id ctes.recursive_breadth
WITH RECURSIVE t AS (SELECT id, parent FROM genres WHERE id = 2 UNION ALL SELECT g.id, g.parent FROM genres g JOIN t ON g.parent = t.id) SEARCH BREADTH FIRST BY id SET o SELECT id, o FROM t ORDER BY o;

-- @id ctes.recursive_cycle
WITH RECURSIVE w AS (SELECT 1 AS a UNION ALL SELECT a % 5 + 1 FROM w) CYCLE a SET looped USING path SELECT a, looped, path FROM w;

-- @id ctes.recursive_two
WITH RECURSIVE a (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM a WHERE i < 4), b (j) AS (SELECT i FROM a UNION ALL SELECT j + 10 FROM b WHERE j < 20) SELECT j, count(*) FROM b GROUP BY j;

-- @id ctes.recursive_subquery_arm
WITH RECURSIVE d (day, n) AS (SELECT DATE '2024-03-30', (SELECT count(*) FROM visits WHERE day = '2024-03-30') UNION ALL SELECT day + 1, n + 1 FROM d WHERE day < '2024-04-03') SELECT d.*, count(v.visit_id) FROM d LEFT JOIN visits v USING (day) GROUP BY d.day, d.n;

-- @id ctes.recursive_limit
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 5;

-- @id ctes.recursive_wrong | expect 42P19 | messages
WITH RECURSIVE n (i) AS (SELECT i FROM n UNION ALL SELECT 1) SELECT * FROM n;

-- @id ctes.key_through | the key predicate reaches the table through two CTEs
WITH a AS (SELECT * FROM loans), b AS (SELECT member_id, charge FROM a) SELECT count(*), sum(charge) FROM b WHERE member_id = 7;

-- @id ctes.writing_insert
BEGIN;
WITH i AS (INSERT INTO genres (id, name) VALUES (101, 'new'), (102, 'newer') RETURNING id) SELECT count(*), min(id) FROM i;
ROLLBACK;

-- @id ctes.writing_update
BEGIN;
WITH u AS (UPDATE loans SET charge = 1 WHERE member_id = 7 AND state = 'lost' RETURNING loan_id) SELECT count(*) FROM u;
ROLLBACK;

-- @id ctes.writing_delete_move
BEGIN;
WITH gone AS (DELETE FROM donations WHERE donor = 7 RETURNING *) INSERT INTO donations SELECT 8, donation_id + 1000, amount, given, purpose FROM gone;
SELECT donor, count(*), sum(amount) FROM donations WHERE donor IN (7, 8) GROUP BY donor;
ROLLBACK;

-- @id ctes.data_modifying_snapshot | the outer query does not see the write
BEGIN;
WITH d AS (DELETE FROM remarks WHERE stars = 1) SELECT count(*) FROM remarks WHERE stars = 1;
SELECT count(*) FROM remarks WHERE stars = 1;
ROLLBACK;

-- @id ctes.view_with_cte | Q1
CREATE VIEW t_view AS WITH q AS (SELECT lang, count(*) AS n FROM titles GROUP BY lang) SELECT g.name, q.n FROM q JOIN languages g USING (lang);
SELECT * FROM t_view WHERE n > 34;
DROP VIEW t_view;

-- @id ctes.duplicate_name | expect 42712 | messages
WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a;

-- @id ctes.writing_chain | each part reads what another returned, with names, arrays, nulls and quotes
CREATE TABLE t_hash (k int PRIMARY KEY, v text, a int[]);
CREATE TABLE t_two (n int, k int, v text, at timestamptz DEFAULT now());
INSERT INTO t_hash SELECT g, CASE WHEN g % 3 > 0 THEN 'it''s "{' || g || '\' END, ARRAY[g, NULL] FROM generate_series(1, 20) g;
WITH gone (key, val) AS (DELETE FROM t_hash WHERE k % 2 = 0 RETURNING k, v, a), kept AS (INSERT INTO t_two (n, k, v) SELECT cardinality(a), key, val FROM gone WHERE key > 4 RETURNING n, k, at = now() AS same), nobody AS (UPDATE members SET active = NULL WHERE member_id < 9) SELECT (SELECT count(*) FROM t_hash) AS before, g.key, g.val, g.a, k.n, k.same FROM gone g LEFT JOIN kept k ON k.k = g.key ORDER BY key;
SELECT count(*) FROM t_hash;
SELECT n, k, v FROM t_two ORDER BY k;
SELECT count(*) FROM members WHERE active IS NULL AND member_id < 9;
UPDATE members SET active = member_id % 2 = 0 WHERE member_id < 9;
DROP TABLE t_hash, t_two;

-- @id ctes.writing_shared_read | an entry that several parts read is computed once
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash SELECT g, 'v' FROM generate_series(1, 30) g;
WITH few AS (SELECT k FROM t_hash WHERE k > 10 LIMIT 5), gone AS (DELETE FROM t_hash WHERE k IN (SELECT k FROM few) RETURNING k) SELECT (SELECT count(*) FROM few), count(*), (SELECT count(*) FROM few WHERE k NOT IN (SELECT k FROM gone)) FROM gone;
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id ctes.writing_main | the main statement writes as well, and has its own tag
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
CREATE TABLE t_two (k int PRIMARY KEY, v text);
INSERT INTO t_hash SELECT g, 'v' || g FROM generate_series(1, 10) g;
WITH gone AS (DELETE FROM t_hash WHERE k > 5 RETURNING *) INSERT INTO t_two SELECT * FROM gone RETURNING k;
WITH new AS (INSERT INTO t_hash VALUES (7, 'x'), (8, 'y') RETURNING k) UPDATE t_two SET v = 'again' FROM new WHERE new.k = t_two.k;
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 4), gone AS (DELETE FROM t_two WHERE k IN (SELECT n + 6 FROM r) RETURNING k) DELETE FROM t_hash USING gone, r WHERE t_hash.k = gone.k AND r.n < 2;
SELECT * FROM t_hash ORDER BY k;
SELECT * FROM t_two ORDER BY k;
DROP TABLE t_hash, t_two;

-- @id ctes.writing_fails | all or nothing | expect 22012 23505
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash SELECT g, 'v' FROM generate_series(1, 10) g;
WITH gone AS (DELETE FROM t_hash RETURNING k) SELECT 1 / (count(*) - 10) FROM gone;
WITH gone AS (DELETE FROM t_hash WHERE k < 5 RETURNING k) INSERT INTO t_hash SELECT k + 5, 'w' FROM gone;
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id ctes.writing_same_table | what a part would see of another's changes | may-refuse
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash SELECT g, 'v' FROM generate_series(1, 10) g;
WITH a AS (UPDATE t_hash SET v = 'a' WHERE k < 5 RETURNING k), b AS (UPDATE t_hash SET v = 'b' WHERE v = 'a' RETURNING k) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
SELECT v, count(*) FROM t_hash GROUP BY v;
DROP TABLE t_hash;
