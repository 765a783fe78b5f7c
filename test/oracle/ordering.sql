-- ORDER BY, DISTINCT, LIMIT: merged and cut once (Q5, Q9).

-- @id ordering.key
SELECT member_id FROM members ORDER BY member_id;

-- @id ordering.descending
SELECT loan_id, taken FROM loans ORDER BY taken DESC, loan_id;

-- @id ordering.icu | Q9
SELECT name, member_id FROM members ORDER BY name, member_id;

-- @id ordering.icu_descending | Q9
SELECT name, member_id FROM members ORDER BY name DESC NULLS LAST, member_id DESC LIMIT 50;

-- @id ordering.c | Q9
SELECT name, member_id FROM members ORDER BY name COLLATE "C", member_id LIMIT 100;

-- @id ordering.default_collation | Q9
SELECT author, lang, code FROM titles ORDER BY author, lang, code;

-- @id ordering.nocase | Q9: equal labels tie, the next key decides
SELECT label, lang, code FROM titles ORDER BY label, lang, code;

-- @id ordering.nocase_limit | Q9
SELECT label COLLATE "C", lang, code FROM titles ORDER BY label DESC, code, lang LIMIT 30 OFFSET 20;

-- @id ordering.nulls_first
SELECT id, staff, opened FROM branches ORDER BY staff NULLS FIRST, opened DESC NULLS LAST, id;

-- @id ordering.expression
SELECT loan_id FROM loans WHERE branch < 10 ORDER BY charge % 7 DESC NULLS LAST, -loan_id;

-- @id ordering.not_selected
SELECT body FROM remarks WHERE stars = 4 ORDER BY remark_id DESC;

-- @id ordering.ordinal
SELECT country, id FROM branches ORDER BY 1 DESC, 2;

-- @id ordering.alias_wins | the alias wins over the column
SELECT -id AS id, staff FROM branches ORDER BY id;

-- @id ordering.alias_in_expression | in an expression the column wins
SELECT -id AS id FROM branches ORDER BY id + 0;

-- @id ordering.using
SELECT id FROM genres ORDER BY id USING >;

-- @id ordering.enum | order of the labels' declaration
SELECT state, loan_id FROM loans WHERE branch = 4 ORDER BY state DESC, loan_id;

-- @id ordering.types
SELECT visit_id, took, val, score, at_local FROM visits WHERE visit_id % 9 = 0 ORDER BY took NULLS FIRST, val DESC NULLS LAST, score, at_local, visit_id;

-- @id ordering.arrays_json
SELECT lang, code, keywords, facts FROM titles WHERE code % 6 = 0 ORDER BY keywords NULLS FIRST, facts -> 'isbn', lang, code;

-- @id ordering.bytea_uuid
SELECT m.member_id FROM members m ORDER BY m.card NULLS FIRST, m.member_id LIMIT 40;

-- @id ordering.composite
SELECT member_id FROM members WHERE home IS NOT NULL ORDER BY home, member_id LIMIT 60;

-- @id ordering.row
SELECT lang, code FROM titles ORDER BY ROW(code, lang) LIMIT 25;

-- @id ordering.range
SELECT id, hours FROM branches ORDER BY hours NULLS FIRST, id;

-- @id ordering.limit | Q5
SELECT loan_id, charge FROM loans ORDER BY charge DESC NULLS LAST, loan_id LIMIT 10;

-- @id ordering.limit_offset | Q5
SELECT loan_id FROM loans ORDER BY loan_id LIMIT 10 OFFSET 1595;

-- @id ordering.offset_only | Q5
SELECT loan_id FROM loans ORDER BY loan_id OFFSET 1590;

-- @id ordering.offset_beyond | Q5
SELECT loan_id FROM loans ORDER BY loan_id OFFSET 100000;

-- @id ordering.limit_zero
SELECT * FROM loans ORDER BY loan_id LIMIT 0;

-- @id ordering.limit_all
SELECT lang FROM languages ORDER BY lang LIMIT ALL OFFSET 2;

-- @id ordering.limit_null
SELECT lang FROM languages ORDER BY lang LIMIT NULL OFFSET NULL;

-- @id ordering.limit_without_order | Q5: any rows, but exactly so many
SELECT count(*) FROM (SELECT member_id FROM loans LIMIT 17) q;

-- @id ordering.limit_offset_without_order | Q5
SELECT count(*) FROM (SELECT member_id FROM loans OFFSET 1590) q;

-- @id ordering.limit_constant_rows
SELECT 1 FROM loans LIMIT 3;

-- @id ordering.fetch_first
SELECT loan_id FROM loans ORDER BY loan_id FETCH FIRST 3 ROWS ONLY;

-- @id ordering.with_ties | Q5
SELECT * FROM (SELECT branch, loan_id FROM loans WHERE branch < 4 ORDER BY branch FETCH FIRST 1 ROW WITH TIES) q;

-- @id ordering.with_ties_count | Q5
SELECT count(*) FROM (SELECT staff FROM branches ORDER BY staff DESC NULLS LAST FETCH FIRST 3 ROWS WITH TIES) q;

-- @id ordering.limit_expression
SELECT loan_id FROM loans ORDER BY loan_id LIMIT 2 + 3 OFFSET length('ab');

-- @id ordering.limit_negative | expect 2201W | messages
SELECT loan_id FROM loans LIMIT -1;

-- @id ordering.offset_negative | expect 2201X | messages
SELECT loan_id FROM loans OFFSET -1;

-- @id ordering.limit_parameter | Q5
PREPARE p (bigint, bigint) AS SELECT loan_id FROM loans ORDER BY loan_id LIMIT $1 OFFSET $2;
EXECUTE p (3, 2);
EXECUTE p (NULL, 1597);
DEALLOCATE p;

-- @id ordering.distinct | Q5
SELECT DISTINCT state FROM loans;

-- @id ordering.distinct_two | Q5
SELECT DISTINCT lang, branch IS NULL FROM loans;

-- @id ordering.distinct_key | the key is in the list
SELECT DISTINCT member_id FROM loans WHERE state = 'back';

-- @id ordering.distinct_order
SELECT DISTINCT upper(kind) AS k FROM visits ORDER BY k DESC;

-- @id ordering.distinct_limit | Q5
SELECT DISTINCT branch FROM loans ORDER BY branch LIMIT 5;

-- @id ordering.distinct_nulls
SELECT DISTINCT donor IS NULL, purpose FROM donations;

-- @id ordering.distinct_nocase | Q9
SELECT count(*) FROM (SELECT DISTINCT label FROM titles) q;

-- @id ordering.distinct_aggregate
SELECT DISTINCT count(*) FROM loans GROUP BY branch;

-- @id ordering.distinct_on | Q5
SELECT DISTINCT ON (state) state, loan_id, charge FROM loans ORDER BY state, charge DESC NULLS LAST, loan_id;

-- @id ordering.distinct_on_two | Q5
SELECT DISTINCT ON (lang, branch) lang, branch, loan_id FROM loans WHERE branch < 6 ORDER BY lang, branch, loan_id DESC;

-- @id ordering.distinct_on_expression
SELECT DISTINCT ON (date_trunc('month', day)) day, visit_id FROM visits ORDER BY date_trunc('month', day), day DESC, visit_id;

-- @id ordering.distinct_on_key
SELECT DISTINCT ON (member_id) member_id, loan_id FROM loans WHERE member_id < 60 ORDER BY member_id, loan_id DESC;

-- @id ordering.distinct_on_limit | Q5
SELECT DISTINCT ON (branch) branch, loan_id FROM loans ORDER BY branch, loan_id LIMIT 4 OFFSET 1;

-- @id ordering.distinct_on_mismatch | expect 42P10 | messages
SELECT DISTINCT ON (state) loan_id FROM loans ORDER BY loan_id;

-- @id ordering.distinct_hidden | expect 42P10 | messages
SELECT DISTINCT state FROM loans ORDER BY charge;

-- @id ordering.ordinal_out_of_range | expect 42P10 | messages
SELECT lang FROM languages ORDER BY 3;

-- @id ordering.subquery_order_lost | the outer query orders anew
SELECT count(*) FROM (SELECT * FROM loans ORDER BY taken) q;

-- @id ordering.union_of_ordered
(SELECT id FROM genres ORDER BY id DESC LIMIT 2) UNION ALL (SELECT id FROM branches ORDER BY id LIMIT 2) ORDER BY id;

-- @id ordering.join_limit | Q5
SELECT m.member_id, l.loan_id FROM members m JOIN loans l USING (member_id) ORDER BY l.taken DESC, l.loan_id LIMIT 10;

-- @id ordering.join_off_key_limit | Q5
SELECT t.lang, t.code, l.loan_id FROM titles t JOIN loans l USING (lang, code) ORDER BY t.price DESC NULLS LAST, t.lang, t.code, l.loan_id LIMIT 12;

-- @id ordering.range_table
SELECT day, visit_id FROM visits ORDER BY day DESC, visit_id LIMIT 20;

-- @id ordering.list_table
SELECT country, id FROM branches ORDER BY country, id;

-- @id ordering.random_table | Q5
SELECT remark_id FROM remarks ORDER BY written NULLS FIRST, remark_id LIMIT 70;

-- @id ordering.replicated
SELECT name FROM languages ORDER BY name;

-- @id ordering.numeric_special
SELECT x FROM (SELECT 'NaN'::numeric AS x FROM languages WHERE lang = 'da' UNION ALL SELECT 'Infinity' UNION ALL SELECT '-Infinity' UNION ALL SELECT val FROM visits WHERE visit_id < 6) q ORDER BY x NULLS FIRST;

-- @id ordering.many_rows | a result that spans many packets
SELECT l.*, m.login FROM loans l JOIN members m USING (member_id) ORDER BY l.loan_id;
