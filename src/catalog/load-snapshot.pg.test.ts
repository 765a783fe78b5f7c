/** What the planner sees of objects that are easily got wrong: qualified names, user types, other roles' sessions. */
import { expect, test } from "vitest";
import { installCatalog, recordNodes } from "./install-catalog.ts";
import { loadSnapshot } from "./load-snapshot.ts";
import { relationKey, type Relation, type Snapshot } from "./snapshot.ts";
import { plainQuery } from "../../test/cluster/plain-query.ts";

const query = plainQuery(async (query) => {
  await installCatalog(query);
  await recordNodes(query, [{ name: "dn1", kind: "data" }]);
  await query(`
    CREATE ROLE alice; CREATE ROLE bob;
    CREATE SCHEMA "My App"; SET search_path = "My App";
    CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN feeling AS mood; CREATE TYPE pair AS (a int, b mood);
    CREATE TYPE span AS RANGE (subtype = date);
    CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false);
    CREATE TABLE people (
      id serial PRIMARY KEY, name varchar(10) COLLATE "C" NOT NULL, nick text COLLATE loose, m mood[], f feeling, p pair, s span,
      born date DEFAULT '2024-02-01', twice int GENERATED ALWAYS AS (id * 2) STORED, n int GENERATED ALWAYS AS IDENTITY, d int
    );
    ALTER TABLE people DROP COLUMN d; ALTER TABLE people OWNER TO alice;
    CREATE UNIQUE INDEX names ON people (name, born) INCLUDE (id); CREATE INDEX lowered ON people (lower(name));
    CREATE INDEX partly ON people (born) WHERE id > 3; CREATE INDEX hashed ON people USING hash (name);
    CREATE VIEW young WITH (security_invoker) AS SELECT id, name || '\\x;' AS name FROM people WHERE born > '2000-01-01';
    CREATE FUNCTION body(int) RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*)::int FROM people WHERE id > $1; END;
    CREATE FUNCTION paths() RETURNS SETOF int LANGUAGE sql SECURITY DEFINER SET search_path = "a,b", c AS 'SELECT 1';
    CREATE FUNCTION paths(int) RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1';
    CREATE PROCEDURE act() LANGUAGE plpgsql AS 'BEGIN END';
    CREATE AGGREGATE summed (int) (sfunc = int4pl, stype = int);
    CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq);
    CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE parent (k int) PARTITION BY RANGE (k); CREATE TABLE child PARTITION OF parent DEFAULT;
    CREATE TRIGGER t AFTER INSERT ON parent FOR EACH ROW EXECUTE FUNCTION nothing();
    ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
    CREATE UNLOGGED TABLE quick ();
    CREATE EXTENSION pgcrypto;
    CREATE TEMP TABLE hidden (k int);
    RESET search_path`);
});

const relation = (snapshot: Snapshot, name: string): Relation => {
  const found = snapshot.relations.get(relationKey("My App", name));
  if (found === undefined) throw new Error(`${name} is not in the snapshot`);
  return found;
};

test("columns: types, collations, defaults", async () => {
  const people = relation(await loadSnapshot(query, "postgres"), "people");
  const columns = new Map(people.columns.map((column) => [column.name, column]));
  expect(people).toMatchObject({
    owner: "alice",
    kind: "table",
    persistence: "permanent",
    rowSecurity: false,
  });
  expect([...columns.keys()]).toEqual(["id", "name", "nick", "m", "f", "p", "s", "born", "twice", "n"]);
  expect(columns.get("id")).toMatchObject({
    sequence: `"My App".people_id_seq`,
    defaultExpression: `nextval('"My App".people_id_seq'::regclass)`,
    notNull: true,
    userType: false,
  });
  expect(columns.get("name")).toMatchObject({
    typeName: "character varying(10)",
    typeModifier: 14,
    collation: `pg_catalog."C"`,
    byteOrder: true,
    deterministicCollation: true,
  });
  expect(columns.get("nick")).toMatchObject({
    collation: `"My App".loose`,
    byteOrder: false,
    deterministicCollation: false,
  });
  for (const name of ["m", "f", "p", "s"]) expect(columns.get(name), name).toMatchObject({ userType: true });
  expect(columns.get("m")!.typeName).toBe(`"My App".mood[]`);
  expect(columns.get("born")).toMatchObject({
    defaultExpression: "'2024-02-01'::date",
    generated: "",
    identity: "",
  });
  expect(columns.get("twice")).toMatchObject({ generated: "stored", defaultExpression: "(id * 2)" });
  expect(columns.get("n")).toMatchObject({ identity: "always", sequence: `"My App".people_n_seq` });
});

test("indexes, views, partitions, triggers", async () => {
  const snapshot = await loadSnapshot(query, "postgres");
  expect(relation(snapshot, "people").indexes).toEqual([
    { name: "hashed", unique: false, primary: false, columns: undefined },
    { name: "lowered", unique: false, primary: false, columns: undefined },
    { name: "names", unique: true, primary: false, columns: ["name", "born"] },
    { name: "partly", unique: false, primary: false, columns: undefined },
    { name: "people_pkey", unique: true, primary: true, columns: ["id"] },
  ]);
  const young = relation(snapshot, "young");
  expect(young).toMatchObject({ kind: "view", securityInvoker: true, distribution: undefined });
  expect(young.viewDefinition).toContain(`FROM "My App".people`);
  expect(young.viewDefinition).toContain("'2000-01-01'::date");
  expect(young.viewDefinition).not.toMatch(/;\s*$/);
  const [parent, child] = [relation(snapshot, "parent"), relation(snapshot, "child")];
  expect(parent).toMatchObject({ kind: "partitioned table", rowSecurity: true, hasTriggers: true });
  expect(child.parents).toEqual([parent.oid]);
  expect(relation(snapshot, "quick")).toMatchObject({ persistence: "unlogged", columns: [], indexes: [] });
  expect([...snapshot.relationsByOid.values()].map(({ name }) => name)).not.toContain("hidden");
  expect([...snapshot.schemas].sort()).toEqual(["My App", "public"]);
});

test("routines, operators, types", async () => {
  const snapshot = await loadSnapshot(query, "postgres");
  const routines = (schema: string, name: string) => snapshot.routines.get(relationKey(schema, name))!;
  expect(routines("My App", "body")[0]).toMatchObject({
    volatility: "stable",
    kind: "function",
    language: "sql",
  });
  expect(routines("My App", "body")[0]!.body).toContain(`FROM "My App".people`);
  const paths = routines("My App", "paths");
  expect(paths.map(({ searchPath }) => searchPath)).toEqual(expect.arrayContaining([["a,b", "c"], []]));
  expect(paths.find(({ returnsSet }) => returnsSet)).toMatchObject({
    securityDefiner: true,
    body: "SELECT 1",
  });
  expect(routines("My App", "act")[0]).toMatchObject({ kind: "procedure" });
  expect(routines("My App", "summed")[0]).toMatchObject({ kind: "aggregate", body: undefined });
  expect(routines("My App", "digest")[0]).toMatchObject({
    extension: "pgcrypto",
    body: undefined,
    language: "c",
  });
  expect([...snapshot.userOperators]).toEqual(["==="]);
  const kinds = new Map([...snapshot.userTypes.values()].map(({ name, kind }) => [name, kind]));
  expect(Object.fromEntries(kinds)).toMatchObject({
    mood: "enum",
    _mood: "array",
    feeling: "domain",
    pair: "composite",
    span: "range",
  });
  expect([...snapshot.routines.keys()].some((key) => key.startsWith("pleiad\0"))).toBe(false);
});

test("it reads the same in any role's session, and leaves that as it was, in transactions too", async () => {
  const expected = await loadSnapshot(query, "postgres");
  await query(
    `SET search_path = "My App"; SET "DateStyle" = 'SQL, DMY'; SET standard_conforming_strings = off; SET quote_all_identifiers = on; SET ROLE bob`,
  );
  try {
    expect(await loadSnapshot(query, "postgres")).toEqual(expected);
    await query("BEGIN; SET LOCAL search_path = pg_catalog");
    expect(await loadSnapshot(query, "postgres")).toEqual(expected);
    expect(await query("SHOW search_path")).toEqual([['"pg_catalog"']]);
    await query("COMMIT");
    expect(await query("SHOW search_path")).toEqual([[`"My App"`]]);
  } finally {
    await query("ROLLBACK; RESET ROLE; RESET ALL");
  }
});

test("a transaction sees its own DDL", async () => {
  await query(`BEGIN; ALTER TABLE "My App".people RENAME TO persons`);
  try {
    expect(relation(await loadSnapshot(query, "postgres"), "persons").columns).toHaveLength(10);
  } finally {
    await query("ROLLBACK");
  }
});

test("some hundreds of tables are read in a moment", async () => {
  await query(`DO $$ BEGIN FOR i IN 1..300 LOOP
    EXECUTE format('CREATE TABLE public.t%s (id int PRIMARY KEY, a text NOT NULL DEFAULT %L, b numeric, c timestamptz, d jsonb, e uuid)', i, 'x'); END LOOP; END $$`);
  await loadSnapshot(query, "postgres");
  const times: number[] = [];
  for (let i = 0; i < 7; i++) {
    const start = performance.now();
    await loadSnapshot(query, "postgres");
    times.push(performance.now() - start);
  }
  const medianMs = times.sort((a, b) => a - b)[3]!;
  console.log(`snapshot of 300 tables: ${medianMs.toFixed(1)} ms`);
  // The bound is wide for busy machines; it catches a plan that looks at every pair of tables.
  expect(medianMs).toBeLessThan(150);
});
