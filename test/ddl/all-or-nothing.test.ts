/** D1: a definition that fails on one server exists on none; what a client sees afterwards is as if it had never been sent. */
import pg from "pg";
import { expect, test } from "vitest";
import { queryServer } from "../cluster/server-query.ts";
import { clusterClient } from "../cluster/cluster-client.ts";

const at = clusterClient([
  "CREATE TABLE held (k int PRIMARY KEY, v text) DISTRIBUTE BY HASH (k)",
  "INSERT INTO held SELECT i, i FROM generate_series(1, 40) i",
]);

const SERVERS = ["catalog", "dn1", "dn2", "cn1"];

async function onEach(sql: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const name of SERVERS) found[name] = (await queryServer(at.cluster.server(name), sql))[0]?.["n"];
  return found;
}

async function fails(sql: string): Promise<string> {
  const error = await at.client.query(sql).then(
    () => undefined,
    (caught: pg.DatabaseError) => caught,
  );
  return `${error?.code}: ${error?.message}`;
}

test("CREATE TABLE meets a table that somebody made on one node: nobody has the new one", async () => {
  await queryServer(at.cluster.server("dn2"), "CREATE TABLE squatter (n int)");
  expect(await fails("CREATE TABLE squatter (k int) DISTRIBUTE BY HASH (k)")).toBe(
    '42P07: relation "squatter" already exists',
  );
  expect(await onEach("SELECT count(*)::int AS n FROM pg_class WHERE relname = 'squatter'")).toEqual({
    catalog: 0,
    dn1: 0,
    dn2: 1,
    cn1: 0,
  });
  const { rows } = await at.client.query(
    "SELECT count(*)::int AS n FROM pleiad.tables WHERE table_name = 'squatter'",
  );
  expect(rows).toEqual([{ n: 0 }]);
});

test("CREATE TYPE meets a type on the compute node: nobody has the new one", async () => {
  await queryServer(at.cluster.server("cn1"), "CREATE TYPE taken AS (n int)");
  expect(await fails("CREATE TYPE taken AS ENUM ('a')")).toBe('42710: type "taken" already exists');
  expect(await onEach("SELECT count(*)::int AS n FROM pg_type WHERE typname = 'taken'")).toEqual({
    catalog: 0,
    dn1: 0,
    dn2: 0,
    cn1: 1,
  });
});

test("ALTER TABLE fails for one row of one shard: no node has the column", async () => {
  expect(await fails("ALTER TABLE held ADD COLUMN a int DEFAULT 1, ADD CHECK (k <> 17)")).toBe(
    '23514: check constraint "held_k_check" of relation "held" is violated by some row',
  );
  expect(
    await onEach(
      "SELECT count(*)::int AS n FROM pg_attribute WHERE attname = 'a' AND attrelid = to_regclass('held')",
    ),
  ).toEqual({
    catalog: 0,
    dn1: 0,
    dn2: 0,
    cn1: 0,
  });
  await at.client.query("UPDATE held SET v = v WHERE k = 17");
});

test("a role that one server has already", async () => {
  await queryServer(at.cluster.server("dn1"), "CREATE ROLE ddl_squatter");
  expect(await fails("CREATE ROLE ddl_squatter")).toBe('42710: role "ddl_squatter" already exists');
  expect(await onEach("SELECT count(*)::int AS n FROM pg_roles WHERE rolname = 'ddl_squatter'")).toEqual({
    catalog: 0,
    dn1: 1,
    dn2: 0,
    cn1: 0,
  });
});

test("CREATE DATABASE fails on the last server: the others give it back", async () => {
  await queryServer(at.cluster.server("cn1"), "CREATE DATABASE half");
  expect(await fails("CREATE DATABASE half")).toBe('42P04: database "half" already exists');
  expect(await onEach("SELECT count(*)::int AS n FROM pg_database WHERE datname = 'half'")).toEqual({
    catalog: 0,
    dn1: 0,
    dn2: 0,
    cn1: 1,
  });
});

test("D3: CREATE UNIQUE INDEX CONCURRENTLY finds duplicates on a shard: nothing is left, and it can be repeated", async () => {
  await at.client.query("INSERT INTO held VALUES (101, 'same')");
  await at.client.query("CREATE TABLE twice (k int, v text) DISTRIBUTE BY HASH (k)");
  await at.client.query("INSERT INTO twice VALUES (1, 'a'), (2, 'b'), (2, 'b')");
  expect(await fails("CREATE UNIQUE INDEX CONCURRENTLY twice_u ON twice (k, v)")).toBe(
    '23505: could not create unique index "twice_u"',
  );
  expect(await onEach("SELECT count(*)::int AS n FROM pg_class WHERE relname = 'twice_u'")).toEqual({
    catalog: 0,
    dn1: 0,
    dn2: 0,
    cn1: 0,
  });
  await at.client.query("DELETE FROM twice WHERE k = 2");
  await at.client.query("CREATE UNIQUE INDEX CONCURRENTLY twice_u ON twice (k, v)");
  const { rows } = await at.client.query("SELECT indexname FROM pg_indexes WHERE tablename = 'twice'");
  expect(rows).toEqual([{ indexname: "twice_u" }]);
});

test("a rolled back block with definitions of every family leaves nothing anywhere", async () => {
  const before = await onEach(
    "SELECT count(*)::int AS n FROM pg_class WHERE relnamespace::regnamespace::text ~ '^(public|gone)'",
  );
  await at.client.query("BEGIN");
  for (const sql of [
    "CREATE SCHEMA gone",
    "CREATE TYPE gone.mood AS ENUM ('a')",
    "CREATE TABLE gone.t (k int PRIMARY KEY, m gone.mood) DISTRIBUTE BY HASH (k)",
    "INSERT INTO gone.t VALUES (1, 'a'), (2, 'a')",
    "CREATE INDEX ON gone.t (m)",
    "ALTER TABLE held RENAME TO unheld",
    "CREATE ROLE gone_role",
    "GRANT SELECT ON unheld TO gone_role",
  ])
    await at.client.query(sql);
  await at.client.query("ROLLBACK");
  expect(
    await onEach(
      "SELECT count(*)::int AS n FROM pg_class WHERE relnamespace::regnamespace::text ~ '^(public|gone)'",
    ),
  ).toEqual(before);
  expect((await at.client.query("SELECT count(*)::int AS n FROM held WHERE k <= 40")).rows).toEqual([
    { n: 40 },
  ]);
});

test("X2: no server sees a password", async () => {
  await at.client.query("CREATE ROLE ddl_secret LOGIN PASSWORD 'open sesame'");
  await at.client.query("ALTER ROLE ddl_secret PASSWORD 'open sesame'");
  for (const name of SERVERS) {
    const [row] = await queryServer(
      at.cluster.server(name),
      "SELECT rolpassword AS n FROM pg_authid WHERE rolname = 'ddl_secret'",
    );
    expect(row?.["n"]).toMatch(/^SCRAM-SHA-256\$/);
  }
  expect(at.cluster.log()).not.toContain("sesame");
});

test("X3: the gate does nothing for those who do not know its secret", async () => {
  expect(await fails("SELECT pleiad.gate_execute('DROP TABLE held', 'guess')")).toMatch(/^42501|^0A000/);
  await at.client.query("CREATE ROLE ddl_nobody LOGIN");
  for (const name of ["catalog", "dn1", "cn1"]) {
    const server = at.cluster.server(name);
    const other = new pg.Client({
      host: server.host,
      port: server.port,
      user: "ddl_nobody",
      database: "postgres",
    });
    await other.connect();
    await expect(other.query("SELECT * FROM pleiad.gate")).rejects.toMatchObject({ code: "42501" });
    await expect(other.query("SELECT pleiad.gate_execute('SELECT 1', 'guess')")).rejects.toMatchObject({
      code: "42501",
    });
    await expect(other.query("SELECT * FROM pleiad.gate_rows('SELECT 1', NULL)")).rejects.toMatchObject({
      code: "42501",
    });
    await other.end();
  }
});

test("Q1: what runs on data nodes cannot come to read tables, not by replacing its function either", async () => {
  for (const sql of [
    "CREATE FUNCTION sly(n int) RETURNS boolean LANGUAGE sql AS 'SELECT n > 0'",
    "CREATE FUNCTION sly_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    "CREATE TABLE honest (k int CHECK (sly(k)), v text) DISTRIBUTE BY HASH (k)",
    "CREATE TRIGGER sly BEFORE INSERT ON honest FOR EACH ROW EXECUTE FUNCTION sly_row()",
    "CREATE DOMAIN sly_domain AS int CHECK (sly(VALUE))",
  ])
    await at.client.query(sql);
  const refused = "0A000";
  for (const sql of [
    "CREATE OR REPLACE FUNCTION sly(n int) RETURNS boolean LANGUAGE sql AS 'SELECT n > (SELECT count(*) FROM held)'",
    "CREATE OR REPLACE FUNCTION sly_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := (SELECT v FROM held WHERE k = 1); RETURN NEW; END $$",
    "CREATE OR REPLACE FUNCTION sly_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DELETE FROM held'; RETURN NEW; END $$",
    "CREATE TABLE dishonest (k int, n bigint GENERATED ALWAYS AS (k + (SELECT count(*) FROM held)) STORED)",
  ])
    expect((await fails(sql)).slice(0, 5), sql).toBe(refused);
  await at.client.query(
    "CREATE FUNCTION peeks(n int) RETURNS boolean LANGUAGE sql AS 'SELECT n > (SELECT count(*) FROM held)'",
  );
  for (const sql of [
    "ALTER TABLE honest ADD CHECK (peeks(k))",
    "ALTER TABLE honest ALTER v SET DEFAULT peeks(1)::text",
    "CREATE DOMAIN peeking AS int CHECK (peeks(VALUE))",
    "ALTER DOMAIN sly_domain ADD CHECK (peeks(VALUE))",
    "CREATE POLICY peek ON honest USING (peeks(k))",
    "CREATE FUNCTION through(n int) RETURNS boolean LANGUAGE sql AS 'SELECT peeks(n)'; ALTER TABLE honest ADD CHECK (through(k))",
  ])
    expect((await fails(sql)).slice(0, 5), sql).toBe(refused);
  await at.client.query("INSERT INTO honest VALUES (1, 'x')");
});
