-- A network of lending libraries. How each table is distributed: distribution.json (plain PostgreSQL gets this file as it is).
CREATE TYPE loan_state AS ENUM ('reserved', 'out', 'late', 'back', 'lost');
CREATE TYPE postal AS (street text, zip text, town text);
CREATE DOMAIN fee AS numeric(8,2) CHECK (VALUE >= 0);
CREATE DOMAIN handle AS text CHECK (VALUE ~ '^[a-z0-9.]+$');
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

CREATE TABLE languages (
  lang text PRIMARY KEY,
  name text COLLATE "und-x-icu" NOT NULL,
  family text,
  speakers bigint
);

CREATE TABLE genres (
  id int PRIMARY KEY,
  parent int REFERENCES genres (id),
  name text NOT NULL,
  path int[]
);

CREATE TABLE members (
  member_id int PRIMARY KEY,
  name text COLLATE "und-x-icu",
  login handle NOT NULL,
  born date,
  joined timestamptz NOT NULL,
  home postal,
  phones text[],
  prefs jsonb NOT NULL DEFAULT '{}',
  deposit fee,
  active bool,
  card uuid
);
CREATE INDEX members_login ON members (login);
CREATE INDEX members_prefs ON members USING gin (prefs);

CREATE TABLE loans (
  member_id int NOT NULL REFERENCES members (member_id),
  loan_id bigint NOT NULL,
  lang text,
  code int,
  branch int,
  state loan_state NOT NULL DEFAULT 'out',
  taken timestamptz NOT NULL,
  due date,
  charge fee,
  span tstzrange,
  extension interval,
  remark text,
  PRIMARY KEY (member_id, loan_id)
);
CREATE INDEX loans_due ON loans (due) WHERE state IN ('out', 'late');
CREATE INDEX loans_title ON loans (lang, code);

CREATE TABLE donations (
  donor int,
  donation_id int NOT NULL,
  amount numeric(10,2) NOT NULL,
  given date NOT NULL,
  purpose text
);
CREATE INDEX donations_donor ON donations (donor);

CREATE TABLE titles (
  lang text NOT NULL REFERENCES languages (lang),
  code int NOT NULL,
  label text COLLATE nocase NOT NULL,
  author text,
  genre int REFERENCES genres (id),
  pages int,
  price numeric(10,2),
  weight double precision,
  cover bytea,
  keywords text[],
  facts jsonb,
  published date,
  PRIMARY KEY (lang, code)
);
CREATE INDEX titles_author ON titles (lower(author));

CREATE TABLE copies (
  lang text NOT NULL,
  code int NOT NULL,
  copy_no smallint NOT NULL,
  branch int,
  shelf char(6),
  bought date,
  cost numeric(10,2),
  PRIMARY KEY (lang, code, copy_no),
  FOREIGN KEY (lang, code) REFERENCES titles (lang, code)
);

CREATE TABLE visits (
  day date NOT NULL,
  visit_id bigint NOT NULL,
  at timestamptz NOT NULL,
  at_local timestamp,
  member_id int,
  kind varchar(12) NOT NULL,
  took interval,
  score real,
  val numeric,
  payload jsonb,
  PRIMARY KEY (day, visit_id)
);

CREATE TABLE branches (
  country text NOT NULL,
  id int NOT NULL,
  name text COLLATE "C" NOT NULL,
  opened date,
  hours int4range,
  staff smallint,
  manager text,
  opens time,
  PRIMARY KEY (country, id)
);

CREATE TABLE remarks (
  remark_id bigint NOT NULL,
  member_id int,
  lang text,
  code int,
  stars smallint,
  body text,
  written timestamptz
);

CREATE TABLE rates (
  key text PRIMARY KEY,
  value numeric,
  valid daterange,
  changed timestamptz
);

CREATE VIEW open_loans AS
  SELECT l.member_id, l.loan_id, m.name, l.lang, l.code, l.due, l.charge
  FROM loans l JOIN members m ON m.member_id = l.member_id
  WHERE l.state IN ('out', 'late');

CREATE VIEW language_totals (lang, name, titles, copies, worth) AS
  SELECT g.lang, g.name, count(DISTINCT t.code), count(c.copy_no), sum(c.cost)
  FROM languages g LEFT JOIN titles t ON t.lang = g.lang LEFT JOIN copies c ON c.lang = t.lang AND c.code = t.code
  GROUP BY g.lang, g.name;

CREATE FUNCTION loans_of(member int) RETURNS bigint LANGUAGE sql STABLE
  AS $$ SELECT count(*) FROM loans WHERE member_id = member $$;

CREATE FUNCTION titles_by(who text) RETURNS SETOF titles LANGUAGE sql STABLE
  AS $$ SELECT * FROM titles WHERE author = who $$;

CREATE FUNCTION charge_band(amount numeric) RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT CASE WHEN amount IS NULL THEN 'none' WHEN amount < 5 THEN 'small' WHEN amount < 20 THEN 'middle' ELSE 'large' END $$;

CREATE FUNCTION dearest(in_lang text) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_price numeric;
BEGIN
  SELECT max(price) INTO found_price FROM titles WHERE lang = in_lang;
  RETURN found_price;
END $$;
