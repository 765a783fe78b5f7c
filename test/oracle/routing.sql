-- Statements whose relevant rows lie on one node, and those that only look so.

-- @id routing.point | one shard by its key
SELECT * FROM members WHERE member_id = 17;

-- @id routing.point_missing | a key that no row has
SELECT name FROM members WHERE member_id = 99999;

-- @id routing.point_null | = NULL selects nothing
SELECT member_id FROM members WHERE member_id = NULL;

-- @id routing.is_null_key | rows with a NULL key lie on one shard
SELECT donation_id, amount FROM donations WHERE donor IS NULL;

-- @id routing.two_column_key | both columns of the key
SELECT label, price FROM titles WHERE lang = 'da' AND code = 3;

-- @id routing.two_column_key_half | one column of the key says nothing about the shard
SELECT code, label FROM titles WHERE lang = 'da';

-- @id routing.two_column_key_reversed_sides
SELECT code, label FROM titles WHERE 3 = code AND 'tr'::text = lang;

-- @id routing.colocated_join
SELECT m.name, l.loan_id, l.state FROM members m JOIN loans l USING (member_id) WHERE m.member_id = 7 AND l.loan_id < 200;

-- @id routing.colocated_three | equality carried through two joins
SELECT m.name, count(DISTINCT l.loan_id), sum(DISTINCT d.amount) FROM members m JOIN loans l ON l.member_id = m.member_id LEFT JOIN donations d ON d.donor = l.member_id WHERE d.donor = 7 OR m.member_id = 7 GROUP BY m.name;

-- @id routing.equality_carried
SELECT count(*), sum(d.amount) FROM members m, loans l, donations d WHERE m.member_id = l.member_id AND l.member_id = d.donor AND d.donor = 7;

-- @id routing.with_replicated
SELECT t.label, g.name, n.name FROM titles t LEFT JOIN genres n ON n.id = t.genre JOIN languages g USING (lang) WHERE t.lang = 'sv' AND t.code IN (4);

-- @id routing.in_list | several shards, only some nodes
SELECT member_id, name FROM members WHERE member_id IN (1, 2, 3, 50, 399, 1000);

-- @id routing.in_list_null | a NULL in the list
SELECT member_id FROM members WHERE member_id IN (1, NULL, 3);

-- @id routing.not_in_null | Q8: NOT IN with a NULL selects nothing
SELECT member_id FROM members WHERE member_id NOT IN (1, NULL, 3);

-- @id routing.any_array
SELECT member_id, login FROM members WHERE member_id = ANY ('{5,6,7,8}'::int[]);

-- @id routing.any_array_constructor
SELECT member_id FROM members WHERE member_id = ANY (ARRAY[5, 2 * 3, NULL]);

-- @id routing.some_array
SELECT member_id FROM members WHERE member_id = SOME (ARRAY[9, 10]::bigint[]);

-- @id routing.all_array
SELECT member_id FROM members WHERE member_id = ALL (ARRAY[9, 9]);

-- @id routing.row_in
SELECT label FROM titles WHERE (lang, code) IN (('da', 1), ('de', 2), ('xx', 3));

-- @id routing.row_equal
SELECT label FROM titles WHERE (lang, code) = ('de', 7);

-- @id routing.row_compare | a row comparison is no equality
SELECT lang, code FROM titles WHERE (lang, code) < ('da', 4);

-- @id routing.or_of_keys
SELECT member_id, name FROM members WHERE member_id = 3 OR member_id = 300;

-- @id routing.or_with_other | OR with a condition off the key: all shards
SELECT member_id FROM members WHERE member_id = 3 OR login = 'user40.a' OR login = 'user40.b' OR login = 'user40.c';

-- @id routing.contradiction
SELECT member_id FROM members WHERE member_id = 3 AND member_id = 4;

-- @id routing.not_equal
SELECT count(*) FROM members WHERE NOT member_id = 3;

-- @id routing.expression_value | the value is an expression
SELECT name FROM members WHERE member_id = 3 + 4 * 5;

-- @id routing.expression_on_key | an expression over the key is not the key
SELECT member_id FROM members WHERE member_id + 0 = 17 OR abs(member_id) = 18;

-- @id routing.cast_key | Q12: a cast of the key is not the key
SELECT member_id FROM members WHERE member_id::text = '17' OR member_id::numeric = 18.0;

-- @id routing.numeric_literal | Q12: 17.0 is compared as numeric, and equals
SELECT member_id FROM members WHERE member_id = 17.0;

-- @id routing.numeric_literal_fraction | Q12: 17.5 equals no integer
SELECT member_id FROM members WHERE member_id = 17.5;

-- @id routing.float_literal | Q12
SELECT member_id FROM members WHERE member_id = 1.7e1;

-- @id routing.bigint_literal | Q12: beyond the range of the column's type
SELECT member_id FROM members WHERE member_id = 99999999999;

-- @id routing.unknown_literal | a quoted literal takes the column's type
SELECT member_id FROM members WHERE member_id = ' 17 ';

-- @id routing.unknown_literal_bad | expect 22P02 | messages
SELECT member_id FROM members WHERE member_id = 'seventeen';

-- @id routing.smallint_literal
SELECT member_id FROM members WHERE member_id = '17'::smallint;

-- @id routing.text_key_literals | text key written as varchar, char, escape, dollar and unicode literals
SELECT count(*) FROM titles WHERE (lang = 'da'::varchar AND code = 1) OR (lang = E'd\x65' AND code = 2) OR (lang = $q$sv$q$ AND code = 3) OR (lang = U&'\0074r' AND code = 5) OR (lang = 'd' || 'a' AND code = 9);

-- @id routing.text_key_char | Q12: compared as bpchar, trailing blanks do not count
SELECT lang, code FROM titles WHERE lang = 'da  '::char(4) AND code = 3;

-- @id routing.text_key_collate | Q12: an explicit nondeterministic collation on a deterministic key
SELECT lang, code FROM titles WHERE lang = 'DA' COLLATE nocase AND code < 4;

-- @id routing.hexadecimal
SELECT name FROM members WHERE member_id = 0x11 OR member_id = 0b100 OR member_id = 0o17 OR member_id = 1_00;

-- @id routing.between_hash
SELECT member_id FROM members WHERE member_id BETWEEN 10 AND 20;

-- @id routing.range_point
SELECT visit_id, kind FROM visits WHERE day = '2024-05-05';

-- @id routing.range_between
SELECT count(*), min(day), max(day) FROM visits WHERE day BETWEEN '2024-02-10' AND '2024-03-20';

-- @id routing.range_between_two_slices
SELECT count(*), min(day), max(day) FROM visits WHERE day BETWEEN '2024-03-20' AND '2024-04-10';

-- @id routing.range_bounds | the bound itself lies in the upper slice
SELECT day, visit_id FROM visits WHERE day >= '2024-03-31' AND day <= '2024-04-01';

-- @id routing.range_symmetric
SELECT count(*) FROM visits WHERE day BETWEEN SYMMETRIC '2024-03-20' AND '2024-02-10';

-- @id routing.range_not_between
SELECT count(*) FROM visits WHERE day NOT BETWEEN '2024-03-20' AND '2024-12-10';

-- @id routing.range_half_open
SELECT count(*), count(*) FILTER (WHERE day > '2024-11-30') FROM visits WHERE day > DATE '2024-08-01';

-- @id routing.range_timestamp | Q12: a date compared with a timestamp
SELECT count(*) FROM visits WHERE day >= TIMESTAMP '2024-03-31 12:00' AND day < TIMESTAMP '2024-04-02 00:00';

-- @id routing.range_timestamptz | Q12: depends on the session's time zone
SET TimeZone = 'Pacific/Kiritimati';
SELECT count(*), min(day), max(day) FROM visits WHERE day >= TIMESTAMPTZ '2024-03-31 11:00Z' AND day < TIMESTAMPTZ '2024-04-02 00:00Z';
SET TimeZone = 'America/Los_Angeles';
SELECT count(*), min(day), max(day) FROM visits WHERE day >= TIMESTAMPTZ '2024-03-31 11:00Z' AND day < TIMESTAMPTZ '2024-04-02 00:00Z';

-- @id routing.range_datestyle | Q6: the literal is read under the session's DateStyle
SET DateStyle = 'SQL, DMY';
SELECT count(*), min(day) FROM visits WHERE day = '01/04/2024';
SET DateStyle = 'SQL, MDY';
SELECT count(*), min(day) FROM visits WHERE day = '01/04/2024';

-- @id routing.range_special_dates
SELECT count(*) FROM visits WHERE day > '-infinity' AND day < 'infinity';

-- @id routing.range_arithmetic
SELECT count(*), min(day), max(day) FROM visits WHERE day >= DATE '2024-03-25' + 3 AND day < DATE '2024-03-25' + INTERVAL '1 month';

-- @id routing.list_point
SELECT id, name FROM branches WHERE country = 'dk';

-- @id routing.list_in
SELECT country, id FROM branches WHERE country IN ('it', 'fr', 'nowhere');

-- @id routing.list_default_slice | values that no slice names
SELECT country, id FROM branches WHERE country = 'IT' OR country = 'gr';

-- @id routing.list_expression | lower() of the key is not the key
SELECT country, count(*) FROM branches WHERE lower(country) = 'it' GROUP BY country;

-- @id routing.replicated_only
SELECT * FROM languages;

-- @id routing.replicated_pair
SELECT a.id, b.name FROM genres a JOIN genres b ON b.id = a.parent WHERE a.id < 20;

-- @id routing.single
SELECT * FROM rates WHERE key = 'rate-3';

-- @id routing.single_with_replicated
SELECT r.key, g.name FROM rates r, genres g WHERE g.id = length(r.key) AND r.value IS NOT NULL;

-- @id routing.random_by_column | a random table has no key
SELECT remark_id, body FROM remarks WHERE member_id = 17 OR remark_id = 3;

-- @id routing.no_table
SELECT 1 AS a, 'x' AS b, NULL AS c, 2.50 AS d, now() IS NOT NULL AS e;

-- @id routing.values
VALUES (1, 'a'), (2, NULL), (3, 'c');

-- @id routing.empty_target_list
SELECT FROM members WHERE member_id < 4;

-- @id routing.where_false
SELECT * FROM members WHERE false;

-- @id routing.where_null
SELECT member_id FROM members WHERE NULL::bool;

-- @id routing.key_in_cte
WITH one AS (SELECT * FROM loans WHERE member_id = 7) SELECT state, count(*) FROM one GROUP BY state;

-- @id routing.key_outside_subquery | the predicate stands outside of the subquery
SELECT * FROM (SELECT member_id, count(*) AS n FROM loans GROUP BY member_id) q WHERE q.member_id = 7;

-- @id routing.key_outside_limit | Q5: may not be pushed below LIMIT
SELECT * FROM (SELECT member_id, loan_id FROM loans ORDER BY loan_id LIMIT 50) q WHERE member_id = 7;

-- @id routing.key_outside_window | Q5: may be pushed only below PARTITION BY of the key
SELECT * FROM (SELECT member_id, loan_id, row_number() OVER (ORDER BY loan_id) AS n FROM loans) q WHERE member_id = 8;

-- @id routing.key_outside_distinct_on
SELECT * FROM (SELECT DISTINCT ON (state) state, member_id, loan_id FROM loans ORDER BY state, loan_id) q WHERE member_id = 7;

-- @id routing.view_by_key | Q1
SELECT * FROM open_loans WHERE member_id = 7 AND loan_id < 300;

-- @id routing.union_of_same_key
SELECT loan_id AS id FROM loans WHERE member_id = 7 AND loan_id < 100 UNION ALL SELECT donation_id FROM donations WHERE donor = 7;

-- @id routing.union_of_other_keys
SELECT member_id, loan_id AS id FROM loans WHERE member_id = 7 AND loan_id < 100 UNION ALL SELECT donor, donation_id FROM donations WHERE donor = 8;

-- @id routing.left_join_key_inner_side | Q8: the key of the nullable side does not restrict the outer side
SELECT m.member_id, l.loan_id FROM members m LEFT JOIN loans l ON l.member_id = m.member_id AND l.member_id = 9 WHERE m.member_id < 12;

-- @id routing.left_join_key_where | Q8
SELECT m.member_id, l.loan_id FROM members m LEFT JOIN loans l ON l.member_id = m.member_id WHERE l.member_id = 9;

-- @id routing.left_join_is_null | Q8
SELECT m.member_id FROM members m LEFT JOIN loans l ON l.member_id = m.member_id WHERE l.member_id IS NULL AND m.member_id > 360;

-- @id routing.full_join_key | Q8
SELECT m.member_id, d.donation_id FROM members m FULL JOIN donations d ON d.donor = m.member_id AND m.member_id = 7 WHERE coalesce(m.member_id, d.donor, 0) < 12;

-- @id routing.case_key | a CASE around the key
SELECT member_id FROM members WHERE CASE WHEN member_id = 5 THEN true ELSE member_id = 6 END;

-- @id routing.is_distinct
SELECT donation_id FROM donations WHERE donor IS NOT DISTINCT FROM NULL OR donor IS NOT DISTINCT FROM 7;

-- @id routing.qualified_names
SELECT public.members.member_id, members.name FROM public.members WHERE public.members.member_id = 12;

-- @id routing.whole_row
SELECT m FROM members m WHERE m.member_id = 12;

-- @id routing.whole_row_star | a row's text has the columns of the logical table
SELECT (m).*, m.home FROM members m WHERE m.member_id = 13;

-- @id routing.only | ONLY of a logical table is the table
SELECT count(*) FROM ONLY members;

-- @id routing.table_command
TABLE languages;

-- @id routing.quoted_identifiers | X4
SELECT "m"."member_id" AS "a ""quoted"" name", 'it''s' AS "select", "name" AS "ÆØÅ" FROM "members" "m" WHERE "m"."member_id" = 20;

-- @id routing.comments
SELECT /* the /* nested */ one */ member_id -- trailing
FROM members -- where member_id = 1
WHERE member_id = 21 /* ; */;

-- @id routing.parameters | PREPARE with the key as a parameter
PREPARE one (int) AS SELECT name FROM members WHERE member_id = $1;
EXECUTE one (17);
EXECUTE one (18);
EXECUTE one (NULL);
EXECUTE one (3 + 4);
DEALLOCATE one;

-- @id routing.parameter_types | Q12: the parameter's type is not the column's
PREPARE wide (bigint, numeric, text) AS SELECT member_id FROM members WHERE member_id = $1 OR member_id = $2 OR member_id::text = $3;
EXECUTE wide (17, 18.0, '19');
DEALLOCATE wide;

-- @id routing.sublink_key | the key is the answer of a subquery
SELECT name FROM members WHERE member_id = (SELECT max(donor) FROM donations WHERE donor < 300);

-- @id routing.volatile_key | Q2
SELECT count(*) <= 1 FROM members WHERE member_id = (random() * 0)::int + 5;
