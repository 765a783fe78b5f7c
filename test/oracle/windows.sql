-- Window functions: once over the whole (Q5).

-- @id windows.row_number | Q5
SELECT loan_id, row_number() OVER (ORDER BY taken, loan_id) AS n FROM loans WHERE state = 'late';

-- @id windows.partition_by_key
SELECT member_id, loan_id, row_number() OVER (PARTITION BY member_id ORDER BY loan_id) FROM loans WHERE member_id < 40;

-- @id windows.partition_off_key | Q5
SELECT branch, loan_id, rank() OVER (PARTITION BY branch ORDER BY charge DESC NULLS LAST) FROM loans WHERE branch < 9;

-- @id windows.ranks
SELECT id, staff, rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w FROM branches WINDOW w AS (ORDER BY staff);

-- @id windows.ntile
SELECT id, ntile(4) OVER (ORDER BY id) FROM branches;

-- @id windows.lag_lead
SELECT id, lag(name) OVER (ORDER BY id), lead(staff, 2, -1::smallint) OVER (ORDER BY id DESC) FROM branches;

-- @id windows.first_last_nth
SELECT code, lang, first_value(code) OVER w, last_value(code) OVER w, nth_value(code, 2) OVER w FROM titles WHERE code < 8 WINDOW w AS (PARTITION BY lang ORDER BY price NULLS FIRST, code ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING);

-- @id windows.running_sum
SELECT donation_id, sum(amount) OVER (ORDER BY given, donation_id) FROM donations;

-- @id windows.whole_sum | Q5: the empty window is the whole table
SELECT lang, code, price, sum(price) OVER (), count(*) OVER () FROM titles WHERE code < 4;

-- @id windows.share
SELECT branch, count(*), round(count(*) * 100.0 / sum(count(*)) OVER (), 3) FROM loans GROUP BY branch;

-- @id windows.over_aggregate
SELECT state, lang, count(*), rank() OVER (PARTITION BY state ORDER BY count(*) DESC) FROM loans GROUP BY state, lang;

-- @id windows.rows_frame
SELECT donation_id, sum(amount) OVER (ORDER BY donation_id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING), count(*) OVER (ORDER BY donation_id ROWS 3 PRECEDING) FROM donations;

-- @id windows.range_frame
SELECT visit_id, day, count(*) OVER (ORDER BY day RANGE BETWEEN INTERVAL '3 days' PRECEDING AND CURRENT ROW) FROM visits WHERE day < '2024-03-01';

-- @id windows.groups_frame
SELECT donation_id, count(*) OVER (ORDER BY given GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM donations;

-- @id windows.exclude
SELECT donation_id, sum(amount) OVER (ORDER BY given RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW), count(*) OVER (ORDER BY given RANGE UNBOUNDED PRECEDING EXCLUDE TIES), count(*) OVER (ORDER BY given GROUPS 2 PRECEDING EXCLUDE GROUP) FROM donations;

-- @id windows.filter
SELECT donation_id, count(*) FILTER (WHERE purpose = 'roof') OVER (ORDER BY donation_id) FROM donations;

-- @id windows.named_inherit
SELECT id, count(*) OVER (w ORDER BY id), sum(staff) OVER w FROM branches WINDOW w AS (PARTITION BY country);

-- @id windows.two_windows
SELECT loan_id, row_number() OVER (PARTITION BY state ORDER BY loan_id), row_number() OVER (PARTITION BY lang ORDER BY loan_id DESC) FROM loans WHERE branch < 5;

-- @id windows.in_expression
SELECT id, staff - avg(staff) OVER (PARTITION BY country) > 0 AS above FROM branches WHERE staff IS NOT NULL;

-- @id windows.in_order_by
SELECT lang, code FROM titles WHERE price > 70 ORDER BY row_number() OVER (PARTITION BY lang ORDER BY price DESC, code), lang;

-- @id windows.top_per_group | Q5
SELECT * FROM (SELECT lang, code, price, row_number() OVER (PARTITION BY lang ORDER BY price DESC NULLS LAST, code) AS n FROM titles) q WHERE n <= 2;

-- @id windows.limit_after | Q5: LIMIT comes after the windows
SELECT loan_id, count(*) OVER () FROM loans ORDER BY loan_id LIMIT 3;

-- @id windows.distinct_after
SELECT DISTINCT lang, max(price) OVER (PARTITION BY lang) FROM titles;

-- @id windows.distinct_on_after
SELECT DISTINCT ON (country) country, id, count(*) OVER (PARTITION BY country) FROM branches ORDER BY country, id;

-- @id windows.having_group
SELECT branch, count(*) AS n, lag(count(*)) OVER (ORDER BY branch) FROM loans GROUP BY branch HAVING count(*) > 30;

-- @id windows.join
SELECT m.member_id, l.loan_id, count(*) OVER (PARTITION BY m.active ORDER BY l.loan_id) FROM members m JOIN loans l USING (member_id) WHERE l.state = 'lost';

-- @id windows.join_off_key
SELECT t.lang, t.code, r.remark_id, dense_rank() OVER (ORDER BY t.lang, t.code) FROM titles t JOIN remarks r USING (lang, code) WHERE r.stars = 5;

-- @id windows.order_icu | Q9
SELECT member_id, row_number() OVER (ORDER BY name, member_id), row_number() OVER (ORDER BY name COLLATE "C", member_id) FROM members;

-- @id windows.order_nocase | Q9: ties of a nondeterministic collation
SELECT lang, code, rank() OVER (ORDER BY label) FROM titles;

-- @id windows.array_agg
SELECT id, array_agg(id) OVER (PARTITION BY country ORDER BY id) FROM branches;

-- @id windows.set_operation
SELECT x, count(*) OVER (PARTITION BY x % 3) FROM (SELECT member_id AS x FROM members WHERE member_id < 9 UNION ALL SELECT code FROM titles WHERE lang = 'da') q;

-- @id windows.replicated
SELECT lang, sum(speakers) OVER (ORDER BY lang) FROM languages;

-- @id windows.no_table
SELECT g, sum(g) OVER (ORDER BY g) FROM generate_series(1, 5) g;

-- @id windows.empty
SELECT row_number() OVER (), count(*) OVER () FROM loans WHERE false;

-- @id windows.in_where | expect 42P20 | messages
SELECT id FROM branches WHERE row_number() OVER () = 1;

-- @id windows.single_member
SELECT loan_id, lag(taken) OVER (ORDER BY taken, loan_id) IS NULL, row_number() OVER (ORDER BY taken, loan_id) FROM loans WHERE member_id = 7 AND state = 'out';

-- @id windows.parameters
PREPARE p (int) AS SELECT id, ntile($1) OVER (ORDER BY id) FROM branches WHERE id <= $1 * 3;
EXECUTE p (3);
DEALLOCATE p;
