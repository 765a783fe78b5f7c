-- Values of every type through every way: names, modifiers and texts as PostgreSQL gives them (Q7, Q11, Q12).

-- @id types.all_columns | Q11
SELECT * FROM loans WHERE loan_id < 30;

-- @id types.all_columns_general | Q11: the same through a join off the key
SELECT l.*, b.* FROM loans l LEFT JOIN branches b ON b.id = l.branch WHERE l.loan_id < 30;

-- @id types.modifiers | Q11
SELECT shelf, cost, shelf || 'x', cost + 1, cost::numeric(12,1), 'abc'::varchar(2), kind FROM copies, visits WHERE visit_id = 3 AND lang = 'da' AND code < 4;

-- @id types.modifiers_aggregate | Q11
SELECT max(shelf), min(kind), max(cost), sum(cost) FROM copies, visits WHERE visit_id = 3;

-- @id types.names_of_expressions | Q11: the names that PostgreSQL gives
SELECT count(*), max(price), price_ + 1, CASE WHEN true THEN 1 END, coalesce(1, 2), (SELECT 1), ARRAY[1], ROW(1), lang::text, lower('X'), CAST(1 AS numeric), EXISTS (SELECT 1), NULL, 'x', now() IS NULL, nullif(1, 2), greatest(1), (ARRAY[1])[1] FROM titles, (SELECT 1 AS price_) q GROUP BY price_, lang ORDER BY lang LIMIT 1;

-- @id types.domain | Q11: a domain column is described as its base type
SELECT deposit, login, deposit::numeric, 3::fee FROM members WHERE member_id < 5;

-- @id types.domain_check | expect 23514 | messages
SELECT '-1'::fee;

-- @id types.enum | Q7
SELECT state, state::text, state > 'out', enum_first(state), enum_range(NULL, state) FROM loans WHERE loan_id < 12;

-- @id types.enum_bad | expect 22P02 | messages
SELECT count(*) FROM loans WHERE state = 'nowhere';

-- @id types.enum_array | Q7
SELECT branch, array_agg(DISTINCT state ORDER BY state) FROM loans WHERE branch < 5 GROUP BY branch;

-- @id types.composite | Q7
SELECT (home).town, home, (home).zip || '!' FROM members WHERE member_id < 12;

-- @id types.composite_array | Q7
SELECT array_agg(home ORDER BY member_id) FROM members WHERE member_id < 6;

-- @id types.composite_constructor | Q7
SELECT ROW('a', NULL, 'c')::postal, (ROW('a', NULL, 'c')::postal).street, ROW(1, 'x') FROM members WHERE member_id = 1;

-- @id types.table_row_type | Q7
SELECT m, (m).login, m::text LIKE '(1,%' FROM members m WHERE member_id = 1;

-- @id types.record_functions
SELECT row_to_json(g), to_jsonb(g) - 'speakers' FROM languages g;

-- @id types.json_of_row | names of the logical columns
SELECT to_jsonb(m) FROM members m WHERE member_id = 4;

-- @id types.populate_record | Q7
SELECT * FROM jsonb_populate_record(NULL::postal, '{"street": "S", "town": "T"}');

-- @id types.jsonb_operators
SELECT member_id FROM members WHERE prefs @> '{"lang": "da"}' AND prefs -> 'tags' ->> 0 = '1' AND prefs ? 'size';

-- @id types.jsonb_path
SELECT lang, code, jsonb_path_query_array(facts, '$.parts[*].q ? (@ > 1)') FROM titles WHERE code < 4 AND jsonb_path_exists(facts, '$.isbn.a ? (@ > 3)');

-- @id types.jsonb_subscript
SELECT prefs['lang'], (prefs['tags'])[1] FROM members WHERE member_id < 9;

-- @id types.json_table
SELECT t.lang, t.code, j.* FROM titles t, JSON_TABLE(t.facts, '$.parts[*]' COLUMNS (id FOR ORDINALITY, n int PATH '$.n', q int PATH '$.q' DEFAULT 0 ON EMPTY)) j WHERE t.code = 2;

-- @id types.json_value
SELECT member_id, JSON_VALUE(prefs, '$.size' RETURNING int), JSON_EXISTS(prefs, '$.none'), JSON_QUERY(prefs, '$.tags' WITH WRAPPER) FROM members WHERE member_id < 9;

-- @id types.is_json
SELECT count(*) FILTER (WHERE body IS JSON), count(*) FILTER (WHERE body IS NOT JSON OBJECT) FROM remarks;

-- @id types.array_operators
SELECT member_id, phones[1], phones || 'z'::text, array_length(phones, 1), phones @> '{NULL}', cardinality(phones) FROM members WHERE phones <> '{}' AND member_id < 25;

-- @id types.array_slice
SELECT id, path[2:3], path[:1], array_position(path, id) FROM genres;

-- @id types.array_any
SELECT count(*) FROM titles WHERE 'sea' = ANY (keywords) OR NOT ('new' <> ALL (keywords));

-- @id types.range_operators
SELECT loan_id, lower(span), upper(span), span @> taken, isempty(span) FROM loans WHERE span && tstzrange('2024-03-01Z', '2024-03-03Z');

-- @id types.range_intersection
SELECT id, hours * int4range(9, 12), hours -|- int4range(20, 25), upper_inc(hours) FROM branches;

-- @id types.multirange
SELECT int4multirange(hours) + int4multirange(int4range(30, 40)) FROM branches WHERE id < 9;

-- @id types.interval
SELECT loan_id, extension, extension * 2, extension > '10 hours', extract(epoch FROM extension) FROM loans WHERE loan_id < 25;

-- @id types.interval_style | Q6
SET IntervalStyle = 'iso_8601';
SELECT extension, extension + '1 year 2 mons' FROM loans WHERE loan_id < 9;
SELECT sum(extension) FROM loans WHERE branch = 3;
SET IntervalStyle = 'sql_standard';
SELECT sum(took), count(*) FROM visits v JOIN remarks r USING (member_id);

-- @id types.timestamptz_zone | Q6
SET TimeZone = 'Asia/Kathmandu';
SELECT taken, taken::date, extract(hour FROM taken), date_trunc('day', taken), taken AT TIME ZONE 'UTC' FROM loans WHERE loan_id < 12;
SELECT taken::date, count(*) FROM loans GROUP BY 1 ORDER BY 1 LIMIT 10;
SELECT count(*) FROM loans WHERE taken::date = due - 14;

-- @id types.timestamptz_dst | Q6: days across the change of clocks
SET TimeZone = 'Europe/Copenhagen';
SELECT written, written + INTERVAL '1 day', written + INTERVAL '24 hours', date_trunc('day', written) FROM remarks WHERE written < '2024-04-02';
SELECT date_trunc('day', at) AS d, count(*) FROM visits WHERE day BETWEEN '2024-10-25' AND '2024-10-29' GROUP BY d;

-- @id types.datestyle | Q6
SET DateStyle = 'German, DMY';
SELECT day, at, at_local FROM visits WHERE visit_id < 6;
SELECT max(day), min(at) FROM visits;
SELECT v.day, r.written FROM visits v JOIN remarks r USING (member_id) WHERE v.visit_id < 90;

-- @id types.extra_float_digits | Q6
SET extra_float_digits = -3;
SELECT score / 3, weight / 7 FROM visits, titles WHERE visit_id = 5 AND lang = 'da' AND code < 6;
SELECT max(score / 3) FROM visits;

-- @id types.bytea_output | Q6
SET bytea_output = 'escape';
SELECT cover, encode(cover, 'hex') FROM titles WHERE lang = 'da' AND code < 12;
SELECT max(encode(cover, 'base64')), length(string_agg(cover, '' ORDER BY lang, code)) FROM titles;

-- @id types.bytea_functions
SELECT code, length(cover), get_byte(cover, 0), sha256(cover), cover || '\x00'::bytea FROM titles WHERE lang = 'sv' AND code < 9;

-- @id types.uuid
SELECT card, card > '80000000-0000-0000-0000-000000000000', uuid_extract_version(card) FROM members WHERE member_id < 9;

-- @id types.text_unicode
SELECT name, length(name), octet_length(name), upper(name), initcap(name), reverse(name), normalize(name, NFD) = name FROM members WHERE member_id < 60;

-- @id types.text_like
SELECT count(*) FILTER (WHERE body LIKE '50\% off\_now'), count(*) FILTER (WHERE body ILIKE 'VERY%'), count(*) FILTER (WHERE body SIMILAR TO '%(gut|good)'), count(*) FILTER (WHERE body ~* '^TW.ce [0-9]+$') FROM remarks;

-- @id types.text_quotes
SELECT DISTINCT body FROM remarks WHERE body LIKE '%"%' OR body LIKE '%\\%';

-- @id types.char_padding | Q12
SELECT shelf, length(shelf), shelf = 'A1', shelf = 'A1   ', shelf::text = 'A1', shelf LIKE 'A1%', '[' || shelf || ']' FROM copies WHERE shelf IN ('A1', 'b2', 'C3 ');

-- @id types.numeric
SELECT val, val::int, round(val, 1), trunc(val), val % 7, -val, abs(val), sign(val), div(val, 3) FROM visits WHERE visit_id < 30;

-- @id types.numeric_division
SELECT visit_id, val / 3, 10 / nullif(val, 0), val / nullif(visit_id, 0) FROM visits WHERE visit_id < 30;

-- @id types.division_by_zero | expect 22012 | messages
SELECT 1 / (loan_id - loan_id) FROM loans;

-- @id types.integer_overflow | expect 22003 | messages
SELECT sum(loan_id)::int * 1000000 FROM loans;

-- @id types.real
SELECT score, score::float8, score + 0.1, score::numeric, score = 0.25 FROM visits WHERE visit_id < 12;

-- @id types.float_special
SELECT weight * 'Infinity'::float8, 'NaN'::float8 = 'NaN'::float8, weight = 'NaN' FROM titles WHERE lang = 'da' AND code = 1;

-- @id types.time
SELECT id, opens, opens + INTERVAL '90 min', opens > '08:00', extract(hour FROM opens), opens AT TIME ZONE 'UTC' IS NULL FROM branches;

-- @id types.bool
SELECT active, NOT active, active IS TRUE, active IS NOT FALSE, active IS UNKNOWN, active::int FROM members WHERE member_id < 15;

-- @id types.null_logic
SELECT count(*) FILTER (WHERE active AND deposit > 50), count(*) FILTER (WHERE active OR deposit > 50), count(*) FILTER (WHERE NOT (active AND deposit > 50)), count(*) FILTER (WHERE (active = (deposit > 50)) IS NULL) FROM members;

-- @id types.case
SELECT state, CASE state WHEN 'out' THEN 1 WHEN 'late' THEN 2.5 END, CASE WHEN charge > 20 THEN 'big' WHEN charge IS NULL THEN NULL ELSE 'small' END FROM loans WHERE loan_id < 12;

-- @id types.unknown_result | Q11: an untyped literal is text
SELECT 'x', NULL, 'y' AS z FROM languages;

-- @id types.void_and_name
SELECT 'a'::name, 'x'::"char", NULL::void IS NULL FROM languages WHERE lang = 'da';

-- @id types.bit
SELECT code::bit(8), B'101' || B'01', bit_count(code::bit(16)), '101'::varbit FROM titles WHERE lang = 'ja' AND code < 6;

-- @id types.network
SELECT (payload ->> 'ip')::inet, host((payload ->> 'ip')::inet) FROM visits WHERE payload IS NOT NULL AND visit_id < 12;

-- @id types.geometry
SELECT point(id, staff), box(point(0, 0), point(id, id)) @> point(1, 1) FROM branches WHERE staff IS NOT NULL AND id < 9;

-- @id types.tsearch
SELECT remark_id FROM remarks WHERE to_tsvector('english', body) @@ to_tsquery('english', 'good & very') AND stars = 4;

-- @id types.money_regclass | Q7: an OID of the catalog, the same in every way of asking
SELECT 'loans'::regclass::text, 'loan_state'::regtype::text, (SELECT relname FROM pg_class WHERE oid = 'loans'::regclass);

-- @id types.regclass_with_rows | Q7
SELECT count(*), 'loans'::regclass::text FROM loans WHERE branch < 5;

-- @id types.tableoid_name | Q7
SELECT DISTINCT tableoid::regclass::text FROM loans;

-- @id types.pg_typeof | Q7
SELECT DISTINCT pg_typeof(state), pg_typeof(home), pg_typeof(deposit), pg_typeof(span) FROM loans JOIN members USING (member_id);

-- @id types.key_numeric | Q12: equal values of another scale are one key | expect 23505
CREATE TABLE t_numeric (k numeric PRIMARY KEY, v text);
INSERT INTO t_numeric VALUES (1.0, 'a'), (2, 'b'), (1e3, 'c'), (0.10, 'd'), ('NaN', 'n');
SELECT k, v FROM t_numeric WHERE k = 1.00;
SELECT k, v FROM t_numeric WHERE k = 1;
SELECT v FROM t_numeric WHERE k = 1000;
SELECT v FROM t_numeric WHERE k IN (0.1, 0.1000, 2.0, 'NaN');
INSERT INTO t_numeric VALUES (1.000, 'twice');
SELECT count(*) FROM t_numeric a JOIN t_numeric b ON a.k = b.k;
DROP TABLE t_numeric;

-- @id types.key_numeric_scale | Q12: the value is rounded to the column's scale before it is placed
CREATE TABLE t_numeric (k numeric(6,1) PRIMARY KEY, v text);
INSERT INTO t_numeric VALUES (1.04, 'a'), (1.05, 'b'), (2.96, 'c');
SELECT * FROM t_numeric WHERE k = 1.0;
SELECT * FROM t_numeric WHERE k = 1.1;
SELECT * FROM t_numeric WHERE k = 3;
SELECT * FROM t_numeric WHERE k = 1.04;
DROP TABLE t_numeric;

-- @id types.key_char | Q12: padding | expect 23505
CREATE TABLE t_char (k char(6) PRIMARY KEY, v int);
INSERT INTO t_char VALUES ('a', 1), ('b  ', 2), ('  c', 3);
SELECT k, v FROM t_char WHERE k = 'a   ';
SELECT k, v FROM t_char WHERE k = 'b'::text;
SELECT k, v FROM t_char WHERE k = '  c'::varchar;
SELECT k, v FROM t_char WHERE k IN ('a', 'b ', 'c');
INSERT INTO t_char VALUES ('a  ', 9);
DROP TABLE t_char;

-- @id types.key_timestamptz | Q12: one instant in several spellings
SET TimeZone = 'Europe/Copenhagen';
CREATE TABLE t_stamp (k timestamptz PRIMARY KEY, v int);
INSERT INTO t_stamp VALUES ('2024-07-01 12:00', 1), ('2024-07-01 12:00Z', 2), ('2024-01-01 00:00+05:45', 3);
SELECT k, v FROM t_stamp WHERE k = '2024-07-01 10:00Z';
SET TimeZone = 'America/New_York';
SELECT k, v FROM t_stamp WHERE k = '2024-07-01 06:00';
SELECT k, v FROM t_stamp WHERE k = '2024-07-01 14:00 Europe/Copenhagen';
SELECT v FROM t_stamp WHERE k IN ('2023-12-31 18:15Z', '2024-07-01 08:00');
DROP TABLE t_stamp;

-- @id types.key_float | Q12: -0 and 0, spellings of one number
CREATE TABLE t_float (k float8, v int);
INSERT INTO t_float VALUES (0, 1), ('-0', 2), (1e2, 3), ('NaN', 4), (0.1, 5);
SELECT k, v FROM t_float WHERE k = 0;
SELECT k, v FROM t_float WHERE k = '-0';
SELECT v FROM t_float WHERE k = 100;
SELECT v FROM t_float WHERE k = 'NaN';
SELECT v FROM t_float WHERE k = 0.1::real;
SELECT v FROM t_float WHERE k = 0.1;
DROP TABLE t_float;

-- @id types.key_nocase | Q12: keys that are equal but for case are one key | expect 23505
CREATE TABLE t_nocase (k text COLLATE nocase PRIMARY KEY, v int);
INSERT INTO t_nocase VALUES ('Lamp', 1), ('garden', 2), ('ÉCRAN', 3), ('river', 4);
SELECT k, v FROM t_nocase WHERE k = 'lamp';
SELECT k, v FROM t_nocase WHERE k = 'GARDEN';
SELECT k, v FROM t_nocase WHERE k IN ('écran', 'RIVER');
SELECT k, v FROM t_nocase WHERE k = 'lamp' COLLATE "C";
INSERT INTO t_nocase VALUES ('LAMP', 5);
SELECT count(*) FROM t_nocase a JOIN t_nocase b ON a.k = b.k;
DROP TABLE t_nocase;

-- @id types.key_uuid | Q12: spellings of one uuid
CREATE TABLE t_uuid (k uuid PRIMARY KEY, v int);
INSERT INTO t_uuid VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1), ('{B0EEBC999C0B4EF8BB6D6BB9BD380A11}', 2);
SELECT * FROM t_uuid WHERE k = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11';
SELECT * FROM t_uuid WHERE k = 'b0eebc99-9c0b4ef8-bb6d6bb9-bd380a11';
DROP TABLE t_uuid;

-- @id types.key_bool
CREATE TABLE t_bool (k bool, v int);
INSERT INTO t_bool VALUES (true, 1), ('f', 2), (NULL, 3), ('yes', 4);
SELECT v FROM t_bool WHERE k;
SELECT v FROM t_bool WHERE NOT k;
SELECT v FROM t_bool WHERE k = 'on';
SELECT v FROM t_bool WHERE k IS NULL;
SELECT v FROM t_bool WHERE k IS NOT TRUE;
DROP TABLE t_bool;

-- @id types.key_enum | Q7: an enum's OIDs differ between nodes | may-refuse
CREATE TABLE t_enum (k loan_state, v int);
INSERT INTO t_enum VALUES ('out', 1), ('lost', 2), (NULL, 3), ('back', 4);
SELECT k, v FROM t_enum WHERE k = 'lost';
SELECT k, v FROM t_enum WHERE k IN ('out', 'back');
SELECT count(*) FROM t_enum t JOIN loans l ON l.state = t.k;
DROP TABLE t_enum;

-- @id types.key_array
CREATE TABLE t_array (k int[], v int);
INSERT INTO t_array VALUES ('{1,2}', 1), ('{}', 2), ('{NULL}', 3), ('{{1,2}}', 4);
SELECT k, v FROM t_array WHERE k = ARRAY[1, 2];
SELECT k, v FROM t_array WHERE k = '{ 1 , 2 }';
SELECT k, v FROM t_array WHERE k = '{}';
DROP TABLE t_array;

-- @id types.key_jsonb | Q12
CREATE TABLE t_jsonb (k jsonb, v int);
INSERT INTO t_jsonb VALUES ('{"a": 1, "b": 2}', 1), ('1.0', 2), ('[1]', 3);
SELECT v FROM t_jsonb WHERE k = '{"b":2,"a":1}';
SELECT v FROM t_jsonb WHERE k = '1';
SELECT v FROM t_jsonb WHERE k = '1.00';
DROP TABLE t_jsonb;

-- @id types.key_interval | Q12: a day is 24 hours, a month 30 days
CREATE TABLE t_interval (k interval, v int);
INSERT INTO t_interval VALUES ('1 day', 1), ('30 days', 2), ('90 minutes', 3);
SELECT v FROM t_interval WHERE k = '24 hours';
SELECT v FROM t_interval WHERE k = '1 month';
SELECT v FROM t_interval WHERE k = 'PT1H30M';
DROP TABLE t_interval;

-- @id types.key_default | Q12: the key comes from a default
CREATE TABLE t_hash (k int PRIMARY KEY DEFAULT 42, v text);
INSERT INTO t_hash (v) VALUES ('d');
INSERT INTO t_hash VALUES (DEFAULT, 'e') ON CONFLICT DO NOTHING;
SELECT * FROM t_hash WHERE k = 42;
DROP TABLE t_hash;

-- @id types.key_trigger | Q12: a BEFORE trigger changes the key | may-refuse
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
CREATE FUNCTION t_shift() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.k := NEW.k + 1000; RETURN NEW; END $$;
CREATE TRIGGER shift BEFORE INSERT ON t_hash FOR EACH ROW EXECUTE FUNCTION t_shift();
INSERT INTO t_hash VALUES (1, 'a'), (2, 'b');
SELECT * FROM t_hash WHERE k = 1001;
SELECT * FROM t_hash WHERE k = 2;
DROP TABLE t_hash;
DROP FUNCTION t_shift();
