/** postgres.js: prepares everything, pipelines, asks the catalog for array types. */
import postgres from "postgres";
import { afterAll, beforeAll, test } from "vitest";
import type { TestServers } from "../../oracle/test-servers.ts";
import type { Endpoint } from "../../wire/connection.ts";
import { expectSame } from "../../sides/expect-same.ts";
import { startDriverServers } from "../sides.ts";

let servers: TestServers;

beforeAll(async () => {
  servers = await startDriverServers();
});

afterAll(async () => {
  await servers?.stop();
});

function withSql(
  scenario: (sql: postgres.Sql) => Promise<unknown>,
  options: postgres.Options<{}> = {},
): Promise<unknown> {
  return expectSame(servers, async (at: Endpoint) => {
    const sql = postgres({
      host: at.host,
      port: at.port,
      user: at.user,
      database: at.database,
      max: 1,
      onnotice: () => {},
      ...options,
    });
    try {
      return await scenario(sql);
    } finally {
      await sql.end();
    }
  });
}

const plainRows = (rows: postgres.RowList<postgres.Row[]>): unknown => ({
  rows: rows.map((row) => ({ ...row })),
  count: rows.count,
  command: rows.command,
  columns: rows.columns?.map((column) => column.name),
});

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error instanceof postgres.PostgresError ? error.code : String(error);
  }
}

test("prepared statements with arrays, json, dates and bytes", () =>
  withSql(async (sql) => [
    plainRows(await sql`SELECT * FROM items WHERE id = ${7}`),
    plainRows(
      await sql`SELECT id, tags, info, made, day, raw FROM items WHERE id IN ${sql([3, 4, 5])} ORDER BY id`,
    ),
    plainRows(await sql`SELECT id FROM items WHERE id = ANY (${[10, 20, 30]}) ORDER BY id`),
    plainRows(await sql`SELECT id FROM items WHERE info @> ${sql.json({ n: 3 })} ORDER BY id LIMIT 5`),
    plainRows(
      await sql`SELECT ${new Date("2024-03-31T01:30:00Z")}::timestamptz AS at, ${["a", "b"]}::text[] AS texts, ${null}::int AS nothing`,
    ),
    plainRows(await sql`SELECT array_agg(mood ORDER BY id) AS moods FROM items WHERE id < 6`),
  ]));

test("without prepared statements", () =>
  withSql(
    async (sql) => [
      plainRows(await sql`SELECT name FROM items WHERE id = ${9}`),
      plainRows(await sql.unsafe("SELECT count(*)::int AS n FROM notes")),
    ],
    { prepare: false },
  ));

test("many statements in one pipeline", () =>
  withSql(async (sql) => {
    const results = await Promise.all(
      Array.from(
        { length: 150 },
        (_, index) => sql`SELECT ${index}::int AS token, name FROM items WHERE id = ${1 + (index % 500)}`,
      ),
    );
    return results.map(plainRows);
  }));

test("an error in the middle of a pipeline stays with its statement (S3)", () =>
  withSql(async (sql) =>
    Promise.all([
      sql`SELECT 1 AS a`.then(plainRows),
      codeOf(sql`SELECT * FROM nothing`),
      sql`SELECT name FROM items WHERE id = ${3}`.then(plainRows),
      codeOf(sql`SELECT ${"x"}::int`),
      sql`SELECT count(*) FROM notes`.then(plainRows),
    ]),
  ));

test("cursor", () =>
  withSql(async (sql) => {
    const pieces: unknown[] = [];
    await sql`SELECT note_id, body FROM notes ORDER BY note_id`.cursor(200, (rows) => {
      pieces.push(rows.map((row) => ({ ...row })));
    });
    let count = 0;
    for await (const rows of sql`SELECT id FROM items ORDER BY id`.cursor(50)) {
      pieces.push(rows.length);
      if (++count === 3) break;
    }
    pieces.push(plainRows(await sql`SELECT 1 AS after`));
    return pieces;
  }));

test("transactions and savepoints", () =>
  withSql(async (sql) => {
    const inside: unknown[] = [];
    const failed = await codeOf(
      sql.begin(async (transaction) => {
        await transaction`UPDATE items SET price = ${0} WHERE id < ${6}`;
        inside.push(plainRows(await transaction`SELECT count(*) FROM items WHERE price = 0`));
        await transaction
          .savepoint(async (savepoint) => {
            await savepoint`DELETE FROM notes`;
            await savepoint`SELECT 1 / 0`;
          })
          .catch((error: unknown) => inside.push(error instanceof postgres.PostgresError ? error.code : ""));
        inside.push(plainRows(await transaction`SELECT count(*) FROM notes`));
        await transaction`SELECT * FROM nothing`;
      }),
    );
    return [inside, failed, plainRows(await sql`SELECT count(*) FROM items WHERE price = 0`)];
  }));

test("multi-row insert with returning, then delete", () =>
  withSql(async (sql) => {
    const rows = [701, 702, 703].map((id) => ({ id, name: `new ${id}`, price: "1.25" }));
    const inserted = await sql`INSERT INTO items ${sql(rows)} RETURNING id, name, price`;
    const deleted = await sql`DELETE FROM items WHERE id > 700`;
    return [
      [...inserted].map((row) => ({ ...row })).toSorted((a, b) => Number(a["id"]) - Number(b["id"])),
      deleted.count,
    ];
  }));

test("cancel", () =>
  withSql(async (sql) => {
    const running = sql`SELECT pg_sleep(30)`.execute();
    setTimeout(() => running.cancel(), 300);
    return [await codeOf(running), plainRows(await sql`SELECT 1 AS alive`)];
  }));

test("describe without executing", () =>
  withSql(async (sql) => {
    const { types, columns } =
      await sql`SELECT id, name, price FROM items WHERE id = ${1} AND name = ${"x"}`.describe();
    return [types, columns.map(({ name, type }) => [name, type])];
  }));
