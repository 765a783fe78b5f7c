/**
 * Many clients alternate on a pool of two backends per server: nobody ever sees what another one set, prepared, locked or
 * was answered (S1, S2, S3, S9, X1, X4). Every scenario also runs on a plain PostgreSQL and must look the same there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { copyLines, runSql } from "../../bench/run-sql.ts";
import { RandomSource } from "../oracle/random-source.ts";
import { expectSame } from "../sides/expect-same.ts";
import type { Endpoint } from "../wire/connection.ts";
import {
  bind,
  close,
  describe as describeFrame,
  execute,
  flush,
  parse,
  query,
  sync,
} from "../wire/frames.ts";
import { Client, leftBehind, startTestServers, summarise, type TestServers } from "./fault-servers.ts";

let servers: TestServers;

beforeAll(async () => {
  servers = await startTestServers({ set: { "pool.per_node": "2" } });
  for (const at of [servers.plain, servers.subject]) {
    const clause = at === servers.subject ? servers.clause("DISTRIBUTE BY HASH (id)") : "";
    await runSql(
      at,
      `CREATE TABLE stock (id int PRIMARY KEY, amount numeric(10,2), at timestamptz, body text)${clause}`,
      "CREATE SCHEMA other",
      "CREATE ROLE reader",
      "GRANT SELECT (id, body) ON stock TO reader",
    );
    const lines = Array.from(
      { length: 300 },
      (_, id) => `${id}\t${id}.25\t2024-07-01 10:00:${id % 60}Z\tbody ${id}\n`,
    );
    await copyLines(at, "stock", lines);
  }
});

afterEach(() => Client.vanishAll());

afterAll(async () => {
  await servers?.stop();
});

const both = (scenario: (at: Endpoint) => Promise<unknown>) => expectSame(servers, scenario);

/** What one client does to its session, and the question whose answer shows it. */
const STATES: readonly (readonly [string, string])[] = [
  ["SET TimeZone = 'Asia/Tokyo'", "SELECT at FROM stock WHERE id = 5"],
  ["SET TimeZone = 'Asia/Tokyo'", "SELECT max(at), current_setting('TimeZone') FROM stock"],
  ["SET DateStyle = 'German, DMY'", "SELECT at FROM stock WHERE id = 5"],
  ["SET IntervalStyle = 'iso_8601'", "SELECT max(at) - min(at) FROM stock"],
  ["SET extra_float_digits = -5", "SELECT amount::float8 / 3 FROM stock WHERE id = 7"],
  ["SET bytea_output = 'escape'", "SELECT body::bytea || '\\x00ff' FROM stock WHERE id = 7"],
  ["SET search_path = other", "SELECT count(*) FROM stock"],
  ["SET ROLE reader", "SELECT sum(amount) FROM stock"],
  ["SET ROLE reader", "SELECT current_user, body FROM stock WHERE id = 3"],
  ["SET statement_timeout = '20ms'", "SELECT pg_sleep(0.1) IS NULL"],
  ["SET default_transaction_read_only = on", "UPDATE stock SET body = body WHERE id = 9"],
  ["SET default_transaction_isolation = 'repeatable read'", "SHOW transaction_isolation"],
  ["SET app.tenant = 'mine'", "SELECT current_setting('app.tenant', true) = 'mine', count(*) FROM stock"],
  ["SET work_mem = '7MB'", "SELECT current_setting('work_mem') FROM stock WHERE id = 1"],
  ["SET standard_conforming_strings = off", "SELECT 'a\\\\b', body FROM stock WHERE id = 4"],
  ["SET client_min_messages = 'error'", "SHOW client_min_messages"],
  ["SET array_nulls = off", "SELECT '{NULL}'::text[], body FROM stock WHERE id = 4"],
  ["SET lock_timeout = '123ms'", "SHOW lock_timeout"],
  ["SET application_name = 'somebody'", "SELECT current_setting('application_name') FROM stock WHERE id = 2"],
  ["PREPARE p AS SELECT 'mine'", "EXECUTE p"],
  ["CREATE TEMP TABLE scratch AS SELECT 1 AS a", "SELECT a FROM scratch"],
  ["SELECT pg_advisory_lock(4711)", "SELECT pg_try_advisory_lock(4711)"],
  ["SET SESSION AUTHORIZATION reader", "SELECT session_user, current_user"],
  ["SET client_encoding = 'LATIN1'", "SHOW client_encoding"],
];

describe("one client's state is never another's (S1, X1)", () => {
  for (const [change, question] of STATES) {
    test(`${change}: ${question}`, () =>
      both(async (at) => {
        const clients = await Promise.all(Array.from({ length: 4 }, () => Client.connect(at)));
        const [owner, ...others] = clients;
        if (!owner) throw new Error("no client");
        const seen: unknown[] = [(await owner.ask(change)).error?.sqlstate];
        for (let round = 0; round < 3; round++) {
          for (const client of [...others, owner]) {
            const { rows, error } = await client.ask(question);
            seen.push(error ? error.sqlstate : rows);
          }
          // All at once as well, so that backends change hands.
          await Promise.all(others.map((client) => client.ask("SELECT count(*) FROM stock")));
        }
        await Promise.all(clients.map((client) => client.close()));
        const next = await Client.connect(at);
        const after = await next.ask(question);
        await next.close();
        return [...seen, after.error ? after.error.sqlstate : after.rows];
      }));
  }
});

test("equal statement names of several sessions never meet (S2)", () =>
  both(async (at) => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => Client.connect(at)));
    const seen: unknown[] = [];
    for (const [index, { wire }] of clients.entries()) {
      wire.send(parse("s", `SELECT ${index} AS who, body FROM stock WHERE id = $1`), sync());
      await wire.until("Z");
    }
    for (let round = 0; round < 5; round++) {
      for (const { wire } of clients) {
        wire.send(bind("", "s", [String(round)]), describeFrame("P", ""), execute(""), sync());
        seen.push(summarise(await wire.until("Z")).rows);
      }
    }
    for (const { wire } of clients) {
      wire.send(close("S", "s"), sync());
      await wire.until("Z");
      wire.send(bind("", "s", ["1"]), execute(""), sync());
      seen.push(summarise(await wire.until("Z")).error?.sqlstate);
    }
    await Promise.all(clients.map((client) => client.close()));
    return seen;
  }));

/** Each makes an error at another message; what follows it up to Sync is skipped. */
const ERRORS: readonly ((client: Client) => void)[] = [
  ({ wire }) => wire.send(parse("", "SELEC 1"), bind("", ""), execute(""), sync()),
  ({ wire }) =>
    wire.send(parse("", "SELECT nothing FROM stock WHERE id = $1"), bind("", "", ["1"]), execute(""), sync()),
  ({ wire }) =>
    wire.send(parse("", "SELECT body FROM stock WHERE id = $1"), bind("", "", ["x"]), execute(""), sync()),
  ({ wire }) =>
    wire.send(parse("", "SELECT body FROM stock WHERE id = $1"), bind("", "", []), execute(""), sync()),
  ({ wire }) =>
    wire.send(
      parse("", "SELECT 1 / (id - 5) FROM stock WHERE id = $1"),
      bind("", "", ["5"]),
      execute(""),
      sync(),
    ),
  ({ wire }) => wire.send(parse("", "SELECT 1 / (id - 5) FROM stock"), bind("", ""), execute(""), sync()),
  ({ wire }) => wire.send(bind("", "no_such_statement"), execute(""), sync()),
  ({ wire }) => wire.send(execute("no_such_portal"), sync()),
  ({ wire }) => wire.send(describeFrame("S", "no_such_statement"), flush(), sync()),
  ({ wire }) => wire.send(parse("", "SELECT 1; SELECT 2"), sync()),
  ({ wire }) => wire.send(query("SELECT 1; SELECT 1 / 0; SELECT 3")),
  ({ wire }) => wire.send(query("COPY stock FROM STDIN (FORMAT nothing)")),
  ({ wire }) => wire.send(query("INSERT INTO stock (id) VALUES (1)")),
];

test("after every kind of error each client reads only its own answers (S3)", async () => {
  const random = new RandomSource(41);
  const clients = await Promise.all(Array.from({ length: 6 }, () => Client.connect(servers.subject)));
  await Promise.all(
    clients.map(async (client, number) => {
      for (let round = 0; round < 60; round++) {
        if (random.chance(0.4)) {
          random.pick(ERRORS)(client);
          expect(summarise(await client.wire.until("Z")).error?.sqlstate).toMatch(/^[0-9A-Z]{5}$/);
        }
        const token = `${number}-${round}`;
        const id = random.int(0, 299);
        if (random.chance(0.5)) {
          expect((await client.ask(`SELECT '${token}', body FROM stock WHERE id = ${id}`)).rows).toEqual([
            [token, `body ${id}`],
          ]);
        } else {
          const { wire } = client;
          wire.send(
            parse("", "SELECT $1::text, count(*) FROM stock WHERE id <= $2::int"),
            bind("", "", [token, String(id)]),
            execute(""),
            sync(),
          );
          expect(summarise(await wire.until("Z")).rows).toEqual([[token, String(id + 1)]]);
        }
      }
    }),
  );
  await Promise.all(clients.map((client) => client.close()));
  expect(await leftBehind(servers)).toEqual([]);
});

test("a cancel never hits a statement of another client (S9)", async () => {
  const [idle, busy] = [await Client.connect(servers.subject), await Client.connect(servers.subject)];
  await idle.ask("SELECT body FROM stock WHERE id = 1");
  busy.wire.send(query("SELECT pg_sleep(1.5) IS NULL, count(*) FROM stock"));
  for (let count = 0; count < 10; count++) {
    await idle.wire.cancel();
    await sleep(100);
  }
  expect(summarise(await busy.wire.until("Z")).error).toBeUndefined();
  expect(await idle.value("SELECT 1")).toBe("1");
  await Promise.all([idle.close(), busy.close()]);
});

test("cancels that come at any moment never hit the statements of others on the same backends (S9)", async () => {
  const random = new RandomSource(9);
  const [hasty, ...others] = await Promise.all(
    Array.from({ length: 5 }, () => Client.connect(servers.subject)),
  );
  if (!hasty) throw new Error("no client");
  let running = true;
  // All kinds of ways: the shared pipeline of point reads, one node, several nodes, a compute node, a write.
  const asked = (id: number): readonly string[] => [
    `SELECT body FROM stock WHERE id = ${id}`,
    `SELECT count(*) FROM stock WHERE id = ${id} AND body LIKE 'body%'`,
    `SELECT body FROM stock WHERE id + 0 = ${id}`,
    `SELECT max(a.body) FROM stock a JOIN stock b ON b.id = a.id + 0 WHERE a.id = ${id}`,
    `UPDATE stock SET body = body WHERE id = ${id}`,
  ];
  const bystanders = others.map(async (client, number) => {
    const outcomes: string[] = [];
    while (running) {
      const { error } = await client.ask(random.pick(asked(number * 50 + random.int(0, 49))));
      if (error) outcomes.push(`${error.sqlstate} ${error.message}`);
    }
    return outcomes;
  });
  const own = new Set<string | undefined>();
  for (let round = 0; round < 300; round++) {
    hasty.wire.send(query(random.pick(asked(250 + random.int(0, 49)))));
    const answer = hasty.wire.until("Z");
    if (random.chance(0.5)) await sleep(random.int(0, 3));
    // One that is still on its way when the statement has ended is what may hit the wrong one.
    const cancel = hasty.wire.cancel();
    own.add(summarise(await answer).error?.sqlstate);
    if (random.chance(0.3)) await cancel;
  }
  running = false;
  expect((await Promise.all(bystanders)).flat()).toEqual([]);
  // Some hit what they were meant for, so the others could have.
  expect(own).toEqual(new Set(["57014", undefined]));
  await Promise.all([hasty, ...others].map((client) => client.close()));
  expect(await leftBehind(servers)).toEqual([]);
});

test("a cancel for a read that waits in a shared pipeline does not hit the one before it (S9)", async () => {
  const [first, second] = await Promise.all([
    Client.connect(servers.subject),
    Client.connect(servers.subject),
  ]);
  // The same shard for both, and the pipeline open.
  for (let i = 0; i < 20; i++) await first.value("SELECT body FROM stock WHERE id = 1");
  for (let round = 0; round < 5; round++) {
    first.wire.send(query("SELECT length(factorial(id + 6000)::text) FROM stock WHERE id = 1"));
    second.wire.send(query("SELECT body FROM stock WHERE id = 1"));
    const answer = first.wire.until("Z");
    const other = second.wire.until("Z");
    await sleep(50);
    await second.wire.cancel();
    const { error, rows } = summarise(await answer);
    expect(error).toBeUndefined();
    expect(rows).toHaveLength(1);
    await other;
  }
  await Promise.all([first.close(), second.close()]);
});

test("a cancel stops a statement on all its nodes (S9)", async () => {
  const client = await Client.connect(servers.subject);
  client.wire.send(
    query(
      "SELECT count(*) FROM stock a, stock b, stock c, stock d WHERE a.body < b.body || c.body || d.body",
    ),
  );
  await sleep(500);
  await client.wire.cancel();
  expect(summarise(await client.wire.until("Z")).error?.sqlstate).toBe("57014");
  expect(await client.value("SELECT count(*) FROM stock")).toBe("300");
  await client.close();
  expect(await leftBehind(servers)).toEqual([]);
});

test("hostile identifiers and literals stay what they are (X4)", () =>
  both(async (at) => {
    const random = new RandomSource(99);
    const pieces = [
      '"',
      "'",
      ";",
      "--",
      "/*",
      "*/",
      "$$",
      "$1",
      "\\",
      "ø",
      "日",
      " ",
      "%",
      ")",
      "(",
      ",",
      "\n",
      "a",
      "B",
      "null",
      "::",
      "U&",
      "E'",
      "#",
    ];
    const hostile = (): string =>
      Array.from({ length: random.int(1, 6) }, () => random.pick(pieces)).join("");
    const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
    const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
    const client = await Client.connect(at);
    const seen: unknown[] = [];
    for (let round = 0; round < 12; round++) {
      const [name, key, other] = [`x${hostile()}`, `k${hostile()}`, `o${hostile()}`];
      const [table, k, o, schema] = [quoted(name), quoted(key), quoted(other), quoted(`s${hostile()}`)];
      const [extra, renamed, role] = [
        quoted(`e${hostile()}`),
        quoted(`n${hostile()}`),
        quoted(`r${round}${hostile()}`),
      ];
      const clause = at === servers.subject ? servers.clause(`DISTRIBUTE BY HASH (${k})`) : "";
      const value = hostile();
      for (const sql of [
        `CREATE SCHEMA ${schema}`,
        `CREATE TABLE ${schema}.${table} (${k} int PRIMARY KEY, ${o} text)${clause}`,
        `INSERT INTO ${schema}.${table} VALUES (1, ${text(value)}), (2, ${text(hostile())}), (3, NULL)`,
        `SELECT ${k}, ${o} FROM ${schema}.${table} WHERE ${k} = 1`,
        `SELECT * FROM ${schema}.${table} ORDER BY ${k}`,
        `SELECT a.${o}, count(*) FROM ${schema}.${table} a JOIN stock b ON b.id > a.${k} WHERE a.${o} = ${text(value)} GROUP BY a.${o}`,
        `UPDATE ${schema}.${table} SET ${o} = ${text(hostile())} WHERE ${o} = ${text(value)}`,
        `WITH ${table} AS (SELECT ${o} AS ${k} FROM ${schema}.${table}) SELECT ${table}.${k} FROM ${table} ORDER BY 1 NULLS FIRST`,
        `CREATE INDEX ${quoted(hostile())} ON ${schema}.${table} (${o})`,
        `ALTER TABLE ${schema}.${table} ADD COLUMN ${extra} text DEFAULT ${text(value)}`,
        `SELECT a.${extra}, b.${o} FROM ${schema}.${table} a JOIN ${schema}.${table} b ON b.${k} = a.${k} + 1 ORDER BY a.${k}`,
        `MERGE INTO ${schema}.${table} t USING stock s ON t.${k} = s.id + 1 WHEN MATCHED THEN UPDATE SET ${o} = s.body || ${text(value)}`,
        `SELECT * FROM ${schema}.${table} ORDER BY ${k}`,
        `COPY ${schema}.${table} (${k}, ${extra}) TO STDOUT`,
        `ALTER TABLE ${schema}.${table} RENAME COLUMN ${extra} TO ${renamed}`,
        `CREATE VIEW ${schema}.${renamed} AS SELECT ${renamed} AS ${table} FROM ${schema}.${table}`,
        `SELECT ${table} FROM ${schema}.${renamed} ORDER BY 1`,
        "BEGIN",
        `SAVEPOINT ${table}`,
        `DECLARE ${k} CURSOR FOR SELECT ${o} FROM ${schema}.${table} ORDER BY ${k}`,
        `FETCH 2 FROM ${k}`,
        `ROLLBACK TO ${table}`,
        "COMMIT",
        `PREPARE ${table} AS SELECT ${o} FROM ${schema}.${table} WHERE ${k} = $1`,
        `EXECUTE /* ( */ ${table}(1)`,
        `SET app.hostile = ${text(value)}`,
        "SELECT current_setting('app.hostile'), count(*) FROM stock",
        `CREATE ROLE ${role}`,
        `GRANT SELECT ON stock TO ${role}`,
        `SET ROLE ${role}`,
        "SELECT current_user, count(*) FROM stock",
        "RESET ROLE",
        `DROP OWNED BY ${role}`,
        `DROP ROLE ${role}`,
        `DROP SCHEMA ${schema} CASCADE`,
      ]) {
        const { rows, error } = await client.ask(sql);
        seen.push(error ? [error.sqlstate, sql] : rows);
      }
    }
    await client.close();
    return seen;
  }));
