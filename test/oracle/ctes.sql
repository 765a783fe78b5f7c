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

-- @id ctes.writing_insert | may-refuse
BEGIN;
WITH i AS (INSERT INTO genres (id, name) VALUES (101, 'new'), (102, 'newer') RETURNING id) SELECT count(*), min(id) FROM i;
ROLLBACK;

-- @id ctes.writing_update | may-refuse
BEGIN;
WITH u AS (UPDATE loans SET charge = 1 WHERE member_id = 7 AND state = 'lost' RETURNING loan_id) SELECT count(*) FROM u;
ROLLBACK;

-- @id ctes.writing_delete_move | may-refuse
BEGIN;
WITH gone AS (DELETE FROM donations WHERE donor = 7 RETURNING *) INSERT INTO donations SELECT 8, donation_id + 1000, amount, given, purpose FROM gone;
SELECT donor, count(*), sum(amount) FROM donations WHERE donor IN (7, 8) GROUP BY donor;
ROLLBACK;

-- @id ctes.data_modifying_snapshot | the outer query does not see the write | may-refuse
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
