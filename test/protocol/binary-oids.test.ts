/**
 * Q7: arrays, composites and records hold OIDs of types in their binary form. A server's own OIDs for a user's types mean nothing to
 * a client: what it gets are the catalog's, or the statement is refused.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { queryServer } from "../cluster/server-query.ts";
import { Client, startTestServers, summarise, type TestServers } from "../faults/fault-servers.ts";
import { bind, describe, execute, frame, int32, parse, query, sync } from "../wire/frames.ts";
import type { Endpoint } from "../wire/connection.ts";

let servers: TestServers;

beforeAll(async () => {
  servers = await startTestServers();
  // Each server counts its own OIDs: after this none of them gives a type the OID that another one gives it.
  for (const [steps, name] of ["dn1", "dn2", "cn1"].entries())
    for (let n = 0; n < 40 * (steps + 1) && servers.cluster; n += 20)
      await queryServer(
        servers.cluster.server(name),
        `DO $$ BEGIN FOR i IN 1..20 LOOP EXECUTE 'CREATE TYPE passing AS ENUM (''a'')'; DROP TYPE passing; END LOOP; END $$`,
      );
  for (const at of [servers.plain, servers.subject]) {
    const clause = at === servers.subject ? servers.clause("DISTRIBUTE BY HASH (id)") : "";
    await runSql(
      at,
      "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
      "CREATE TYPE place AS (town text, mood mood, zip int)",
      "CREATE TYPE homespan AS RANGE (subtype = place, multirange_type_name = homespans)",
      "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9)",
      `CREATE TABLE people (id int PRIMARY KEY, mood mood, moods mood[], home place, homes place[], span homespan, spans homespans, nick short, nicks short[], n int[])${clause}`,
      `INSERT INTO people SELECT i, 'ok', ARRAY['sad', 'happy']::mood[], ROW('t' || i, 'happy', i)::place, ARRAY[ROW('u', 'sad', 1)::place],
         homespan(ROW('a', 'ok', 1)::place, NULL), homespans(homespan(NULL, ROW('a', 'ok', 1)::place)), 'n' || i, ARRAY['x', 'y']::short[], ARRAY[i, NULL] FROM generate_series(1, 40) i`,
    );
  }
});

afterEach(() => Client.vanishAll());

afterAll(() => servers?.stop());

/** All OIDs of the user's types in every binary value, replaced by names, so that both sides can be compared byte by byte. */
async function namesOfOids(at: Endpoint): Promise<ReadonlyMap<number, string>> {
  const client = await Client.connect(at);
  const { rows } = await client.ask(
    "SELECT oid, typname FROM pg_type WHERE typname IN ('mood', '_mood', 'place', '_place', 'homespan', 'homespans', 'short', '_short', 'people', '_people')",
  );
  await client.close();
  return new Map(rows.map(([oid, name]) => [Number(oid), name!]));
}

interface BinaryAnswer {
  readonly error: string | undefined;
  /** Type of each column, by name where it is a user's. */
  readonly types: readonly string[];
  readonly values: readonly (readonly (string | null)[])[];
}

async function ask(at: Endpoint, sql: string): Promise<BinaryAnswer> {
  const known = await namesOfOids(at);
  const client = await Client.connect(at);
  client.wire.send(parse("", sql), bind("", "", [], [1]), describe("P", ""), execute(""), sync());
  const frames = await client.wire.until("Z");
  await client.close();
  const description = frames.find(({ type }) => type === "T");
  const types: number[] = [];
  if (description !== undefined) {
    let offset = 2;
    for (let i = 0; i < description.body.readUInt16BE(0); i++) {
      offset = description.body.indexOf(0, offset) + 1;
      types.push(description.body.readUInt32BE(offset + 6));
      offset += 18;
    }
  }
  const values = frames
    .filter(({ type }) => type === "D")
    .map(({ body }) => binaryValues(body).map((value) => (value === null ? null : named(value, known))));
  return {
    error: summarise(frames).error?.sqlstate,
    types: types.map((oid) => known.get(oid) ?? String(oid)),
    values,
  };
}

function binaryValues(row: Buffer): (Buffer | null)[] {
  const values: (Buffer | null)[] = [];
  let offset = 2;
  for (let i = 0; i < row.readUInt16BE(0); i++) {
    const length = row.readInt32BE(offset);
    offset += 4;
    values.push(length < 0 ? null : row.subarray(offset, offset + length));
    offset += Math.max(0, length);
  }
  return values;
}

/** Hexadecimal, with each OID of a user's type as its name: no other four bytes of these values look like one. */
function named(value: Buffer, known: ReadonlyMap<number, string>): string {
  let text = "";
  for (let at = 0; at < value.length;) {
    const name = at + 4 <= value.length ? known.get(value.readUInt32BE(at)) : undefined;
    text += name === undefined ? value.subarray(at, at + 1).toString("hex") : `<${name}>`;
    at += name === undefined ? 1 : 4;
  }
  return text;
}

function bindBinary(value: Buffer): Buffer {
  return frame("B", "", "", 1, 1, 1, int32(value.length), value, 0);
}

const PARAMETERS = [
  ["moods", "mood[]"],
  ["home", "place"],
  ["homes", "place[]"],
  ["span", "homespan"],
  ["spans", "homespans"],
  ["nicks", "short[]"],
] as const;

const COLUMNS = ["mood", "moods", "home", "homes", "span", "spans", "nick", "nicks", "n"];

const SHAPES: readonly (readonly [what: string, sql: (column: string) => string])[] = [
  ["one node", (column) => `SELECT ${column} FROM people WHERE id = 7`],
  ["rows of all nodes", (column) => `SELECT ${column} FROM people WHERE id <> 7 AND id < 0 OR id = 7 + 0`],
  [
    "a compute node",
    (column) =>
      `SELECT max(a.id), a.${column} FROM people a JOIN people b ON b.id = a.id + 1 WHERE a.id < 4 GROUP BY 2, a.id ORDER BY 1`,
  ],
  [
    "the catalog node",
    (column) => `SELECT (NULL::people).${column}, ARRAY['ok'::mood], ROW('a', 'sad', 1)::place`,
  ],
  ["a write", (column) => `UPDATE people SET n = n WHERE id = 9 RETURNING ${column}`],
  [
    "a write on all nodes",
    (column) => `UPDATE people SET n = n WHERE id BETWEEN 9 AND 9 RETURNING ${column}`,
  ],
];

for (const [what, sql] of SHAPES) {
  test.each(COLUMNS)(`Q7: binary values from ${what}: %s`, async (column) => {
    const [plain, subject] = [await ask(servers.plain, sql(column)), await ask(servers.subject, sql(column))];
    expect(plain.error).toBeUndefined();
    expect(subject).toEqual(plain);
  });
}

test.each([
  ["an array of rows", "SELECT array_agg(p ORDER BY id) FROM people p WHERE id IN (3, 4)"],
  ["a row", "SELECT p FROM people p WHERE id = 4"],
  ["a nameless record", "SELECT ROW(home, moods, 1, 'x'::text) FROM people WHERE id = 4"],
  ["a nameless record from a compute node", "SELECT ROW(min(home), max(mood)) FROM people"],
])("Q7: %s", async (_, sql) => {
  const [plain, subject] = [await ask(servers.plain, sql), await ask(servers.subject, sql)];
  expect(plain.error).toBeUndefined();
  if (subject.error !== "0A000") expect(subject).toEqual(plain);
});

test("Q7: what came in binary form goes back in binary form", async () => {
  for (const at of [servers.plain, servers.subject]) {
    const client = await Client.connect(at);
    for (const [column, type] of PARAMETERS) {
      client.wire.send(
        parse("", `SELECT ${column} FROM people WHERE id = 11`),
        bind("", "", [], [1]),
        execute(""),
        sync(),
      );
      const row = (await client.wire.until("Z")).find(({ type }) => type === "D")!;
      const [value] = binaryValues(row.body);
      for (const sql of [
        `SELECT id FROM people WHERE id = 11 AND ${column} = $1::${type}`,
        `SELECT count(*) FROM people WHERE ${column} = $1::${type} AND id = 11 + 0`,
        `UPDATE people SET ${column} = $1 WHERE id = 12 RETURNING 1`,
        `UPDATE people SET ${column} = $1 WHERE n[1] = 13 RETURNING 1`,
      ]) {
        client.wire.send(parse("", sql), bindBinary(value!), execute(""), sync());
        const { rows, error } = summarise(await client.wire.until("Z"));
        expect({ sql, error, rows: rows.length }).toEqual({ sql, error: undefined, rows: 1 });
      }
      expect(
        await client.value(
          `SELECT count(*) FROM people WHERE ${column} = (SELECT ${column} FROM people WHERE id = 11) AND id IN (12, 13)`,
        ),
      ).toBe("2");
    }
    await client.close();
  }
});

test("Q7: a binary cursor", async () => {
  for (const at of [servers.plain, servers.subject]) {
    const known = await namesOfOids(at);
    const client = await Client.connect(at);
    await client.ask("BEGIN");
    await client.ask("DECLARE c BINARY CURSOR FOR SELECT homes FROM people ORDER BY id");
    client.wire.send(query("FETCH 2 FROM c"));
    const rows = (await client.wire.until("Z")).filter(({ type }) => type === "D");
    expect(rows).toHaveLength(2);
    for (const { body } of rows) expect(named(binaryValues(body)[0]!, known)).toContain("<place>");
    await client.close();
  }
});

test("Q7: a portal that is read on", async () => {
  for (const at of [servers.plain, servers.subject]) {
    const known = await namesOfOids(at);
    const client = await Client.connect(at);
    await client.ask("BEGIN");
    client.wire.send(
      parse("", "SELECT homes FROM people ORDER BY id"),
      bind("p", "", [], [1]),
      execute("p", 3),
      execute("p", 3),
      sync(),
    );
    const rows = (await client.wire.until("Z")).filter(({ type }) => type === "D");
    expect(rows).toHaveLength(6);
    for (const { body } of rows) expect(named(binaryValues(body)[0]!, known)).toContain("<place>");
    await client.close();
  }
});

test("Q7: the servers do have OIDs of their own for these types", async () => {
  if (servers.cluster === undefined) return;
  const oids = new Set<unknown>();
  for (const name of ["catalog", "dn1", "dn2", "cn1"])
    oids.add(
      (await queryServer(servers.cluster.server(name), "SELECT 'mood'::regtype::oid::int AS oid"))[0]!["oid"],
    );
  expect(oids.size).toBe(4);
});
