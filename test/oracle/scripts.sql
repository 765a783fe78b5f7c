-- DO blocks that are scripts: each statement runs wherever its rows are, all of them or none.

-- @id scripts.type_if_missing
DO $$ BEGIN CREATE TYPE script_mood AS ENUM ('sad', 'glad'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE TYPE script_mood AS ENUM ('sad', 'glad'); EXCEPTION WHEN duplicate_object THEN null; END $$;
DO 'BEGIN CREATE TYPE "public"."script_mood" AS ENUM(''a''); EXCEPTION WHEN duplicate_object THEN null; END';
SELECT enum_range(NULL::script_mood);
DROP TYPE script_mood;

-- @id scripts.constraint_if_missing
CREATE TABLE script_t (k int PRIMARY KEY, n int);
DO $$ BEGIN
 ALTER TABLE script_t ADD CONSTRAINT script_ck CHECK (n > 0);
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;
DO $$ BEGIN
 ALTER TABLE script_t ADD CONSTRAINT script_ck CHECK (n > 0);
EXCEPTION
 WHEN duplicate_object OR duplicate_table THEN null;
END $$;
SELECT conname FROM pg_constraint WHERE conrelid = 'script_t'::regclass AND contype = 'c';
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'script_t' AND column_name = 'extra') THEN
    ALTER TABLE script_t ADD COLUMN extra text DEFAULT 'x';
  END IF;
  IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'script_t' AND column_name = 'nothing') THEN
    ALTER TABLE script_t DROP COLUMN nothing;
  ELSIF 1 = 1 THEN
    INSERT INTO script_t VALUES (1, 5);
  ELSE
    INSERT INTO script_t VALUES (2, 6);
  END IF;
END $$;
SELECT * FROM script_t;
DROP TABLE script_t;

-- @id scripts.rows
BEGIN;
DO $$ BEGIN
  UPDATE donations SET amount = amount + 1 WHERE donor < 10;
  DELETE FROM donations WHERE donor = 3;
  BEGIN
    INSERT INTO genres (id, name) VALUES (880001, 'x');
    INSERT INTO genres (id, name) VALUES (880001, 'y');
  EXCEPTION WHEN unique_violation THEN
    INSERT INTO genres (id, name) VALUES (880002, 'z');
  END;
  PERFORM count(*) FROM members;
END $$;
SELECT sum(amount), count(*) FROM donations;
SELECT id, name FROM genres WHERE id > 880000;
ROLLBACK;
SELECT id, name FROM genres WHERE id > 880000;

-- @id scripts.all_or_nothing | expect 23505 | messages
DO $$ BEGIN
  INSERT INTO genres (id, name) VALUES (880011, 'x');
  INSERT INTO genres (id, name) VALUES (880012, 'y');
  INSERT INTO genres (id, name) VALUES (880011, 'z');
END $$;
SELECT id, name FROM genres WHERE id > 880000;

-- @id scripts.errors | expect 42P01 23505 22012 42703 42P01 | messages
DO $$ BEGIN
  DELETE FROM donations WHERE donor = -1;
  DELETE FROM no_such_table;
END $$;
DO $$ BEGIN
  INSERT INTO genres (id, name) VALUES (880021, 'x');
  BEGIN
    INSERT INTO genres (id, name) VALUES (880021, 'x');
  EXCEPTION WHEN undefined_table THEN NULL;
  END;
END $$;
DO $$ BEGIN
  IF 1 / (SELECT count(*) - count(*) FROM genres) = 1 THEN
    DELETE FROM donations WHERE donor = -1;
  END IF;
END $$;
DO $$ BEGIN
  UPDATE donations SET nothing = 1;
END $$;
BEGIN;
DO $$ BEGIN
  DELETE FROM donations WHERE donor = 1;
  DELETE FROM no_such_table;
EXCEPTION WHEN SQLSTATE '42703' OR division_by_zero THEN NULL;
END $$;
ROLLBACK;

-- @id scripts.others
DO $$ BEGIN
  DELETE FROM donations WHERE donor = 1;
  DELETE FROM no_such_table;
EXCEPTION WHEN OTHERS THEN
  BEGIN
    DELETE FROM nor_this;
  EXCEPTION WHEN SQLSTATE '42P01' THEN
    DELETE FROM donations WHERE donor = -1;
  END;
END $$;
SELECT count(*) FROM donations WHERE donor = 1;
