-- Catalogs beside users' tables: what holds the tables' rows meanwhile is in none of them.

-- @id catalogs.no_trace_in_pg_class
SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE '%#%'), count(*) FROM loans;

-- @id catalogs.joined_with_a_table
SELECT c.relname, count(*) FROM pg_class c, genres WHERE c.relname IN ('genres', 'genres#1', 'genres_pkey') GROUP BY c.oid;

-- @id catalogs.by_information_schema
SELECT table_name, (SELECT count(*) FROM rates) FROM information_schema.tables WHERE table_name LIKE 'rates%';

-- @id catalogs.by_function
CREATE FUNCTION marked() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM pg_class WHERE relname LIKE '%#%' $$;
SELECT marked(), count(*) FROM members;
DROP FUNCTION marked();

-- @id catalogs.insert_select
INSERT INTO remarks (remark_id, stars, body) SELECT -1, count(*), 'classes' FROM pg_class, genres WHERE relname LIKE '%#%' OR relname = 'remarks';
SELECT stars > 0, stars % (SELECT count(*) FROM genres) FROM remarks WHERE body = 'classes';
DELETE FROM remarks WHERE body = 'classes';

-- @id catalogs.update
BEGIN;
UPDATE rates SET changed = (SELECT max('2024-01-01'::date) FROM pg_class WHERE relname LIKE '%#%' OR relname LIKE 'pleiad%') RETURNING key, changed;
ROLLBACK;

-- @id catalogs.delete
BEGIN;
DELETE FROM languages WHERE lang IN (SELECT relname FROM pg_class) OR NOT EXISTS (SELECT FROM pg_class WHERE relname = 'languages') RETURNING lang;
ROLLBACK;

-- @id catalogs.cursor
BEGIN;
DECLARE c CURSOR FOR SELECT g.id, (SELECT count(*) FROM pg_class WHERE relname LIKE '%#%') FROM genres g ORDER BY 1;
FETCH 3 FROM c;
ROLLBACK;

-- @id catalogs.after_definitions | may-refuse
BEGIN;
CREATE TABLE fresh (a int);
SELECT c.relname, count(*) FROM pg_class c, genres WHERE c.relname = 'fresh' GROUP BY 1;
ROLLBACK;

-- @id catalogs.pg_temp_first_in_the_path
SET search_path = pg_temp, public;
CREATE TABLE passing (a int);
INSERT INTO passing SELECT id FROM genres WHERE id < 4;
SELECT count(*), (SELECT count(*) FROM pg_temp.passing) FROM passing;
DROP TABLE passing;
RESET search_path;

-- @id catalogs.relations_of_statistics | what tools join for a relation's OID
SELECT st.relname, d.description FROM pg_catalog.pg_statio_all_tables st LEFT JOIN pg_catalog.pg_description d ON d.objoid = st.relid AND d.objsubid = 0 WHERE st.schemaname = 'public' AND st.relname IN ('members', 'loans');
SELECT count(*) FROM pg_stat_user_tables t WHERE t.relname LIKE 'l%' AND t.relid = t.relname::regclass;

-- @id catalogs.statistics_of_relations | the shells' own would be wrong | may-refuse
SELECT st.* FROM pg_stat_user_tables st WHERE relname = 'members';
SELECT n_live_tup > 0 FROM pg_stat_user_tables WHERE relname = 'members';
SELECT to_jsonb(pg_stat_user_tables) ->> 'relname' FROM pg_stat_user_tables WHERE relname = 'members';
