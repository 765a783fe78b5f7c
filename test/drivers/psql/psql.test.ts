/** psql: its own queries for \d and its family (S6), and what it does with results. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runSql } from "../../../bench/run-sql.ts";
import type { TestServers } from "../../oracle/test-servers.ts";
import { connectionArguments, programVersion, runProgram, startDriverServers } from "../sides.ts";

const version = programVersion("psql");

/** Each is a statement of psql's own that clients type every day. */
const COMMANDS = [
  "\\d",
  "\\d items",
  "\\d+ kinds",
  "\\d dear_items",
  "\\d+ dear_items",
  "\\d items_pkey",
  "\\d nothing",
  "\\dt",
  "\\dt public.*",
  "\\dv",
  "\\di",
  "\\ds",
  "\\dm",
  "\\df",
  "\\df+ doubled",
  "\\sf doubled",
  "\\sv dear_items",
  "\\dT",
  "\\dT+ mood",
  "\\dp items",
  "\\ddp",
  "\\dd",
  "\\dO",
  "\\dD",
  "\\dx",
  "\\dy",
  "\\l postgres",
  "\\encoding",
];

const SHOWING_PLEIAD = ["\\dn", "\\dn+", "\\du", "\\dg"];

/** A script of every day: formats, variables, errors, transactions, COPY. */
const SCRIPT = String.raw`
\set id 7
SELECT id, name, price FROM items WHERE id = :id;
\pset null '(null)'
SELECT id, price, tags FROM items WHERE id IN (5, 11) ORDER BY id;
\x on
SELECT * FROM items WHERE id = 4;
\x off
SELECT count(*) AS n FROM notes \gset
\echo there are :n notes
SELECT id, mood, price FROM items WHERE id < 4 ORDER BY id \gdesc
SELECT mood, id % 2 AS odd, count(*) FROM items GROUP BY 1, 2 ORDER BY 1, 2 \crosstabview
\a
SELECT kind, about FROM kinds ORDER BY kind;
\a
SELECT nothing FROM items;
\echo :SQLSTATE :ERROR :ROW_COUNT
BEGIN;
UPDATE items SET price = price + 1 WHERE id < 10;
SELECT 1 / 0;
SELECT 1;
ROLLBACK;
SELECT sum(price) FROM items;
\if true
SELECT 'yes' AS branch;
\endif
SELECT format('SELECT %s AS made;', n) FROM generate_series(1, 3) n \gexec
SELECT 1 AS a \; SELECT 2 AS b;
VALUES (1, 'a'), (2, 'b') \g
\timing off
TABLE kinds ORDER BY kind;
`;

describe.skipIf(version === undefined)("psql", () => {
  let servers: TestServers;
  let directory: string;

  beforeAll(async () => {
    servers = await startDriverServers();
    directory = mkdtempSync(join(tmpdir(), "pleiad-psql-"));
    for (const at of [servers.plain, servers.subject]) {
      await runSql(
        at,
        "CREATE FUNCTION doubled(n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT n * 2 $$",
        "CREATE SEQUENCE numbers",
        "CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> '')",
      );
    }
  });

  afterAll(async () => {
    await servers?.stop();
    if (directory) rmSync(directory, { recursive: true, force: true });
  });

  async function psqlOnBoth(input: string, ...more: readonly string[]): Promise<readonly [string, string]> {
    const outputs = await Promise.all(
      [servers.plain, servers.subject].map(async (at) => {
        const { stdout, stderr } = await runProgram(
          "psql",
          ["-X", ...more, ...connectionArguments(at)],
          input,
        );
        return `${stdout}\n${stderr}`.replaceAll(String(at.port), "PORT");
      }),
    );
    return [outputs[0] ?? "", outputs[1] ?? ""];
  }

  /** Pleiad's own schema and role are there to be seen. */
  function withoutPleiad(listing: string): string {
    const lines = listing
      .split("\n")
      .filter((line) => !/^ pleiad +\|/.test(line) && !/^[ |]+=U\/pleiad +\|/.test(line));
    const rows = lines.filter((line) => line.includes("|")).length - 1;
    // Widths of columns and the count of rows change with it.
    return lines
      .map((line) =>
        line
          .replace(/^\(\d+ rows?\)$/, `(${rows})`)
          .replaceAll(/ +/g, " ")
          .replaceAll(/-+/g, "-")
          .trim(),
      )
      .join("\n");
  }

  for (const command of SHOWING_PLEIAD) {
    test(`${command}, but for Pleiad's own (S6)`, async () => {
      const [plain, subject] = await psqlOnBoth(`${command}\n`);
      expect(subject).toMatch(/^ pleiad +\|/m);
      expect(withoutPleiad(subject)).toBe(withoutPleiad(plain));
    });
  }

  for (const command of COMMANDS) {
    test(`${command} (S6)`, async () => {
      const [plain, subject] = await psqlOnBoth(`${command}\n`);
      expect(subject).toBe(plain);
    });
  }

  test("sizes and statistics are shown", async () => {
    const [plain, subject] = await psqlOnBoth("\\dt+ items\n\\di+ items_pkey\n\\l+ postgres\n\\db+\n");
    const withoutSizes = (text: string): string =>
      text.replaceAll(/\d+(?:\.\d+)? (?:bytes|kB|MB|GB)/g, "SIZE").replaceAll(/[- ]+/g, " ");
    expect(withoutSizes(subject)).toBe(withoutSizes(plain));
  });

  test("a script of every day", async () => {
    const [plain, subject] = await psqlOnBoth(SCRIPT);
    expect(subject).toBe(plain);
  });

  test("FETCH_COUNT reads by a cursor (S4)", async () => {
    const [plain, subject] = await psqlOnBoth(
      "\\set FETCH_COUNT 70\nSELECT note_id, body FROM notes ORDER BY note_id;\n",
    );
    expect(subject).toBe(plain);
  });

  test("\\copy in and out", async () => {
    const csv = join(directory, "rows.csv");
    writeFileSync(csv, 'id,body\n1,"a, b"\n2,\n3,"two\nlines"\n');
    const outputs: string[] = [];
    for (const [index, at] of [servers.plain, servers.subject].entries()) {
      const out = join(directory, `out-${index}.csv`);
      const clause = at === servers.subject ? servers.clause("DISTRIBUTE BY HASH (id)") : "";
      const script = [
        `CREATE TABLE copied (id int PRIMARY KEY, body text)${clause};`,
        `\\copy copied FROM '${csv}' WITH (FORMAT csv, HEADER)`,
        `\\copy (SELECT * FROM copied ORDER BY id) TO '${out}' WITH (FORMAT csv, HEADER)`,
        "SELECT count(*), count(body) FROM copied;",
        "DROP TABLE copied;",
      ];
      const { stdout, stderr } = await runProgram(
        "psql",
        ["-X", ...connectionArguments(at)],
        `${script.join("\n")}\n`,
      );
      outputs.push(`${stdout}${stderr}${readFileSync(out, "utf8")}`);
    }
    expect(outputs[1]).toBe(outputs[0]);
  });

  test("-1 runs a file as one transaction; an error undoes all of it", async () => {
    const input = "CREATE TABLE half (id int);\nINSERT INTO half VALUES (1);\nSELECT 1 / 0;\n";
    const [plain, subject] = await psqlOnBoth(input, "-1", "-v", "ON_ERROR_STOP=1");
    expect(subject).toBe(plain);
    const [left, right] = await psqlOnBoth("SELECT count(*) FROM pg_class WHERE relname = 'half';\n");
    expect(right).toBe(left);
  });
});
