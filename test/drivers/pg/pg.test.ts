/** node-postgres: what it makes of Pleiad's answers is what it makes of plain PostgreSQL's. */
import { connect } from "node:net";
import pg from "pg";
import Cursor from "pg-cursor";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestServers } from "../../oracle/test-servers.ts";
import type { Endpoint } from "../../wire/connection.ts";
import { expectSame } from "../../sides/expect-same.ts";
import { startDriverServers } from "../sides.ts";
import { CopyInQuery, CopyOutQuery } from "./copy-query.ts";

let servers: TestServers;

beforeAll(async () => {
  servers = await startDriverServers();
});

afterAll(async () => {
  await servers?.stop();
});

function withClient(scenario: (client: pg.Client) => Promise<unknown>): Promise<unknown> {
  return expectSame(servers, async (at: Endpoint) => {
    const client = new pg.Client({ ...at });
    await client.connect();
    try {
      return await scenario(client);
    } finally {
      await client.end();
    }
  });
}

/** Without what differs between servers: OIDs of user types and tables. */
const shape = (result: pg.QueryResult): unknown => ({
  command: result.command,
  rowCount: result.rowCount,
  rows: result.rows,
  fields: result.fields.map(({ name, dataTypeID, format }) => [
    name,
    dataTypeID < 16384 ? dataTypeID : "user",
    format,
  ]),
});

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error instanceof pg.DatabaseError ? error.code : String(error);
  }
}

test("simple queries", () =>
  withClient(async (client) => [
    shape(await client.query("SELECT * FROM items WHERE id = 7")),
    shape(await client.query("SELECT * FROM items ORDER BY id LIMIT 30")),
    shape(await client.query("SELECT kind, about FROM kinds ORDER BY kind")),
    shape(await client.query("SELECT count(*), sum(price), min(made) FROM items")),
    shape(
      await client.query({ text: "SELECT id, name FROM items WHERE id < 4 ORDER BY id", rowMode: "array" }),
    ),
  ]));

test("several statements in one string", () =>
  withClient(async (client) => {
    const results: unknown = await client.query(
      "SELECT 1 AS a; SELECT count(*) FROM notes; SELECT id FROM items WHERE id = 3",
    );
    return (results as pg.QueryResult[]).map(shape);
  }));

test("parameters of every type", () =>
  withClient(async (client) => [
    shape(await client.query("SELECT * FROM items WHERE id = $1", [12])),
    shape(await client.query("SELECT id FROM items WHERE id = ANY ($1) ORDER BY id", [[3, 5, 700]])),
    shape(await client.query("SELECT id FROM items WHERE tags @> $1 AND id < $2 ORDER BY id", [["t1"], 20])),
    shape(
      await client.query("SELECT id FROM items WHERE info = $1 ORDER BY id LIMIT 5", [
        { n: 3, deep: { æ: [1, null] } },
      ]),
    ),
    shape(
      await client.query("SELECT id FROM items WHERE made < $1 ORDER BY id LIMIT 5", [
        new Date("2024-03-31T03:00:00Z"),
      ]),
    ),
    shape(await client.query("SELECT id FROM items WHERE raw = $1 ORDER BY id", [Buffer.from([0, 255, 7])])),
    shape(await client.query("SELECT id FROM items WHERE mood = $1 ORDER BY id LIMIT 4", ["happy"])),
    shape(await client.query("SELECT $1::text AS nothing, $2::int AS one", [null, 1])),
  ]));

test("named prepared statements follow the session (S2)", () =>
  withClient(async (client) => {
    const rows: unknown[] = [];
    for (let id = 1; id <= 40; id++) {
      const result = await client.query({
        name: "item",
        text: "SELECT name FROM items WHERE id = $1",
        values: [id],
      });
      rows.push(result.rows);
      if (id % 10 === 0) rows.push((await client.query("SELECT count(*) FROM notes")).rows);
    }
    return rows;
  }));

test("equal names of two clients never meet (S2)", () =>
  expectSame(servers, async (at) => {
    const clients = [new pg.Client({ ...at }), new pg.Client({ ...at })] as const;
    await Promise.all(clients.map((client) => client.connect()));
    const rows: unknown[] = [];
    for (let round = 0; round < 5; round++) {
      rows.push(
        (await clients[0].query({ name: "q", text: "SELECT 'first' AS who, $1::int", values: [round] })).rows,
      );
      rows.push((await clients[1].query({ name: "q", text: "SELECT 'second' AS who", values: [] })).rows);
    }
    await Promise.all(clients.map((client) => client.end()));
    return rows;
  }));

test("errors leave the session usable and carry their SQLSTATE (S3)", () =>
  withClient(async (client) => [
    await codeOf(client.query("SELECT * FROM nothing")),
    await codeOf(client.query("SELECT * FROM items WHERE id = $1", ["x"])),
    await codeOf(client.query({ name: "bad", text: "SELECT nothing FROM items WHERE id = $1", values: [1] })),
    await codeOf(client.query("INSERT INTO items (id, name) VALUES (1, 'twice')")),
    shape(await client.query("SELECT name FROM items WHERE id = $1", [5])),
  ]));

test("pg-cursor reads a large result in pieces (S4)", () =>
  withClient(async (client) => {
    const pieces: unknown[] = [];
    for (const text of [
      "SELECT note_id, body FROM notes ORDER BY note_id",
      "SELECT id FROM items WHERE id < $1 ORDER BY id",
    ]) {
      const cursor = client.query(new Cursor(text, text.includes("$1") ? [300] : []));
      for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100))
        pieces.push(rows);
      await cursor.close();
    }
    const early = client.query(
      new Cursor("SELECT n.note_id FROM notes n JOIN items i ON i.id = n.item_id ORDER BY n.note_id"),
    );
    pieces.push(await early.read(3));
    await early.close();
    pieces.push((await client.query("SELECT 1 AS after")).rows);
    return pieces;
  }));

test("transactions", () =>
  withClient(async (client) => {
    await client.query("BEGIN");
    await client.query("UPDATE items SET price = 0 WHERE id IN (1, 2, 3, 4)");
    const inside = await client.query("SELECT count(*) FROM items WHERE price = 0");
    await client.query("SAVEPOINT s");
    const failed = await codeOf(client.query("SELECT 1 / 0"));
    const refused = await codeOf(client.query("SELECT 1"));
    await client.query("ROLLBACK TO SAVEPOINT s");
    await client.query("ROLLBACK");
    return [
      inside.rows,
      failed,
      refused,
      (await client.query("SELECT count(*) FROM items WHERE price = 0")).rows,
    ];
  }));

test("a cancelled statement stops with 57014, and the session goes on (S9)", async () => {
  for (const at of [servers.plain, servers.subject]) {
    const client = new pg.Client({ ...at });
    await client.connect();
    for (const sql of [
      "SELECT pg_sleep(30)",
      "SELECT count(*) FROM notes a, notes b, notes c, notes d WHERE a.body < b.body || c.body || d.body",
    ]) {
      const key = client as unknown as { processID: number; secretKey: number };
      const running = codeOf(client.query(sql));
      await new Promise((resolve) => setTimeout(resolve, 300));
      await cancel(at, key.processID, key.secretKey);
      expect(await running).toBe("57014");
      expect((await client.query("SELECT 1 AS alive")).rows).toEqual([{ alive: 1 }]);
    }
    await client.end();
  }
}, 60_000);

test("a cancel request after the end of the statement hits nobody (S9)", async () => {
  for (const at of [servers.plain, servers.subject]) {
    const client = new pg.Client({ ...at });
    await client.connect();
    const key = client as unknown as { processID: number; secretKey: number };
    await client.query("SELECT 1");
    await cancel(at, key.processID, key.secretKey);
    await cancel(at, key.processID, key.secretKey ^ 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await client.query("SELECT count(*) FROM items")).rows).toEqual([{ count: "500" }]);
    await client.end();
  }
});

test("COPY in and out", () =>
  withClient(async (client) => {
    await client.query(
      `CREATE TABLE copied (id int PRIMARY KEY, body text)${client.port === servers.subject.port ? servers.clause("DISTRIBUTE BY HASH (id)") : ""}`,
    );
    const lines = Array.from({ length: 3000 }, (_, id) => `${id}\tline ${id}\n`);
    const copyIn = client.query(new CopyInQuery("COPY copied FROM STDIN", lines));
    await copyIn.done;
    const copyOut = client.query(
      new CopyOutQuery("COPY (SELECT * FROM copied WHERE id % 100 = 0 ORDER BY id) TO STDOUT"),
    );
    const text = await copyOut.done;
    const bad = client.query(new CopyInQuery("COPY copied FROM STDIN", ["9001\tok\n", "x\tbad\n"]));
    const code = await codeOf(bad.done);
    const after = await client.query("SELECT count(*), max(id) FROM copied");
    await client.query("DROP TABLE copied");
    return [text, code, after.rows];
  }));

test("a pool of many clients at once", () =>
  expectSame(servers, async (at) => {
    const pool = new pg.Pool({ ...at, max: 20 });
    // The pool calls itself ended before its connections are: the server may stop in between.
    pool.on("connect", (client) => client.on("error", () => {}));
    const rows = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const result = await pool.query("SELECT $1::int AS token, name FROM items WHERE id = $2", [
          index,
          1 + (index % 500),
        ]);
        return result.rows;
      }),
    );
    await pool.end();
    return rows;
  }));

function cancel(at: Endpoint, processId: number, secretKey: number): Promise<void> {
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(80877102, 4);
  packet.writeInt32BE(processId, 8);
  packet.writeInt32BE(secretKey, 12);
  return new Promise((resolve) => {
    const socket = connect(at.port, at.host);
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
    socket.write(packet);
  });
}
