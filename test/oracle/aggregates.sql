-- GROUP BY, aggregates of every kind, grouping sets, HAVING.

-- @id aggregates.plain | Q5
SELECT count(*), count(charge), sum(charge), min(charge), max(charge), min(taken), max(state), min(lang) FROM loans;

-- @id aggregates.avg | Q10: one average of the whole
SELECT avg(charge), avg(loan_id), avg(branch), avg(extension) FROM loans;

-- @id aggregates.avg_of_small_and_large | Q10
SELECT lang, avg(price), avg(pages) FROM titles GROUP BY lang;

-- @id aggregates.over_nothing | Q13
SELECT count(*), sum(charge), array_agg(charge), avg(charge), bool_or(true) FROM loans WHERE loan_id < 0;

-- @id aggregates.over_nothing_grouped | Q13
SELECT state, count(*) FROM loans WHERE loan_id < 0 GROUP BY state;

-- @id aggregates.empty_grouping_set | Q13
SELECT count(*), 'total' FROM loans WHERE loan_id < 0 GROUP BY ();

-- @id aggregates.having_without_group | Q13
SELECT 'many' FROM loans HAVING count(*) > 1000;

-- @id aggregates.having_without_group_false | Q13
SELECT 1 FROM loans HAVING count(*) < 1000;

-- @id aggregates.having_no_table | Q13
SELECT 1 WHERE true HAVING true;

-- @id aggregates.group_by_key
SELECT member_id, count(*), sum(charge) FROM loans GROUP BY member_id;

-- @id aggregates.group_by_off_key | Q5
SELECT branch, state, count(*), sum(charge) FROM loans GROUP BY branch, state;

-- @id aggregates.group_by_half_key | Q5
SELECT lang, count(*), min(code), max(code) FROM titles GROUP BY lang;

-- @id aggregates.group_by_primary_key | functional dependency
SELECT m.member_id, m.name, m.login, count(l.loan_id) FROM members m LEFT JOIN loans l USING (member_id) WHERE m.member_id < 30 GROUP BY m.member_id;

-- @id aggregates.group_by_two_column_primary_key
SELECT t.lang, t.code, t.price, count(c.copy_no) FROM titles t LEFT JOIN copies c USING (lang, code) GROUP BY t.lang, t.code HAVING count(c.copy_no) > 4;

-- @id aggregates.group_by_expression
SELECT date_trunc('month', taken AT TIME ZONE 'UTC') AS m, count(*) FROM loans GROUP BY 1;

-- @id aggregates.group_by_alias
SELECT left(kind, 1) AS k, count(*) FROM visits GROUP BY k;

-- @id aggregates.group_by_ordinal_expression
SELECT code % 5, count(*), sum(price) FROM titles GROUP BY 1 HAVING sum(price) > 100;

-- @id aggregates.group_by_distinct
SELECT state, count(*) FROM loans GROUP BY DISTINCT ROLLUP (state), ROLLUP (state);

-- @id aggregates.group_by_all_nulls
SELECT donor IS NULL, count(*), count(donor), count(DISTINCT donor) FROM donations GROUP BY 1;

-- @id aggregates.group_by_nondeterministic | Q9: labels that are equal but for case are one group
SELECT count(*), min(upper(label COLLATE "C")) FROM titles GROUP BY label;

-- @id aggregates.group_by_composite
SELECT home, count(*) FROM members GROUP BY home HAVING count(*) > 1;

-- @id aggregates.group_by_array
SELECT keywords, count(*) FROM titles GROUP BY keywords;

-- @id aggregates.group_by_jsonb
SELECT facts -> 'ed', count(*) FROM titles GROUP BY facts -> 'ed';

-- @id aggregates.group_by_range
SELECT hours, count(*) FROM branches GROUP BY hours;

-- @id aggregates.group_by_bool_enum
SELECT m.active, l.state, count(*) FROM members m JOIN loans l USING (member_id) GROUP BY m.active, l.state;

-- @id aggregates.count_distinct | Q5
SELECT count(DISTINCT branch), count(DISTINCT lang), count(DISTINCT (lang, code)), count(DISTINCT member_id) FROM loans;

-- @id aggregates.count_distinct_grouped | Q5
SELECT state, count(DISTINCT branch), sum(DISTINCT branch) FROM loans GROUP BY state;

-- @id aggregates.count_distinct_nocase | Q9
SELECT count(DISTINCT label), count(DISTINCT label COLLATE "C") FROM titles;

-- @id aggregates.sum_distinct_numeric
SELECT sum(DISTINCT amount), avg(DISTINCT amount) FROM donations;

-- @id aggregates.filter
SELECT count(*) FILTER (WHERE state = 'out'), sum(charge) FILTER (WHERE state = 'late' AND charge > 10), array_agg(DISTINCT branch ORDER BY branch) FILTER (WHERE branch < 5) FROM loans;

-- @id aggregates.filter_grouped
SELECT lang, count(*) FILTER (WHERE charge IS NULL) AS free, count(DISTINCT code) FILTER (WHERE state <> 'lost') FROM loans GROUP BY lang;

-- @id aggregates.string_agg | order inside the aggregate
SELECT lang, string_agg(code::text, ',' ORDER BY code DESC) FROM titles WHERE price > 70 GROUP BY lang;

-- @id aggregates.string_agg_collation | Q9
SELECT string_agg(name, '|' ORDER BY name, member_id), string_agg(name, '|' ORDER BY name COLLATE "C", member_id) FROM members WHERE member_id < 80;

-- @id aggregates.array_agg | two dimensions and NULLs
SELECT array_agg(path ORDER BY id) FILTER (WHERE path[1] = 1), array_agg(parent ORDER BY id) FROM genres;

-- @id aggregates.array_agg_distinct
SELECT array_agg(DISTINCT kind ORDER BY kind DESC) FROM visits;

-- @id aggregates.json_agg
SELECT json_agg(code ORDER BY code) FILTER (WHERE code < 5), jsonb_object_agg(code, price) FILTER (WHERE code < 5) FROM titles WHERE lang = 'da';

-- @id aggregates.json_agg_rows
SELECT json_agg(g ORDER BY g.lang) FROM languages g;

-- @id aggregates.json_constructors
SELECT JSON_OBJECTAGG(lang : speakers ABSENT ON NULL RETURNING jsonb), JSON_ARRAYAGG(lang ORDER BY lang NULL ON NULL) FROM languages;

-- @id aggregates.bool_bit
SELECT bool_and(active), bool_or(active), every(member_id > 0), bit_and(member_id), bit_or(member_id), bit_xor(member_id) FROM members;

-- @id aggregates.min_max_types
SELECT min(at), max(took), min(day), max(kind), min(val), max(score), max(at_local) FROM visits;

-- @id aggregates.min_max_more_types
SELECT min(keywords), max(keywords), min(published), max(author COLLATE "C"), max(author COLLATE "und-x-icu") FROM titles;

-- @id aggregates.min_max_icu | Q9
SELECT min(name COLLATE "C"), max(name COLLATE "C") FROM members;

-- @id aggregates.numeric_scale | Q10
SELECT sum(val), avg(val), sum(val) / count(val), round(avg(val), 3) FROM visits;

-- @id aggregates.numeric_large | Q10: no precision is lost
SELECT sum(member_id::numeric ^ 20), avg(1e30 + member_id) FROM members WHERE member_id < 50;

-- @id aggregates.bigint_overflow_sum | sum of bigint is numeric
SELECT sum(9223372036854775000 + loan_id % 700) FROM loans;

-- @id aggregates.statistics | Q10: rounded, since floats may differ in the last place
SELECT round(stddev(pages), 6), round(variance(pages), 4), round(stddev_pop(price), 6), round(corr(pages, price)::numeric, 6), round(regr_slope(pages, price)::numeric, 6), regr_count(pages, price) FROM titles;

-- @id aggregates.float_sum | Q10: multiples of a quarter: exact in any order
SELECT sum(weight), avg(weight), sum(score), max(weight) FROM titles, (SELECT score FROM visits WHERE visit_id < 4) v;

-- @id aggregates.percentile
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY pages), percentile_disc(0.9) WITHIN GROUP (ORDER BY price), percentile_disc(ARRAY[0.1, 0.5]) WITHIN GROUP (ORDER BY published) FROM titles;

-- @id aggregates.mode
SELECT mode() WITHIN GROUP (ORDER BY member_id) FROM loans;

-- @id aggregates.hypothetical
SELECT rank(300) WITHIN GROUP (ORDER BY pages), dense_rank(300) WITHIN GROUP (ORDER BY pages), cume_dist(300) WITHIN GROUP (ORDER BY pages) FROM titles;

-- @id aggregates.percentile_grouped
SELECT lang, percentile_cont(0.25) WITHIN GROUP (ORDER BY pages) FROM titles GROUP BY lang;

-- @id aggregates.range_agg
SELECT range_agg(hours), range_intersect_agg(hours) FROM branches WHERE country = 'dk';

-- @id aggregates.range_agg_span
SELECT lang, range_agg(span) FROM loans WHERE lang IN ('da', 'tr') AND branch < 4 GROUP BY lang;

-- @id aggregates.any_value
SELECT any_value(lang) FROM titles WHERE lang = 'da';

-- @id aggregates.grouping_sets | Q13
SELECT lang, state, count(*), sum(charge), grouping(lang, state) FROM loans GROUP BY GROUPING SETS ((lang, state), (lang), (state), ());

-- @id aggregates.rollup
SELECT country, staff > 20 AS big, count(*), grouping(country) FROM branches GROUP BY ROLLUP (country, staff > 20);

-- @id aggregates.cube
SELECT kind, extract(quarter FROM day) AS q, count(*), avg(val)::numeric(12,4) FROM visits GROUP BY CUBE (kind, 2);

-- @id aggregates.cube_mixed
SELECT lang, branch % 2 AS odd, state, count(*) FROM loans WHERE branch < 6 GROUP BY lang, CUBE (branch % 2, state);

-- @id aggregates.grouping_sets_empty_input | Q13: only the empty set gives a row
SELECT state, count(*) FROM loans WHERE false GROUP BY GROUPING SETS ((state), (), ());

-- @id aggregates.grouping_order
SELECT state, count(*) FROM loans GROUP BY ROLLUP (state) ORDER BY grouping(state) DESC, state;

-- @id aggregates.having
SELECT branch, count(*) FROM loans GROUP BY branch HAVING count(*) > 35 AND min(charge) < 1;

-- @id aggregates.having_key_condition
SELECT member_id, count(*) FROM loans GROUP BY member_id HAVING member_id < 10;

-- @id aggregates.having_other_aggregate
SELECT lang FROM titles GROUP BY lang HAVING max(price) - min(price) > 85 AND bool_or(pages > 890);

-- @id aggregates.order_by_aggregate
SELECT branch, count(*) AS n FROM loans GROUP BY branch ORDER BY n DESC, branch LIMIT 7;

-- @id aggregates.limit_groups | Q5
SELECT member_id, sum(charge) FROM loans GROUP BY member_id ORDER BY sum(charge) DESC NULLS LAST, member_id LIMIT 5 OFFSET 2;

-- @id aggregates.nested
SELECT max(s), avg(n)::numeric(10,4) FROM (SELECT branch, sum(charge) AS s, count(*) AS n FROM loans GROUP BY branch) q;

-- @id aggregates.of_aggregate | expect 42803 | messages
SELECT sum(count(*)) FROM loans;

-- @id aggregates.ungrouped | expect 42803 | messages
SELECT state, charge FROM loans GROUP BY state;

-- @id aggregates.in_where | expect 42803 | messages
SELECT state FROM loans WHERE count(*) > 1;

-- @id aggregates.set_returning_in_list | Q13
SELECT generate_series(1, 2), count(*) FROM languages GROUP BY 1;

-- @id aggregates.set_returning_above | Q13: expanded after the aggregation
SELECT state, generate_series(1, count(*) / 100) FROM loans GROUP BY state;

-- @id aggregates.set_returning_only | Q13: once per row
SELECT lang, unnest(ARRAY[1, 2]) FROM languages;

-- @id aggregates.set_returning_constant | Q13: no row of the table is read
SELECT generate_series(1, 3) FROM languages WHERE lang = 'da';

-- @id aggregates.whole_row_count
SELECT count(m), count(m.*), count(DISTINCT m.home) FROM members m;

-- @id aggregates.constant
SELECT count(1), count(NULL), sum(2), max('x') FROM remarks;

-- @id aggregates.expression_of_aggregates
SELECT state, sum(charge) / nullif(count(charge), 0), (max(charge) - min(charge)) * 2 AS spread FROM loans GROUP BY state;

-- @id aggregates.replicated | once, not once per node
SELECT count(*), sum(speakers) FROM languages;

-- @id aggregates.random
SELECT stars, count(*), count(body), min(written) FROM remarks GROUP BY stars;

-- @id aggregates.user_defined | may-refuse
CREATE AGGREGATE pg_temp.product (int) (sfunc = int4mul, stype = int, initcond = '1');
SELECT count(*) FROM genres;

-- @id aggregates.xml_like_concat
SELECT length(string_agg(coalesce(remark, ''), '' ORDER BY loan_id)) FROM loans;

-- @id aggregates.ordered_two_keys
SELECT lang, array_agg(code ORDER BY price DESC NULLS LAST, code) FROM titles WHERE code < 9 GROUP BY lang;

-- @id aggregates.bytea
SELECT string_agg(cover, '\x00'::bytea ORDER BY code) FROM titles WHERE lang = 'is' AND code < 8;

-- @id aggregates.interval_sum
SELECT branch, sum(extension), avg(extension) FROM loans WHERE branch < 8 GROUP BY branch;
