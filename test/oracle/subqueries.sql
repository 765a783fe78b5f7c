-- Subqueries in every place of a statement.

-- @id subqueries.in | off the key
SELECT count(*) FROM members WHERE member_id IN (SELECT member_id FROM visits WHERE kind = 'event');

-- @id subqueries.in_colocated
SELECT count(*) FROM members WHERE member_id IN (SELECT member_id FROM loans WHERE state = 'lost');

-- @id subqueries.in_row
SELECT count(*) FROM copies WHERE (lang, code) IN (SELECT lang, code FROM loans WHERE state = 'late');

-- @id subqueries.not_in_null | Q8: a NULL in the subquery makes NOT IN select nothing
SELECT count(*) FROM members WHERE member_id NOT IN (SELECT donor FROM donations);

-- @id subqueries.not_in_without_null | Q8
SELECT count(*) FROM members WHERE member_id NOT IN (SELECT donor FROM donations WHERE donor IS NOT NULL);

-- @id subqueries.not_in_empty | Q8: NOT IN of nothing selects all
SELECT count(*) FROM donations WHERE donor NOT IN (SELECT member_id FROM members WHERE false);

-- @id subqueries.exists
SELECT count(*) FROM members m WHERE EXISTS (SELECT FROM loans l WHERE l.member_id = m.member_id AND l.charge > 38);

-- @id subqueries.exists_off_key
SELECT t.lang, t.code FROM titles t WHERE EXISTS (SELECT FROM remarks r WHERE r.lang = t.lang AND r.code = t.code AND r.stars = 5);

-- @id subqueries.not_exists_off_key | Q8
SELECT count(*) FROM titles t WHERE NOT EXISTS (SELECT FROM loans l WHERE l.lang = t.lang AND l.code = t.code);

-- @id subqueries.exists_uncorrelated
SELECT count(*) FROM members WHERE EXISTS (SELECT FROM loans WHERE charge > 39.9);

-- @id subqueries.exists_nothing
SELECT count(*) FROM members WHERE NOT EXISTS (SELECT FROM loans WHERE charge > 39999);

-- @id subqueries.scalar
SELECT member_id, deposit FROM members WHERE deposit = (SELECT max(deposit) FROM members);

-- @id subqueries.scalar_null | no row gives NULL
SELECT lang, (SELECT label FROM titles t WHERE t.lang = g.lang AND t.code = 1) FROM languages g;

-- @id subqueries.scalar_correlated
SELECT m.member_id, (SELECT count(*) FROM loans l WHERE l.member_id = m.member_id) AS n, (SELECT max(v.at) FROM visits v WHERE v.member_id = m.member_id) FROM members m WHERE m.member_id < 30;

-- @id subqueries.scalar_too_many | expect 21000 | messages
SELECT (SELECT member_id FROM loans WHERE member_id = 7);

-- @id subqueries.scalar_too_many_nodes | one row per node is too many too | expect 21000
SELECT (SELECT member_id FROM members WHERE member_id IN (1, 2, 3, 4, 5, 6));

-- @id subqueries.in_select_list_exists
SELECT g.lang, EXISTS (SELECT FROM titles t WHERE t.lang = g.lang AND t.price > 88) FROM languages g;

-- @id subqueries.in_case
SELECT lang, CASE WHEN (SELECT count(*) FROM titles t WHERE t.lang = g.lang) > 35 THEN 'many' WHEN lang IN (SELECT lang FROM copies) THEN 'some' ELSE 'none' END FROM languages g;

-- @id subqueries.any
SELECT count(*) FROM loans WHERE charge > ANY (SELECT price FROM titles WHERE price > 30);

-- @id subqueries.all
SELECT count(*) FROM titles WHERE price >= ALL (SELECT charge FROM loans WHERE charge IS NOT NULL);

-- @id subqueries.all_null | Q8
SELECT count(*) FROM titles WHERE price >= ALL (SELECT charge FROM loans);

-- @id subqueries.array_constructor
SELECT lang, ARRAY(SELECT code FROM titles t WHERE t.lang = g.lang AND t.price > 80 ORDER BY code) FROM languages g;

-- @id subqueries.from
SELECT q.state, q.n FROM (SELECT state, count(*) AS n FROM loans GROUP BY state) q WHERE q.n > 300;

-- @id subqueries.from_no_alias
SELECT count(*) FROM (SELECT DISTINCT lang FROM titles);

-- @id subqueries.from_nested
SELECT max(n) FROM (SELECT count(*) AS n FROM (SELECT DISTINCT branch, state FROM loans) a GROUP BY branch) b;

-- @id subqueries.from_limit | Q5: LIMIT inside a subquery is one LIMIT
SELECT count(*), sum(loan_id) FROM (SELECT loan_id FROM loans ORDER BY taken, loan_id LIMIT 100) q;

-- @id subqueries.from_limit_join | Q5
SELECT count(*) FROM members m JOIN (SELECT member_id FROM loans ORDER BY loan_id LIMIT 20) q USING (member_id);

-- @id subqueries.from_offset_zero
SELECT count(*) FROM (SELECT * FROM loans OFFSET 0) q WHERE member_id = 7;

-- @id subqueries.having
SELECT branch, count(*) FROM loans GROUP BY branch HAVING count(*) > (SELECT avg(n) FROM (SELECT count(*) AS n FROM loans GROUP BY branch) q);

-- @id subqueries.having_correlated
SELECT t.genre, count(*) FROM titles t GROUP BY t.genre HAVING count(*) > (SELECT g.id / 3 FROM genres g WHERE g.id = t.genre);

-- @id subqueries.order_by
SELECT lang FROM languages g ORDER BY (SELECT count(*) FROM copies c WHERE c.lang = g.lang) DESC, lang;

-- @id subqueries.limit
SELECT member_id FROM members ORDER BY member_id LIMIT (SELECT count(*) FROM languages) OFFSET (SELECT min(id) FROM branches);

-- @id subqueries.group_by
SELECT (SELECT g.family FROM languages g WHERE g.lang = t.lang) AS family, count(*) FROM titles t GROUP BY 1;

-- @id subqueries.in_aggregate
SELECT sum((SELECT count(*) FROM copies c WHERE c.lang = t.lang AND c.code = t.code)) FROM titles t;

-- @id subqueries.in_function
SELECT coalesce((SELECT max(price) FROM titles WHERE lang = 'xx'), (SELECT min(price) FROM titles), 0);

-- @id subqueries.in_values
SELECT * FROM (VALUES ((SELECT count(*) FROM loans)), ((SELECT count(*) FROM visits))) v (n);

-- @id subqueries.in_join_condition
SELECT count(*) FROM titles t JOIN copies c ON c.lang = t.lang AND c.code = t.code AND c.cost > (SELECT avg(cost) FROM copies);

-- @id subqueries.in_outer_join_condition | Q8
SELECT count(*), count(c.copy_no) FROM titles t LEFT JOIN copies c ON c.lang = t.lang AND c.code = t.code AND c.branch IN (SELECT id FROM branches WHERE staff > 20);

-- @id subqueries.two_levels_up
SELECT m.member_id FROM members m WHERE EXISTS (SELECT FROM loans l WHERE l.member_id = m.member_id AND EXISTS (SELECT FROM remarks r WHERE r.member_id = m.member_id AND r.lang = l.lang));

-- @id subqueries.correlated_aggregate_outer | an aggregate of the outer query inside a subquery
SELECT state, (SELECT max(g.id) FROM genres g WHERE g.id < count(l.charge) / 20) FROM loans l GROUP BY state;

-- @id subqueries.correlated_limit | Q5
SELECT m.member_id, (SELECT l.state FROM loans l WHERE l.member_id = m.member_id ORDER BY l.taken, l.loan_id LIMIT 1) FROM members m WHERE m.member_id BETWEEN 1 AND 25;

-- @id subqueries.correlated_distinct
SELECT b.country, b.id, (SELECT count(DISTINCT l.lang) FROM loans l WHERE l.branch = b.id) FROM branches b;

-- @id subqueries.multi_column_sublink
SELECT count(*) FROM loans l WHERE (l.lang, l.code) = (SELECT t.lang, t.code FROM titles t WHERE t.lang = l.lang AND t.code = 5);

-- @id subqueries.sublink_left_of_in
SELECT count(*) FROM branches b WHERE (SELECT count(*) FROM loans l WHERE l.branch = b.id) IN (SELECT code FROM titles);

-- @id subqueries.not_of_in_or | a sublink under OR is no semi join
SELECT count(*) FROM members m WHERE m.active IS NULL OR m.member_id IN (SELECT donor FROM donations WHERE amount > 300) OR NOT EXISTS (SELECT FROM loans l WHERE l.member_id = m.member_id);

-- @id subqueries.uncorrelated_in_many
SELECT count(*) FROM loans WHERE branch IN (SELECT id FROM branches WHERE country IN (SELECT country FROM branches GROUP BY country HAVING count(*) > 4));

-- @id subqueries.row_comparison
SELECT count(*) FROM copies WHERE (cost, copy_no) > (SELECT avg(cost), 2 FROM copies);

-- @id subqueries.whole_row_of_subquery
SELECT q FROM (SELECT lang, count(*) AS n FROM titles GROUP BY lang) q;

-- @id subqueries.column_definition
SELECT x.a, x.b FROM (SELECT member_id, name FROM members WHERE member_id < 5) AS x (a, b);

-- @id subqueries.lateral_aggregate
SELECT g.lang, s.total, s.n FROM languages g, LATERAL (SELECT sum(c.cost) AS total, count(*) AS n FROM copies c WHERE c.lang = g.lang) s;

-- @id subqueries.dml_like_names | a subquery alias hides a table
SELECT members.n FROM (SELECT count(*) AS n FROM loans) AS members;

-- @id subqueries.function_reads_table | Q1: an SQL function reads a distributed table for each row
SELECT member_id, loans_of(member_id) FROM members WHERE member_id < 15;

-- @id subqueries.function_reads_table_plpgsql | Q1
SELECT lang, dearest(lang) FROM languages;

-- @id subqueries.function_set | Q1
SELECT lang, code FROM titles_by('Åsa');

-- @id subqueries.function_in_where | Q1
SELECT member_id FROM members WHERE loans_of(member_id) > 6;

-- @id subqueries.function_immutable
SELECT charge_band(charge), count(*) FROM loans GROUP BY 1;
