-- Joins of every kind: together, apart, everywhere, on one node.

-- @id joins.colocated | Q4
SELECT l.state, count(*), sum(l.charge) FROM members m JOIN loans l ON l.member_id = m.member_id WHERE m.active GROUP BY l.state;

-- @id joins.colocated_two_columns | Q4
SELECT t.genre, count(*), sum(c.cost) FROM titles t JOIN copies c ON c.lang = t.lang AND c.code = t.code GROUP BY t.genre;

-- @id joins.half_of_key | Q4: only one of two key columns: pairs lie on different nodes
SELECT count(*), count(DISTINCT c.lang) FROM titles t JOIN copies c ON c.code = t.code WHERE t.code < 6;

-- @id joins.keys_crossed | Q4: key columns joined crosswise
SELECT count(*) FROM titles a JOIN titles b ON a.lang = b.lang AND a.code = b.code + 1;

-- @id joins.off_key | Q4
SELECT count(*), sum(l.charge) FROM loans l JOIN copies c ON c.lang = l.lang AND c.code = l.code;

-- @id joins.off_key_other_group | Q4: equal column types, other colocation group
SELECT count(*), min(r.remark_id) FROM remarks r JOIN members m ON m.member_id = r.member_id;

-- @id joins.key_to_other_column | Q4
SELECT count(*) FROM members a JOIN loans b ON b.code = a.member_id;

-- @id joins.expression_of_key | Q4
SELECT count(*) FROM members a JOIN members b ON a.member_id = b.member_id + 1;

-- @id joins.cast_of_key | Q4: equality through a cast is no colocation, but the same rows
SELECT count(*) FROM members a JOIN loans b ON a.member_id::bigint = b.member_id::bigint;

-- @id joins.text_cast | Q4
SELECT count(*) FROM members a JOIN donations b ON a.member_id::text = b.donor::text;

-- @id joins.nondeterministic | Q4: labels that are equal but for case lie apart
SELECT count(*), count(DISTINCT (a.lang, a.code, b.lang, b.code)) FROM titles a JOIN titles b ON a.label = b.label AND (a.lang, a.code) < (b.lang, b.code);

-- @id joins.nondeterministic_explicit | Q4: an explicit collation in a join of keys
SELECT count(*) FROM titles a JOIN languages b ON a.lang = upper(b.lang) COLLATE nocase;

-- @id joins.left
SELECT count(*), count(l.loan_id), count(DISTINCT m.member_id) FROM members m LEFT JOIN loans l ON l.member_id = m.member_id AND l.state = 'late';

-- @id joins.left_off_key | Q8
SELECT count(*), count(c.copy_no) FROM loans l LEFT JOIN copies c ON c.lang = l.lang AND c.code = l.code AND c.branch = l.branch;

-- @id joins.right_off_key | Q8
SELECT count(*), count(l.loan_id) FROM loans l RIGHT JOIN branches b ON b.id = l.branch AND b.country = 'dk';

-- @id joins.full_off_key | Q8
SELECT count(*), count(r.remark_id), count(v.visit_id) FROM remarks r FULL JOIN visits v ON v.member_id = r.member_id AND v.kind = 'read';

-- @id joins.full_colocated | Q8
SELECT count(*), count(m.member_id), count(d.donation_id), sum(d.amount) FROM members m FULL JOIN donations d ON d.donor = m.member_id;

-- @id joins.full_null_keys | Q8: NULL keys of a FULL JOIN come out once each
SELECT d.donation_id, m.member_id FROM donations d FULL JOIN (SELECT * FROM members WHERE member_id < 5) m ON m.member_id = d.donor WHERE d.donor IS NULL;

-- @id joins.full_using
SELECT member_id, count(l.loan_id), count(v.visit_id) FROM (SELECT * FROM loans WHERE state = 'lost') l FULL JOIN (SELECT * FROM visits WHERE kind = 'event') v USING (member_id) GROUP BY member_id;

-- @id joins.replicated_outer | Q8: null-extended once, not once per node
SELECT g.lang, count(t.code) FROM languages g LEFT JOIN titles t ON t.lang = g.lang GROUP BY g.lang;

-- @id joins.replicated_outer_range | Q8
SELECT g.id, v.visit_id FROM genres g LEFT JOIN visits v ON v.member_id = g.id AND v.kind = 'return' WHERE g.id > 10;

-- @id joins.replicated_full | Q8
SELECT count(*), count(g.id), count(t.lang) FROM genres g FULL JOIN titles t ON t.genre = g.id;

-- @id joins.replicated_anti | Q8
SELECT g.id FROM genres g LEFT JOIN titles t ON t.genre = g.id AND t.price > 60 WHERE t.genre IS NULL;

-- @id joins.replicated_nullable | Q8: replicated table on the nullable side of a distributed one
SELECT count(*), count(g.id) FROM titles t LEFT JOIN genres g ON g.id = t.genre;

-- @id joins.replicated_cross
SELECT count(*) FROM languages CROSS JOIN titles;

-- @id joins.replicated_only_left
SELECT g.id, h.id FROM genres g LEFT JOIN genres h ON h.parent = g.id AND h.id % 2 = 0 WHERE g.id < 12;

-- @id joins.single_left
SELECT r.key, count(b.id) FROM rates r LEFT JOIN branches b ON b.staff > r.value * 10 GROUP BY r.key;

-- @id joins.single_random
SELECT r.key, count(k.remark_id) FROM rates r JOIN remarks k ON k.stars = round(r.value) GROUP BY r.key;

-- @id joins.cross
SELECT count(*), sum(b.staff), min(t.price) FROM branches b CROSS JOIN titles t WHERE t.code = 3;

-- @id joins.comma_three
SELECT count(*) FROM branches b, rates r, languages g WHERE b.staff < 9 AND g.speakers > 1000;

-- @id joins.non_equi
SELECT count(*) FROM branches a JOIN branches b ON a.opened < b.opened AND a.staff > b.staff;

-- @id joins.or
SELECT count(*) FROM loans l JOIN branches b ON b.id = l.branch OR b.staff = l.branch WHERE l.loan_id < 500;

-- @id joins.range_operator
SELECT count(*) FROM branches a JOIN branches b ON a.hours && b.hours AND a.id < b.id;

-- @id joins.like_operator
SELECT count(*) FROM titles t JOIN remarks r ON r.body LIKE '%' || t.code || '%' WHERE t.lang = 'da';

-- @id joins.on_true
SELECT count(*), count(x.code) FROM branches b LEFT JOIN (SELECT * FROM titles WHERE code > 9000) x ON true;

-- @id joins.on_false
SELECT count(*), count(a.key), count(b.id) FROM rates a FULL JOIN branches b ON false;

-- @id joins.natural | common columns lang and code
SELECT count(*), sum(price) FROM (SELECT lang, code, price FROM titles) t NATURAL JOIN (SELECT lang, code, shelf FROM copies) c;

-- @id joins.natural_full
SELECT lang, count(*) FROM (SELECT lang, code FROM titles) t NATURAL FULL JOIN (SELECT lang, name FROM languages) g GROUP BY lang;

-- @id joins.natural_nothing_common
SELECT count(*) FROM (SELECT key FROM rates) r NATURAL JOIN (SELECT staff FROM branches) b;

-- @id joins.using_three
SELECT lang, code, count(*) FROM titles JOIN copies USING (lang, code) JOIN remarks USING (lang, code) GROUP BY lang, code;

-- @id joins.using_alias
SELECT u.member_id, count(*) FROM members m JOIN loans l USING (member_id) AS u GROUP BY u.member_id HAVING count(*) > 4;

-- @id joins.using_star | merged columns first, once
SELECT * FROM branches JOIN (SELECT member_id AS id, name, stars FROM remarks JOIN members USING (member_id)) q USING (id) WHERE id < 12;

-- @id joins.star_order | Q11: columns in declared order, duplicates kept
SELECT * FROM branches b JOIN genres g ON g.id = b.id WHERE b.id < 9;

-- @id joins.duplicate_names
SELECT a.*, b.member_id, b.* FROM members a JOIN members b ON b.member_id = a.member_id + 1 WHERE a.member_id IN (5, 6);

-- @id joins.parenthesised_alias
SELECT j.name, j.n FROM (languages AS g JOIN (SELECT lang, count(*) AS n FROM titles GROUP BY lang) q USING (lang)) AS j WHERE j.n > 30;

-- @id joins.column_aliases
SELECT x, y, z.b FROM languages AS q (x, y), LATERAL (SELECT count(*) FROM titles t WHERE t.lang = q.x) AS z (b);

-- @id joins.whole_rows
SELECT b, g FROM branches b JOIN genres g ON g.id = b.id WHERE b.id IN (3, 4);

-- @id joins.whole_row_null | Q8: a null-extended whole row is NULL, not a row of NULLs
SELECT m.member_id, l, l IS NULL, (l.*) IS NULL FROM members m LEFT JOIN loans l ON l.member_id = m.member_id AND l.state = 'lost' WHERE m.member_id BETWEEN 1 AND 12;

-- @id joins.lateral_top | Q5: the best two per language over all nodes
SELECT g.lang, q.code, q.price FROM languages g CROSS JOIN LATERAL (SELECT t.code, t.price FROM titles t WHERE t.lang = g.lang AND t.price IS NOT NULL ORDER BY t.price DESC, t.code LIMIT 2) q;

-- @id joins.lateral_left
SELECT g.id, q.n FROM genres g LEFT JOIN LATERAL (SELECT count(*) AS n FROM titles t WHERE t.genre = g.id HAVING count(*) > 8) q ON true;

-- @id joins.lateral_off_key
SELECT b.country, b.id, q.loan_id FROM branches b LEFT JOIN LATERAL (SELECT l.loan_id FROM loans l WHERE l.branch = b.id ORDER BY l.taken DESC, l.loan_id LIMIT 1) q ON true;

-- @id joins.lateral_values
SELECT v.n, q.code, q.lang FROM (VALUES (1), (20), (40)) v (n) CROSS JOIN LATERAL (SELECT lang, code FROM titles WHERE price > v.n ORDER BY price, lang, code LIMIT 2) q;

-- @id joins.lateral_function
SELECT m.member_id, p.phone, p.n FROM members m CROSS JOIN LATERAL unnest(m.phones) WITH ORDINALITY AS p (phone, n) WHERE m.member_id < 40;

-- @id joins.lateral_json
SELECT t.lang, t.code, p.n, p.q FROM titles t CROSS JOIN LATERAL jsonb_to_recordset(t.facts -> 'parts') AS p (n int, q int) WHERE t.code < 5;

-- @id joins.lateral_two_deep
SELECT g.id, x.n FROM genres g, LATERAL (SELECT y.n FROM (SELECT 1) d, LATERAL (SELECT count(*) AS n FROM titles t WHERE t.genre = g.id AND t.pages > 300) y) x WHERE g.id < 9;

-- @id joins.self_off_key
SELECT count(*) FROM loans a JOIN loans b ON a.lang = b.lang AND a.code = b.code AND a.branch = b.branch AND a.loan_id < b.loan_id;

-- @id joins.neighbours
SELECT count(*), sum(b.charge - a.charge) FROM loans a JOIN loans b ON b.loan_id = a.loan_id + 1;

-- @id joins.range_distributed | range table with itself on its key
SELECT count(*) FROM visits a JOIN visits b ON a.day = b.day AND a.visit_id < b.visit_id;

-- @id joins.range_with_hash
SELECT v.kind, count(*), count(DISTINCT m.member_id) FROM visits v JOIN members m USING (member_id) GROUP BY v.kind;

-- @id joins.list_with_range
SELECT count(*) FROM branches b JOIN visits v ON extract(day FROM v.day) = b.staff;

-- @id joins.list_key
SELECT a.country, count(*) FROM branches a JOIN branches b ON a.country = b.country AND a.id <> b.id GROUP BY a.country;

-- @id joins.six
SELECT g.name, n.id, count(*), sum(l.charge) FROM languages g JOIN titles t ON t.lang = g.lang JOIN genres n ON n.id = t.genre JOIN loans l ON l.lang = t.lang AND l.code = t.code JOIN members m ON m.member_id = l.member_id JOIN branches b ON b.id = l.branch WHERE n.id < 10 GROUP BY g.name, n.id;

-- @id joins.six_outer | Q8: a chain of outer joins over mixed distributions
SELECT count(*), count(t.code), count(c.copy_no), count(l.loan_id), count(m.member_id), count(r.remark_id) FROM languages g LEFT JOIN titles t ON t.lang = g.lang AND t.price > 40 LEFT JOIN copies c ON c.lang = t.lang AND c.code = t.code AND c.branch < 20 LEFT JOIN loans l ON l.lang = c.lang AND l.code = c.code AND l.state = 'out' LEFT JOIN members m ON m.member_id = l.member_id AND m.active LEFT JOIN remarks r ON r.member_id = m.member_id;

-- @id joins.nested_outer | Q8
SELECT count(*), count(c.copy_no), count(b.id) FROM titles t LEFT JOIN (copies c JOIN branches b ON b.id = c.branch AND b.staff > 10) ON c.lang = t.lang AND c.code = t.code;

-- @id joins.nested_outer_of_outer | Q8
SELECT count(*), count(x.member_id), count(y.loan_id) FROM remarks r LEFT JOIN (members x LEFT JOIN loans y ON y.member_id = x.member_id AND y.state = 'back') ON x.member_id = r.member_id AND x.active;

-- @id joins.outer_where_coalesce | Q8: the predicate keeps null-extended rows
SELECT count(*) FROM members m LEFT JOIN loans l ON l.member_id = m.member_id AND l.charge > 30 WHERE coalesce(l.charge, 0) < 35;

-- @id joins.outer_where_strict | Q8: the predicate removes them
SELECT count(*) FROM members m LEFT JOIN loans l ON l.member_id = m.member_id WHERE l.charge > 30;

-- @id joins.outer_on_outer_side | Q8: ON condition over the preserved side alone
SELECT m.member_id, count(l.loan_id) FROM members m LEFT JOIN loans l ON l.member_id = m.member_id AND m.active WHERE m.member_id < 20 GROUP BY m.member_id;

-- @id joins.outer_constant_column | Q8: a constant of the nullable side becomes NULL
SELECT m.member_id, q.mark FROM members m LEFT JOIN (SELECT member_id, 'has' AS mark FROM loans WHERE state = 'lost') q ON q.member_id = m.member_id WHERE m.member_id < 25;

-- @id joins.is_distinct | equality that takes NULLs
SELECT count(*) FROM donations a JOIN donations b ON a.donor IS NOT DISTINCT FROM b.donor AND a.donation_id < b.donation_id;

-- @id joins.null_keys | NULL joins nothing
SELECT count(*) FROM donations a JOIN donations b ON a.donor = b.donor AND a.donation_id <> b.donation_id;

-- @id joins.aggregate_of_join
SELECT m.active, avg(q.n)::numeric(10,4), max(q.n) FROM members m JOIN (SELECT member_id, count(*) AS n FROM loans GROUP BY member_id) q USING (member_id) GROUP BY m.active;

-- @id joins.aggregate_on_join_off_key
SELECT b.id, q.n FROM branches b JOIN (SELECT branch, count(*) AS n FROM loans GROUP BY branch) q ON q.branch = b.id;

-- @id joins.view | Q1
SELECT o.name, o.due, t.label FROM open_loans o JOIN titles t USING (lang, code) WHERE o.charge > 35;

-- @id joins.view_aggregate | Q1
SELECT v.*, g.family FROM language_totals v JOIN languages g USING (lang);

-- @id joins.generate_series
SELECT d.d::date, count(v.visit_id) FROM generate_series('2024-03-25'::timestamp, '2024-04-05', '1 day') d LEFT JOIN visits v ON v.day = d.d GROUP BY d.d;

-- @id joins.unnest_array
SELECT k, count(*) FROM titles t, unnest(t.keywords) k GROUP BY k;

-- @id joins.rows_from
SELECT t.code, f.* FROM titles t CROSS JOIN LATERAL ROWS FROM (unnest(t.keywords), generate_series(1, 3)) WITH ORDINALITY AS f WHERE t.lang = 'el' AND t.code < 6;

-- @id joins.tablesample | a whole sample
SELECT count(*) FROM languages TABLESAMPLE SYSTEM (100);

-- @id joins.enum_join
SELECT count(*) FROM loans l JOIN unnest(enum_range(NULL::loan_state)) s ON s = l.state AND s > 'out';

-- @id joins.composite_join
SELECT count(*) FROM members a JOIN members b ON a.home = b.home AND a.member_id < b.member_id;

-- @id joins.array_join
SELECT count(*) FROM titles a JOIN titles b ON a.keywords && b.keywords AND (a.lang, a.code) < (b.lang, b.code) WHERE a.code < 4 AND b.code < 4;

-- @id joins.ambiguous | expect 42702 | messages
SELECT member_id FROM members JOIN loans ON members.member_id = loans.member_id;

-- @id joins.missing_from | expect 42P01 | messages
SELECT m.name FROM members JOIN loans USING (member_id) WHERE m.member_id = 1;

-- @id joins.invalid_reference | expect 42P01
SELECT * FROM members m JOIN (SELECT * FROM loans l WHERE l.member_id = m.member_id) q ON true;
