/** `--pg-bin`: a whole cluster on the oldest PostgreSQL that this system has installed, beside a plain server of the same. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServers, type TestServers } from "../oracle/test-servers.ts";
import { systemPostgres } from "./system-postgres.ts";

const system = systemPostgres().at(-1);

describe.skipIf(system === undefined)(`--pg-bin, PostgreSQL ${system?.major}`, () => {
  let servers: TestServers;
  let clients: [plain: pg.Client, subject: pg.Client];

  async function connect(): Promise<void> {
    clients = [new pg.Client({ ...servers.plain }), new pg.Client({ ...servers.subject })];
    for (const client of clients) {
      client.on("error", () => {});
      await client.connect();
    }
  }

  beforeAll(async () => {
    servers = await startTestServers({ pgBin: system!.directory });
    await connect();
  });

  afterAll(async () => {
    for (const client of clients ?? []) await client.end().catch(() => {});
    await servers?.stop();
  });

  /** Rows or SQLSTATE, the same on both sides. */
  async function same(sql: string, clause = ""): Promise<unknown> {
    const [plain, subject] = await Promise.all(
      clients.map((client, i) =>
        client.query({ text: i === 0 ? sql : sql + servers.clause(clause), rowMode: "array" }).then(
          ({ command, rowCount, rows }) => ({ command, rowCount, rows: rows as unknown }),
          (error: pg.DatabaseError) => ({ code: error.code }),
        ),
      ),
    );
    expect(subject, sql).toEqual(plain);
    return subject;
  }

  const kinds: readonly [name: string, clause: string][] = [
    ["by_hash", "DISTRIBUTE BY HASH (k)"],
    [
      "by_range",
      "DISTRIBUTE BY RANGE (k) (SLICE a VALUES LESS THAN (30), SLICE b VALUES LESS THAN (MAXVALUE))",
    ],
    ["by_list", "DISTRIBUTE BY LIST (k) (SLICE a VALUES (1, 2, 3), SLICE b VALUES (DEFAULT))"],
    ["on_all", "DISTRIBUTE BY REPLICATION"],
    ["anywhere", "DISTRIBUTE BY RANDOM"],
    ["on_one", "TO NODE (dn2)"],
  ];

  test("the version is the one that was asked for", async () => {
    const { rows } = await clients[1].query<{ server_version: string }>("SHOW server_version");
    expect(Number.parseInt(rows[0]!.server_version, 10)).toBe(system!.major);
  });

  test.each(kinds)("%s: rows are written, changed in transactions, and read", async (name, clause) => {
    expect(await same(`CREATE TABLE ${name} (k int, v text, n numeric(8,2))`, clause)).toMatchObject({
      command: "CREATE",
    });
    const insert = `INSERT INTO ${name} SELECT i, 'v' || i, i / 3.0 FROM generate_series(1, 60) i`;
    expect(await same(insert)).toMatchObject({ rowCount: 60 });
    await same(`SELECT * FROM ${name} WHERE k = 7`);
    await same(`SELECT k % 4, count(*), sum(n) FROM ${name} GROUP BY 1 ORDER BY 1`);
    await same("BEGIN");
    await same(`UPDATE ${name} SET v = 'changed' WHERE k < 20`);
    await same("SAVEPOINT s");
    await same(`DELETE FROM ${name} WHERE k > 10`);
    await same("ROLLBACK TO s");
    await same("COMMIT");
    await same("BEGIN");
    await same(`DELETE FROM ${name}`);
    await same("ROLLBACK");
    expect(await same(`SELECT v, count(*) FROM ${name} WHERE v = 'changed' GROUP BY v`)).toMatchObject({
      rows: [["changed", "19"]],
    });
  });

  test("what joins all of them runs on a compute node", async () => {
    const from = kinds.map(([name]) => name).join(" JOIN ");
    const using = from.replaceAll(/JOIN (\w+)/g, "JOIN $1 USING (k)");
    expect(await same(`SELECT k, by_list.v, on_one.n FROM ${using} ORDER BY k`)).toMatchObject({
      rowCount: 60,
    });
  });

  test("keys whose hash the catalog node says", async () => {
    await same("CREATE TABLE exact (k numeric(6,1), v int)", "DISTRIBUTE BY HASH (k)");
    expect(await same("INSERT INTO exact VALUES (1.04, 1), (2.96, 2), ('NaN', 3)")).toMatchObject({
      rowCount: 3,
    });
    await same("INSERT INTO exact VALUES ('not a number', 4)");
    expect(await same("SELECT v FROM exact WHERE k = 1.0")).toMatchObject({ rows: [[1]] });
  });

  test("after a restart all of it is there", async () => {
    const { cluster } = servers;
    if (cluster === undefined) return;
    for (const client of clients) await client.end();
    await cluster.stop();
    await cluster.start();
    await connect();
    for (const [name] of kinds) await same(`SELECT * FROM ${name} ORDER BY k`);
    await same("SELECT v FROM exact ORDER BY v");
  });
});
