-- The transaction's time is one, wherever it is asked for.

-- @id times.in_a_view
CREATE VIEW stamped AS SELECT member_id, now() AS n, current_date AS d, localtimestamp(2) AS l FROM members;
CREATE VIEW stamped_again AS SELECT s.*, transaction_timestamp() AS t FROM stamped s;
BEGIN;
SELECT pg_sleep(0.03) IS NULL;
SELECT count(DISTINCT n) FROM (SELECT n FROM stamped UNION ALL SELECT now() UNION ALL SELECT n FROM stamped WHERE member_id = 7) x;
SELECT pg_sleep(0.03) IS NULL;
CREATE TEMP TABLE moments (n timestamptz, t timestamptz, l timestamp);
INSERT INTO moments VALUES (now(), now(), localtimestamp(2));
INSERT INTO moments SELECT n, t, l FROM stamped_again WHERE member_id = 3;
INSERT INTO moments SELECT max(n), max(t), max(l) FROM stamped_again;
INSERT INTO moments SELECT n, t, l FROM stamped_again JOIN rates ON rates.key <> '' WHERE member_id < 9;
SELECT count(DISTINCT n), bool_and(n = t), count(DISTINCT l) FROM moments;
DROP TABLE moments;
ROLLBACK;
DROP VIEW stamped_again, stamped;

-- @id times.copy_and_cursor
BEGIN;
SELECT set_config('app.begun', now()::text, true) <> '';
SELECT pg_sleep(0.03) IS NULL;
COPY (SELECT count(*) FROM loans WHERE now() = current_setting('app.begun')::timestamptz) TO STDOUT;
DECLARE whole CURSOR FOR SELECT count(*) FROM loans WHERE now() = current_setting('app.begun')::timestamptz;
FETCH whole;
DECLARE one CURSOR FOR SELECT now() = current_setting('app.begun')::timestamptz FROM members WHERE member_id = 4;
FETCH one;
ROLLBACK;

-- @id times.in_a_function | may-refuse
CREATE FUNCTION moment() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN now(); END $$;
SELECT count(DISTINCT moment()) FROM loans;
BEGIN;
SELECT set_config('app.begun', now()::text, true) <> '';
SELECT pg_sleep(0.03) IS NULL;
SELECT moment() = current_setting('app.begun')::timestamptz FROM members WHERE member_id = 4;
ROLLBACK;
DROP FUNCTION moment();

-- @id times.the_string_now | may-refuse
BEGIN;
SELECT set_config('app.begun', now()::text, true) <> '';
SELECT pg_sleep(0.03) IS NULL;
SELECT bool_and('now'::timestamptz = current_setting('app.begun')::timestamptz) FROM loans;
ROLLBACK;
