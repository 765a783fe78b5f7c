/** A table with shards must speak as the plain table does: same errors, same rights, whatever DDL came before. */
import pg from "pg";
import { beforeEach, expect, test } from "vitest";
import { colocationId, nodeName } from "./ids.ts";
import { installDataNode } from "./install-data-node.ts";
import { partitionByClause, partitionsOnNode } from "./partition-ddl.ts";
import type { HashDistribution } from "./snapshot.ts";
import { plainQuery } from "../../test/cluster/plain-query.ts";

const query = plainQuery(async (query) => {
  await installDataNode(query);
  await installDataNode(query);
  await query(
    "CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE carol; GRANT CREATE ON DATABASE postgres TO alice",
  );
});

const dn1 = nodeName("dn1");

function hash(column: string): HashDistribution {
  return { kind: "hash", columns: [column], colocation: colocationId(1), placements: [dn1, dn1, dn1] };
}

/** The same tables twice: plain in schema `plain`, with shards in schema `Shop "s"`. */
const SHARDED = `Shop "s"`;

async function both(sql: (schema: string, partitionBy: (column: string) => string) => string): Promise<void> {
  await query(sql("plain", () => ""));
  await query(sql(`"Shop ""s"""`, (column) => partitionByClause(hash(column))!));
}

async function partition(table: string, column: string): Promise<void> {
  for (const statement of partitionsOnNode(SHARDED, table, hash(column), dn1)) await query(statement);
}

beforeEach(async () => {
  await query(`
    SET client_min_messages = warning;
    DROP SCHEMA IF EXISTS plain, "Shop ""s""", moved CASCADE;
    CREATE SCHEMA plain; CREATE SCHEMA "Shop ""s"""; CREATE SCHEMA moved;
    GRANT USAGE, CREATE ON SCHEMA plain, "Shop ""s""", moved TO PUBLIC`);
  await both(
    (schema, partitionBy) => `
    SET search_path = ${schema};
    CREATE TABLE customers (id int CONSTRAINT "Customer key" PRIMARY KEY, name text NOT NULL) ${partitionBy("id")};
    CREATE TABLE orders (
      id int, customer int, price numeric, code text NOT NULL,
      CONSTRAINT "the key" PRIMARY KEY (customer, id),
      CONSTRAINT positive CHECK (price > 0),
      CONSTRAINT known FOREIGN KEY (customer) REFERENCES customers
    ) ${partitionBy("customer")};
    CREATE UNIQUE INDEX "Codes" ON orders (customer, code);
    RESET search_path`,
  );
  await partition("customers", "id");
  await partition("orders", "customer");
  await query("SELECT pleiad.sync_partitions()");
});

/** What a client sees of an error: the coordinator takes the shard's ordinal from the names of schema and constraint. */
async function failure(statement: string): Promise<unknown> {
  try {
    await query(statement);
    return "no error";
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { code, message, detail, hint, schema, table, column, constraint } = error;
    const logical = constraint?.replace(/#\d+$/, "");
    return {
      code,
      message: constraint === undefined ? message : message.replace(`"${constraint}"`, `"${logical}"`),
      detail,
      hint,
      schema: schema?.replace(/#\d+$/, ""),
      table,
      column,
      constraint: logical,
    };
  }
}

async function sameFailure(statement: (schema: string) => string): Promise<void> {
  const expected = await failure(statement("plain"));
  expect(expected).toHaveProperty("code");
  const actual = await failure(statement(`"Shop ""s"""`));
  expect(actual).toEqual({ ...(expected as object), ...(schemaOf(expected) ? { schema: SHARDED } : {}) });
}

const schemaOf = (error: unknown): unknown => (error as { schema?: string }).schema;

test("violations are reported in the words of a plain table", async () => {
  await both(
    (schema) => `INSERT INTO ${schema}.customers SELECT i, 'c' || i FROM generate_series(1, 20) i;
                 INSERT INTO ${schema}.orders SELECT i, i, i, 'o' || i FROM generate_series(1, 10) i`,
  );
  await sameFailure((schema) => `INSERT INTO ${schema}.customers VALUES (7, 'again')`);
  await sameFailure((schema) => `INSERT INTO ${schema}.customers VALUES (70, NULL)`);
  await sameFailure((schema) => `INSERT INTO ${schema}.orders VALUES (5, 5, 1, 'x')`);
  await sameFailure((schema) => `INSERT INTO ${schema}.orders VALUES (50, 5, 1, 'o5')`);
  await sameFailure((schema) => `INSERT INTO ${schema}.orders VALUES (6, 6, -1, 'x')`);
  await sameFailure((schema) => `INSERT INTO ${schema}.orders VALUES (6, 600, 1, 'x')`);
  await sameFailure((schema) => `INSERT INTO ${schema}.orders VALUES (6, NULL, 1, 'x')`);
  for (const id of [1, 2, 3, 4])
    await sameFailure((schema) => `DELETE FROM ${schema}.customers WHERE id = ${id}`);
  await sameFailure((schema) => `UPDATE ${schema}.orders SET code = NULL WHERE customer = 3`);
});

test("what is added, renamed and exchanged later is followed", async () => {
  await both(
    (schema) => `
    ALTER TABLE ${schema}.orders ADD CONSTRAINT cheap CHECK (price < 100);
    CREATE INDEX "by price" ON ${schema}.orders (price);
    ALTER TABLE ${schema}.orders RENAME CONSTRAINT "the key" TO x;
    ALTER INDEX ${schema}."Codes" RENAME TO "the key";
    ALTER TABLE ${schema}.orders RENAME CONSTRAINT x TO "Codes"`,
  );
  await query(`SELECT pleiad.sync_partitions('"Shop ""s""".orders')`);
  await both(
    (schema) =>
      `INSERT INTO ${schema}.customers VALUES (5, 'c'); INSERT INTO ${schema}.orders VALUES (5, 5, 1, 'x')`,
  );
  await sameFailure((schema) => `INSERT INTO ${schema}.orders VALUES (5, 5, 1, 'y')`);
  await sameFailure((schema) => `INSERT INTO ${schema}.orders VALUES (6, 5, 1, 'x')`);
  await sameFailure((schema) => `INSERT INTO ${schema}.orders VALUES (6, 5, 100, 'z')`);
  const names = await query(
    `SELECT DISTINCT indexname FROM pg_indexes WHERE schemaname ~ '^Shop "s"#' AND tablename = 'orders' ORDER BY 1`,
  );
  expect(names.flat()).toEqual(["Codes", "by price", "the key"]);
});

const PRIVILEGES_OF_SHARDS = `
  SELECT s.shard::regclass::text, coalesce(column_name, ''), grantee::regrole::text, privilege, grantable::text
  FROM pleiad.shards_of('"Shop ""s""".orders'::regclass) s, pleiad.privileges(s.shard) ORDER BY 1, 2, 3, 4`;

test("owner and privileges are those of the parent, after every change", async () => {
  const orders = `"Shop ""s""".orders`;
  const changes = [
    "",
    `ALTER TABLE ${orders} OWNER TO alice`,
    `GRANT SELECT, INSERT ON ${orders} TO bob WITH GRANT OPTION; GRANT UPDATE (price), SELECT (code, id) ON ${orders} TO carol; GRANT SELECT ON ${orders} TO PUBLIC`,
    `REVOKE GRANT OPTION FOR SELECT ON ${orders} FROM bob; REVOKE SELECT (code) ON ${orders} FROM carol`,
    `SET ROLE bob; GRANT INSERT ON ${orders} TO carol; RESET ROLE`,
    `REVOKE ALL ON ${orders} FROM alice`,
    `ALTER TABLE ${orders} OWNER TO bob`,
    `GRANT ALL ON ${orders} TO bob; REVOKE ALL ON ${orders} FROM alice, carol, PUBLIC CASCADE`,
  ];
  for (const change of changes) {
    await query(change);
    await query(`SELECT pleiad.sync_partitions('${orders}')`);
    const wanted = await query(
      `SELECT coalesce(column_name, ''), grantee::regrole::text, privilege, grantable::text
       FROM pleiad.privileges('${orders}'::regclass) ORDER BY 1, 2, 3`,
    );
    const present = await query(PRIVILEGES_OF_SHARDS);
    for (const shard of [0, 1, 2])
      expect(
        present.filter(([name]) => name!.includes(`#${shard}`)).map((row) => row.slice(1)),
        `${change}: shard ${shard}`,
      ).toEqual(wanted);
    const owners = await query(
      `SELECT DISTINCT c.relowner FROM pg_class c JOIN pg_class p ON p.oid = '${orders}'::regclass
       WHERE c.relowner = p.relowner AND (c.oid = p.oid OR c.oid IN (SELECT shard FROM pleiad.shards_of(p.oid)))`,
    );
    expect(owners).toHaveLength(1);
  }
});

test("an owner who was never granted anything may use the shards directly", async () => {
  await query(`ALTER TABLE "Shop ""s""".orders OWNER TO alice; SELECT pleiad.sync_partitions()`);
  await query(`SET ROLE alice`);
  try {
    expect(await query(`SELECT count(*) FROM "Shop ""s""#1".orders`)).toEqual([["0"]]);
  } finally {
    await query("RESET ROLE");
  }
});

test("a table that is renamed, or moves to another schema, takes its shards along", async () => {
  await query(
    `ALTER TABLE "Shop ""s""".orders RENAME TO "Orders'24"; ALTER TABLE "Shop ""s"""."Orders'24" SET SCHEMA moved`,
  );
  await query(`SELECT pleiad.sync_partitions('moved."Orders''24"')`);
  await query(`ALTER SCHEMA moved RENAME TO elsewhere; SELECT pleiad.sync_partitions()`);
  const shards = await query(
    `SELECT shard::regclass::text FROM pleiad.shards_of('elsewhere."Orders''24"'::regclass) ORDER BY 1`,
  );
  expect(shards.flat()).toEqual([
    `"elsewhere#0"."Orders'24"`,
    `"elsewhere#1"."Orders'24"`,
    `"elsewhere#2"."Orders'24"`,
  ]);
  await query("DROP SCHEMA elsewhere CASCADE; CREATE SCHEMA moved");
});

test("where nothing differs nothing is written", async () => {
  const xmin =
    "SELECT oid::text, xmin::text FROM pg_class UNION ALL SELECT oid::text, xmin::text FROM pg_constraint ORDER BY 1";
  await query("SELECT pleiad.sync_partitions()");
  const before = await query(xmin);
  await query("SELECT pleiad.sync_partitions()");
  expect(await query(xmin)).toEqual(before);
});
