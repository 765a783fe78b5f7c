/** PostgreSQL's own satisfies_hash_partition says whether a remainder is right: random values of every type, alone and combined. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPlainPostgres, type PlainPostgres } from "../../../test/cluster/plain-postgres.ts";
import type { KeyDatum } from "../shard-filter.ts";
import { typeOids } from "../type-oids.ts";
import { keyHasher } from "./key-hasher.ts";

let server: PlainPostgres;
let client: pg.Client;

beforeAll(async () => {
  server = await startPlainPostgres();
  client = new pg.Client(server.client());
  await client.connect();
  await client.query("SET TimeZone = 'Asia/Kolkata'; SELECT setseed(0.42)");
});

afterAll(async () => {
  await client.end();
  await server.destroy();
});

const RANDOM_TEXT = `left(repeat(md5(random()::text) || 'äß€😀 ', 1 + (random() * 3)::int), (random() * 90)::int)`;
const RANDOM_DATE = `('1000-01-01'::date + (random() * 3200000)::int)`;
const RANDOM_TIMESTAMP = `('1000-01-01'::timestamp + random() * 3200000 * interval '1 day')`;

/** `sql`: an expression that gives another value for every row. `text`: whether the type's text form is understood at all. */
interface Subject {
  readonly type: string;
  readonly oid: number;
  readonly send: string;
  readonly sql: string;
  readonly text: boolean;
}

const SUBJECTS: readonly Subject[] = [
  { type: "int2", oid: typeOids.int2, send: "int2send", sql: "((random() - 0.5) * 65535)::int2", text: true },
  {
    type: "int4",
    oid: typeOids.int4,
    send: "int4send",
    sql: "((random() - 0.5) * 4294967295)::int4",
    text: true,
  },
  {
    type: "int8",
    oid: typeOids.int8,
    send: "int8send",
    sql: "CASE i % 4 WHEN 0 THEN i - 500 WHEN 1 THEN ((random() - 0.5) * 18446744073709551615)::numeric::int8 WHEN 2 THEN ((random() - 0.5) * 1e12)::int8 ELSE (ARRAY[9223372036854775807, -9223372036854775808, -4294967296, 4294967295, -1, 9007199254740993])[1 + i % 6] END",
    text: true,
  },
  { type: "oid", oid: typeOids.oid, send: "oidsend", sql: "(random() * 4294967295)::int8::oid", text: true },
  { type: "bool", oid: typeOids.bool, send: "boolsend", sql: "random() < 0.5", text: true },
  {
    type: '"char"',
    oid: typeOids.char,
    send: "charsend",
    sql: `chr(33 + (random() * 93)::int)::"char"`,
    text: true,
  },
  { type: "name", oid: typeOids.name, send: "namesend", sql: `left(${RANDOM_TEXT}, 15)::name`, text: true },
  { type: "text", oid: typeOids.text, send: "textsend", sql: RANDOM_TEXT, text: true },
  { type: "varchar(100)", oid: typeOids.varchar, send: "varcharsend", sql: RANDOM_TEXT, text: true },
  {
    type: "char(100)",
    oid: typeOids.bpchar,
    send: "bpcharsend",
    sql: `(${RANDOM_TEXT})::char(100)`,
    text: true,
  },
  {
    type: "bytea",
    oid: typeOids.bytea,
    send: "byteasend",
    sql: `convert_to(${RANDOM_TEXT}, 'UTF8')`,
    text: true,
  },
  { type: "uuid", oid: typeOids.uuid, send: "uuid_send", sql: "gen_random_uuid()", text: true },
  { type: "date", oid: typeOids.date, send: "date_send", sql: RANDOM_DATE, text: true },
  { type: "time", oid: typeOids.time, send: "time_send", sql: `${RANDOM_TIMESTAMP}::time`, text: true },
  { type: "timestamp", oid: typeOids.timestamp, send: "timestamp_send", sql: RANDOM_TIMESTAMP, text: true },
  {
    type: "timestamptz",
    oid: typeOids.timestamptz,
    send: "timestamptz_send",
    sql: `${RANDOM_TIMESTAMP}::timestamptz`,
    text: false,
  },
  {
    type: "float4",
    oid: typeOids.float4,
    send: "float4send",
    sql: "(ARRAY[0, '-0', 'NaN', 'Infinity', 1.5, random()::float4 * 1e10])[1 + i % 6]::float4",
    text: false,
  },
  {
    type: "float8",
    oid: typeOids.float8,
    send: "float8send",
    sql: "(ARRAY[0, '-0', 'NaN', '-Infinity', 1.5, random() * 1e10])[1 + i % 6]::float8",
    text: false,
  },
];

const MODULI = [1, 2, 7, 16, 64, 1000, 65535];
const ROWS = 1500;

interface Values {
  readonly text: readonly (readonly KeyDatum[])[];
  readonly binary: readonly (readonly KeyDatum[])[];
}

/** Fills table k with random keys and reads them back in both forms. */
async function fill(subjects: readonly Subject[], nulls: boolean): Promise<Values> {
  const names = subjects.map((_, i) => `k${i}`);
  const declared = subjects.map(({ type }, i) => `k${i} ${type}`).join(", ");
  const values = subjects.map(({ sql }) => (nulls ? `CASE WHEN random() < 0.8 THEN ${sql} END` : sql));
  await client.query(`
    DROP TABLE IF EXISTS k, p;
    CREATE TABLE k (i int, ${declared});
    CREATE TABLE p (${declared}) PARTITION BY HASH (${names.join(", ")});
    INSERT INTO k SELECT i, ${values.join(", ")} FROM generate_series(1, ${ROWS}) i`);
  const read = async (format: KeyBytesFormat, column: (name: string, subject: Subject) => string) => {
    const list = subjects.map((subject, i) => column(`k${i}`, subject)).join(", ");
    const { rows } = await client.query<(Buffer | string | null)[]>({
      text: `SELECT ${list} FROM k ORDER BY i`,
      rowMode: "array",
    });
    return rows.map((row) =>
      row.map((value): KeyDatum => (value === null ? null : { bytes: Buffer.from(value as string), format })),
    );
  };
  return {
    // char(n) loses its blanks when it is cast to text, as clients may send it; format() keeps the type's own output.
    text: await read("text", (name) => `CASE WHEN ${name} IS NOT NULL THEN format('%s', ${name}) END`),
    binary: await read("binary", (name, { send }) => `${send}(${name})`),
  };
}

type KeyBytesFormat = "text" | "binary";

/** The number of rows whose remainder PostgreSQL denies. */
async function wrong(
  columns: number,
  modulus: number,
  remainders: readonly (number | undefined)[],
): Promise<number> {
  const names = Array.from({ length: columns }, (_, i) => `k${i}`).join(", ");
  const { rows } = await client.query<{ wrong: number }>(
    `SELECT count(*)::int AS wrong FROM k JOIN unnest($1::int[]) WITH ORDINALITY r (remainder, i) USING (i)
     WHERE NOT satisfies_hash_partition('p'::regclass, $2, remainder, ${names})`,
    [remainders, modulus],
  );
  return rows[0]!.wrong;
}

async function compare(subjects: readonly Subject[], nulls: boolean): Promise<void> {
  const values = await fill(subjects, nulls);
  const hasher = keyHasher(
    subjects.map(({ oid, type }) => ({
      typeOid: oid,
      deterministicCollation: true,
      typeModifier: type.includes("(") ? 104 : -1,
    })),
  )!;
  const forms = subjects.every(({ text }) => text) ? (["binary", "text"] as const) : (["binary"] as const);
  for (const form of forms) {
    for (const modulus of MODULI) {
      const remainders = values[form].map((row) => hasher.remainder(row, modulus));
      expect(remainders.filter((remainder) => remainder === undefined)).toEqual([]);
      expect(await wrong(subjects.length, modulus, remainders), `${form}, modulus ${modulus}`).toBe(0);
    }
  }
}

describe("one column", () => {
  test.each(SUBJECTS)("$type hashes as PostgreSQL does", (subject) => compare([subject], false));
});

test("several columns and NULLs combine as PostgreSQL does", async () => {
  const of = (...types: string[]) => types.map((type) => SUBJECTS.find((subject) => subject.type === type)!);
  await compare(of("int4", "text"), true);
  await compare(of("uuid", "int8", "date"), true);
  await compare(of("char(100)", "timestamp", "bool"), true);
});

test("a text that the servers' input function reads otherwise, or refuses, is never hashed", async () => {
  const spellings: Readonly<Record<string, readonly string[]>> = {
    int2: ["32768", "-32769", "1e3", " 7", "+7", "0x10", "1_000", "007", "-0", ""],
    int4: ["2147483648", "-2147483649", " 7 ", "7.0", "00012", "-", "-2147483648", "99999999999999999999"],
    int8: [
      "9223372036854775808",
      "-9223372036854775809",
      "-9223372036854775808",
      "00000000000000000000000001",
      "-",
    ],
    oid: ["-1", "4294967296", "4294967295"],
    bool: ["yes", "TRUE", "true", "1", "off", "f"],
    '"char"': ["", "ab", "\\101", "\\", "é"],
    bytea: ["\\x0", "\\xZZ", "\\\\", "plain", "\\x00fF", "\\x 00", "\\000"],
    uuid: [
      "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
      "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
      "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
      "a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11",
      "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
      "a-0eebc999c0b4ef8bb6d6bb9bd380a11",
      "{a0eebc999c0b4ef8bb6d6bb9bd380a11",
    ],
    date: [
      "2024-02-30",
      "2024-02-29",
      "1900-02-29",
      "today",
      "epoch",
      "0024-01-01",
      "2024-1-1",
      "10000-01-01",
      "2024-01-01 BC",
    ],
    time: ["24:00:00", "23:59:60", "23:59:59.9999999", "00:00:00.5", "1:00:00"],
    timestamp: [
      "2024-01-01",
      "2024-01-01T01:02:03",
      "2024-01-01 01:02:03.1234567",
      "2024-01-01 01:02:03+05",
      "now",
      "2024-01-01 24:00:00",
      "2024-01-01 01:02",
    ],
    float8: ["1.5", "0", "-0", "0.1", "123456.789012", "1e5", "Infinity"],
    float4: ["1.5", "0.1", "16777217"],
  };
  for (const [type, texts] of Object.entries(spellings)) {
    const subject = SUBJECTS.find((candidate) => candidate.type === type)!;
    const hasher = keyHasher([{ typeOid: subject.oid, deterministicCollation: true }])!;
    await client.query(`DROP TABLE IF EXISTS p; CREATE TABLE p (k ${type}) PARTITION BY HASH (k)`);
    for (const text of texts) {
      const remainder = hasher.remainder([{ bytes: Buffer.from(text), format: "text" }], 1009);
      if (remainder === undefined) continue;
      const { rows } = await client.query<{ right: boolean }>(
        `SELECT satisfies_hash_partition('p'::regclass, 1009, $1, $2::${type}) AS right`,
        [remainder, text],
      );
      expect(rows[0]!.right, `${type} ${text}`).toBe(true);
    }
  }
});
