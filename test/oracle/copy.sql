-- COPY in and out (S7).

-- @id copy.in_text
CREATE TABLE t_hash (k int PRIMARY KEY, v text, n numeric);
COPY t_hash FROM STDIN;
1	a	1.5
2	\N	2
3	tab\there	\N
4	back\\slash	-4
5		5
\.
SELECT * FROM t_hash ORDER BY k;
DROP TABLE t_hash;

-- @id copy.in_columns
CREATE TABLE t_hash (k int PRIMARY KEY, v text DEFAULT 'd', n numeric DEFAULT 7);
COPY t_hash (n, k) FROM STDIN;
1.5	1
2	2
\.
SELECT * FROM t_hash ORDER BY k;
DROP TABLE t_hash;

-- @id copy.in_csv
CREATE TABLE t_hash (k int PRIMARY KEY, v text, n numeric);
COPY t_hash FROM STDIN WITH (FORMAT csv, HEADER, NULL 'nil', FORCE_NOT_NULL (v));
k,v,n
1,"a, b",1
2,"two
lines",nil
3,"quo""te",3
4,nil,4
5,"\.",5
\.
SELECT * FROM t_hash ORDER BY k;
DROP TABLE t_hash;

-- @id copy.in_delimiter
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
COPY t_hash FROM STDIN WITH (DELIMITER '|', NULL '');
1|a
2|
3|c\|d
\.
SELECT * FROM t_hash ORDER BY k;
DROP TABLE t_hash;

-- @id copy.in_null_key
CREATE TABLE t_hash (k int, v text);
COPY t_hash FROM STDIN;
\N	n
1	a
\N	m
\.
SELECT count(*), count(k) FROM t_hash;
DROP TABLE t_hash;

-- @id copy.in_bad_line | S7: the client's own line number; nothing is stored | expect 22P02
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
COPY t_hash FROM STDIN;
1	a
2	b
x3	c
4	d
\.
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id copy.in_bad_line_messages | S7 | expect 22P04 | messages
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
COPY t_hash FROM STDIN;
1	a
2	b	c
\.
DROP TABLE t_hash;

-- @id copy.in_missing_column | S7 | expect 22P04 | messages
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
COPY t_hash FROM STDIN;
1	a
2
\.
DROP TABLE t_hash;

-- @id copy.in_duplicate | S7 | expect 23505 | messages
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
INSERT INTO t_hash VALUES (3, 'old');
COPY t_hash FROM STDIN;
1	a
2	b
3	c
\.
SELECT * FROM t_hash;
DROP TABLE t_hash;

-- @id copy.in_empty
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
COPY t_hash FROM STDIN;
\.
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id copy.in_where
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
COPY t_hash FROM STDIN WHERE k > 1;
1	a
2	b
3	c
\.
SELECT * FROM t_hash ORDER BY k;
DROP TABLE t_hash;

-- @id copy.in_on_error | may-refuse
CREATE TABLE t_hash (k int PRIMARY KEY, v int);
COPY t_hash FROM STDIN WITH (ON_ERROR ignore, LOG_VERBOSITY silent);
1	1
2	x
3	3
\.
SELECT * FROM t_hash ORDER BY k;
DROP TABLE t_hash;

-- @id copy.in_kinds | a table of each kind
CREATE TABLE t_range (k int PRIMARY KEY, v text);
CREATE TABLE t_list (k text PRIMARY KEY, v text);
CREATE TABLE t_replicated (k int PRIMARY KEY, v text);
CREATE TABLE t_random (k int, v text);
CREATE TABLE t_single (k int PRIMARY KEY, v text);
COPY t_range FROM STDIN;
9	a
10	b
25	c
\.
COPY t_list FROM STDIN;
a	1
c	2
zz	3
\.
COPY t_replicated FROM STDIN;
1	a
2	b
\.
COPY t_random FROM STDIN;
1	a
1	a
2	b
\.
COPY t_single FROM STDIN;
1	a
\.
SELECT (SELECT count(*) FROM t_range), (SELECT count(*) FROM t_list), (SELECT count(*) FROM t_replicated), (SELECT count(*) FROM t_random), (SELECT count(*) FROM t_single);
SELECT * FROM t_range WHERE k = 10;
SELECT * FROM t_list WHERE k = 'zz';
DROP TABLE t_range, t_list, t_replicated, t_random, t_single;

-- @id copy.in_pair_key
CREATE TABLE t_pair (a int, b text, v int, PRIMARY KEY (a, b));
COPY t_pair (v, b, a) FROM STDIN;
1	x	1
2	y	1
3	x	2
\.
SELECT v FROM t_pair WHERE a = 1 AND b = 'y';
SELECT count(*) FROM t_pair;
DROP TABLE t_pair;

-- @id copy.in_key_spelling | Q12: the key is read as the column's type reads it
CREATE TABLE t_numeric (k numeric(6,1) PRIMARY KEY, v text);
COPY t_numeric FROM STDIN;
 1.04	a
2e0	b
+3	c
\.
SELECT v FROM t_numeric WHERE k = 1;
SELECT v FROM t_numeric WHERE k = 2.0;
SELECT v FROM t_numeric WHERE k = 3;
DROP TABLE t_numeric;

-- @id copy.in_key_date | Q12, Q6
CREATE TABLE t_stamp (k timestamptz PRIMARY KEY, v text);
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'SQL, DMY';
COPY t_stamp FROM STDIN;
02/03/2024 09:00	a
2024-03-02 00:30Z	b
\.
DROP TABLE t_stamp;

-- @id copy.in_transaction
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
BEGIN;
COPY t_hash FROM STDIN;
1	a
2	b
3	c
\.
SELECT count(*) FROM t_hash;
ROLLBACK;
SELECT count(*) FROM t_hash;
DROP TABLE t_hash;

-- @id copy.in_sequence_default | Q2
CREATE TABLE t_hash (k serial PRIMARY KEY, v text);
COPY t_hash (v) FROM STDIN;
a
b
c
\.
SELECT count(DISTINCT k) FROM t_hash;
DROP TABLE t_hash;

-- @id copy.out
COPY (SELECT * FROM languages ORDER BY lang) TO STDOUT;

-- @id copy.out_ordered | ordered
COPY (SELECT member_id, name, home, phones FROM members WHERE member_id < 30 ORDER BY member_id) TO STDOUT;

-- @id copy.out_table
COPY branches TO STDOUT;

-- @id copy.out_replicated | once, not once per node
COPY genres TO STDOUT;

-- @id copy.out_columns
COPY loans (loan_id, state, charge, remark) TO STDOUT WITH (NULL 'nil', DELIMITER '|');

-- @id copy.out_csv | ordered
COPY (SELECT remark_id, body, written FROM remarks WHERE remark_id < 60 ORDER BY remark_id) TO STDOUT WITH (FORMAT csv, HEADER true, FORCE_QUOTE (body));

-- @id copy.out_join | ordered
COPY (SELECT t.lang, t.code, l.loan_id FROM titles t JOIN loans l USING (lang, code) WHERE t.code < 4 ORDER BY l.loan_id) TO STDOUT;

-- @id copy.out_key
COPY (SELECT loan_id, taken FROM loans WHERE member_id = 7) TO STDOUT;

-- @id copy.out_returning
BEGIN;
COPY (DELETE FROM donations WHERE donor = 7 RETURNING donation_id, amount) TO STDOUT;
ROLLBACK;

-- @id copy.out_written_rows | rows of several nodes, nothing returned, a column twice, escapes, CSV with a header
BEGIN;
COPY (UPDATE loans SET loan_id = loan_id WHERE member_id < 40 RETURNING member_id, loan_id, taken, extension) TO STDOUT;
COPY (UPDATE members SET name = E'tab\t"nl"\n bs\\ \u00fc' WHERE member_id IN (7, 8, 9) RETURNING name, home, phones, NULL, '', name) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY (UPDATE members SET name = E'tab\t"nl"\n bs\\ \u00fc' WHERE member_id IN (7, 8, 9) RETURNING name, NULL, '', name) TO STDOUT (NULL 'nil', DELIMITER '|');
COPY (DELETE FROM loans WHERE false RETURNING *) TO STDOUT (HEADER);
COPY (INSERT INTO languages SELECT 'x' || g, 'name', g FROM generate_series(1, 3) g RETURNING lang) TO STDOUT;
SELECT count(*) FROM languages;
ROLLBACK;
SELECT count(*) FROM languages;

-- @id copy.out_written_rows_alone | it commits by itself, or not at all | expect 0A000 23505 22P02
CREATE TABLE t_hash (k int PRIMARY KEY, v text);
COPY (INSERT INTO t_hash SELECT g, 'v' || g FROM generate_series(1, 20) g RETURNING k, v) TO STDOUT;
COPY (UPDATE t_hash SET v = 'u') TO STDOUT;
COPY (INSERT INTO t_hash VALUES (30, 'a'), (31, 'b'), (20, 'c') RETURNING k) TO STDOUT;
COPY (UPDATE t_hash SET v = (v || 'x')::int RETURNING k) TO STDOUT;
SELECT * FROM t_hash;
DROP TABLE t_hash;

-- @id copy.out_text_escapes
COPY (SELECT E'tab\t nl\n bs\\ cr\r', NULL, '' FROM languages WHERE lang = 'da') TO STDOUT;

-- @id copy.out_settings | Q6
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German';
COPY (SELECT visit_id, day, at FROM visits WHERE visit_id < 20) TO STDOUT;

-- @id copy.out_empty
COPY (SELECT * FROM loans WHERE false) TO STDOUT;

-- @id copy.unknown_table | expect 42P01 | messages
COPY nothing FROM STDIN;

-- @id copy.unknown_column | expect 42703 | messages
COPY loans (nothing) TO STDOUT;

-- @id copy.no_rights | X1 | expect 42501 42501
CREATE ROLE t_role;
GRANT SELECT ON languages TO t_role;
SET ROLE t_role;
COPY loans TO STDOUT;
COPY languages FROM STDIN;
RESET ROLE;
REVOKE ALL ON languages FROM t_role;
DROP ROLE t_role;
