-- Statements of the simple protocol run with parameters for their literals: nobody can tell.

-- @id literals.types_of_columns
SELECT 5, -5, 'x', '5' || 5, 1 + -1, 2147483647, -2147483648, 2147483648, 1.50, '1' FROM members WHERE member_id = 3;
SELECT pg_typeof(5), pg_typeof(-5), pg_typeof('x'), pg_typeof(999999999), pg_typeof(1000000000), pg_typeof(9999999999), pg_typeof(1.5) FROM members WHERE member_id = 3;

-- @id literals.casts
SELECT '2024-02-29'::date + 1, DATE '2024-02-29' + 1, CAST('12' AS int) / 5, 7::numeric / 2, 7 / 2, -7 / 2, 5::int2, '5'::int8, INTERVAL '1' DAY, INTERVAL '1 day', 'a'::char(3), '{1,2}'::int[] FROM members WHERE member_id = 4;

-- @id literals.order_by_number | ordered
SELECT member_id, name FROM members WHERE member_id IN (3, 5, 7, 9) ORDER BY 1 DESC;
SELECT active, count(*) FROM members WHERE member_id < 50 GROUP BY 1 ORDER BY 2, 1 LIMIT 5 OFFSET 0;
SELECT DISTINCT ON (1) active, member_id FROM members WHERE member_id < 50 ORDER BY 1, 2;
SELECT active, born IS NULL, count(*) FROM members WHERE member_id < 50 GROUP BY GROUPING SETS ((1), (2)) ORDER BY 1, 2;

-- @id literals.functions
SELECT substring('abcdef' FROM 2 FOR 3), overlay('abcdef' PLACING 'x' FROM 2), position('c' IN 'abc'), extract(year FROM joined), trim(both 'x' FROM 'xax'), left('abc', -1), coalesce(NULL, 5), concat('a', 1), format('%s', 'b'), to_char(joined, 'YYYY') FROM members WHERE member_id = 5;
SELECT jsonb_build_object('k', 1, 'l', 'm'), prefs -> 'a', prefs ->> 'b', prefs @> '{"a": 1}', prefs ? 'a', jsonb_path_query_first('[1,2]', '$[1]') FROM members WHERE member_id = 5;
SELECT JSON_VALUE('{"a": 5}', '$.a'), JSON_OBJECT('a': 1), CASE 5 WHEN 5 THEN 'five' ELSE 'other' END, ARRAY[1, 2, 3], ROW(1, 'a'), (ARRAY[4, 5])[2], 5 BETWEEN 1 AND 10, 'a' LIKE 'a%' ESCAPE 'x', 'abc' SIMILAR TO 'a%' FROM members WHERE member_id = 5;
SELECT joined AT TIME ZONE 'UTC', 'x' COLLATE "C" < 'y', 3 IN (1, 2, 3), 'a' IN ('a', 'b'), 4 = ANY ('{4,5}'), U&'\0041', E'a\nb', $$c$$, X'1F', B'101' FROM members WHERE member_id = 5;

-- @id literals.unknown_strings
SELECT member_id FROM members WHERE born > '1990-01-01' AND joined < '2024-06-01Z' AND card IS DISTINCT FROM '00000000-0000-0000-0000-000000000000' AND member_id < 60;
SELECT loan_id FROM loans WHERE member_id = 7 AND state = 'back' AND extension < '10 days';
SELECT lang, code FROM titles WHERE lang = 'en' AND code = 12;
SELECT lang, code FROM titles WHERE lang = 'de' AND code IN (1, 2, 3);
SELECT kind, count(*) FROM visits WHERE day >= '2024-03-01' AND day < '2024-03-05' GROUP BY kind;

-- @id literals.many_of_one_shape
SELECT name FROM members WHERE member_id = 11;
SELECT name FROM members WHERE member_id = 12;
SELECT name FROM members WHERE member_id = -12;
SELECT name FROM members WHERE member_id = 1000000000000;
SELECT name FROM members WHERE member_id = 13.0;
SELECT name FROM members WHERE member_id = '14';
SELECT name FROM members WHERE login = 'it''s';
SELECT name FROM members WHERE login = '';
SELECT name FROM members WHERE member_id =15;
SELECT name FROM members WHERE member_id=-15;
SELECT name FROM members WHERE member_id= - 15;
SELECT name FROM members WHERE member_id=16 and login>'a'or 1=2;

-- @id literals.writes_in_transaction
BEGIN;
UPDATE donations SET amount = amount + 5, purpose = 'lit' WHERE donor = 3;
UPDATE donations SET amount = amount + 7, purpose = 'lit''s' WHERE donor = 4;
UPDATE donations SET amount = amount + -7, purpose = '' WHERE donor = 4;
INSERT INTO donations VALUES (4, 990001, 12, '2024-01-01', 'a'), (5, 990002, -3, '2024-01-02', NULL) RETURNING donor, donation_id, amount, given, purpose, 5 AS five;
INSERT INTO donations VALUES (6, 990003, 12, '2024-01-01', 'b'), (7, 990004, -4, '2024-01-02', NULL) RETURNING donor, donation_id, amount, given, purpose, 6 AS five;
DELETE FROM donations WHERE donor = 4 AND donation_id = 990001 RETURNING purpose;
DELETE FROM donations WHERE donor = 6 AND donation_id = 990003 RETURNING purpose;
SELECT donor, donation_id, amount, purpose FROM donations WHERE donor IN (3, 4, 5, 6, 7);
ROLLBACK;

-- @id literals.bad_values | expect 22007 22P02 22003 22008 | messages
SELECT name FROM members WHERE born = 'no date';
SELECT name FROM members WHERE member_id = 'x1';
SELECT name FROM members WHERE member_id = 5 AND 100000 * 100000 > 1;
SELECT name FROM members WHERE member_id = 6 AND born = '2024-13-01';

-- @id literals.bad_values_of_a_known_shape | expect 22P02 22P02 22P02 22012 22012 | messages
SELECT state, 5 FROM loans WHERE member_id = 7 AND state = 'back';
SELECT state, 5 FROM loans WHERE member_id = 8 AND state = 'out';
SELECT state, 5 FROM loans WHERE member_id = 9 AND state = 'nowhere';
UPDATE loans SET remark = 'ü' WHERE member_id = 7 AND state = 'back' AND loan_id < 0;
UPDATE loans SET remark = 'ü' WHERE member_id = 8 AND state = 'out' AND loan_id < 0;
UPDATE loans SET remark = 'ü' WHERE member_id = 9 AND state = 'ünowhere' AND loan_id < 0;
BEGIN;
UPDATE loans SET remark = 'ü' WHERE member_id = 7 AND state = 'nowhere' AND loan_id < 0;
ROLLBACK;
SELECT member_id / 0 FROM members WHERE member_id = 5;
SELECT member_id / 0 FROM members WHERE member_id = 6;

-- @id literals.error_ends_transaction | expect 23505 25P02 | messages
BEGIN;
INSERT INTO genres (id, name) VALUES (990001, 'x');
INSERT INTO genres (id, name) VALUES (990001, 'y');
INSERT INTO genres (id, name) VALUES (990002, 'z');
ROLLBACK;
SELECT count(*) FROM genres WHERE id > 990000;

-- @id literals.settings_that_matter
SET DateStyle = 'SQL, DMY';
SELECT '01/02/2024'::date, born FROM members WHERE member_id = 5;
SELECT '03/02/2024'::date, born FROM members WHERE member_id = 6;
SET DateStyle = 'SQL, MDY';
SELECT '01/02/2024'::date, born FROM members WHERE member_id = 5;
SELECT '03/02/2024'::date, born FROM members WHERE member_id = 6;
RESET DateStyle;
SET TimeZone = 'Asia/Tokyo';
SELECT count(*) FROM visits WHERE at < '2024-03-01 00:00' AND day = '2024-02-29';
SET TimeZone = 'America/New_York';
SELECT count(*) FROM visits WHERE at < '2024-03-01 00:00' AND day = '2024-02-29';
RESET TimeZone;

-- @id literals.own_definitions
BEGIN;
SELECT name FROM members WHERE member_id = 21;
ALTER TABLE members ADD COLUMN lit int DEFAULT 4;
SELECT name, lit FROM members WHERE member_id = 22;
SELECT name, lit FROM members WHERE member_id = 23;
ROLLBACK;
SELECT name FROM members WHERE member_id = 24;
