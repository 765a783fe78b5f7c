/** COPY TO STDOUT: the data of all nodes as one stream with one header and one trailer. */
import { expect, test } from "vitest";
import { converseWithBoth, type Step } from "../sides/conversation.ts";
import { bothSides } from "../sides/both-sides.ts";

const SETUP: readonly Step[] = [
  "CREATE TABLE keyed (k int PRIMARY KEY, v text, n numeric, g int GENERATED ALWAYS AS (k * 2) STORED) DISTRIBUTE BY HASH (k)",
  "CREATE TABLE copied (n int, t text) DISTRIBUTE BY REPLICATION",
  "CREATE TABLE strewn (n int, t text) DISTRIBUTE BY RANDOM",
  "INSERT INTO keyed (k, v, n) SELECT i, nullif('v' || i % 7, 'v3'), i / 4.0 FROM generate_series(1, 60) i",
  "INSERT INTO copied VALUES (1, 'a'), (2, NULL), (3, 'c,d')",
  "INSERT INTO strewn SELECT i, 'x' || i FROM generate_series(1, 20) i",
  "CREATE VIEW some AS SELECT k FROM keyed WHERE k < 4",
];

const sides = bothSides(SETUP);

/** Rows of a table have no order. */
const sorted = (answers: string[][]): string[][] => answers.map((answer) => answer.toSorted());

async function same(...steps: readonly Step[]): Promise<void> {
  const [plain, pleiad] = await converseWithBoth(sides, steps);
  expect(sorted(pleiad)).toEqual(sorted(plain));
}

test("tables: every row once, one header", () =>
  same(
    "COPY keyed TO STDOUT",
    "COPY keyed (v, k) TO STDOUT (FORMAT csv, HEADER)",
    "COPY copied TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)",
    "COPY strewn TO STDOUT (HEADER)",
  ));

test("binary: one header and one trailer, byte for byte", async () => {
  const [plain, pleiad] = await converseWithBoth(sides, [
    "COPY (SELECT k, v, n FROM keyed ORDER BY k) TO STDOUT (FORMAT binary)",
    "COPY (SELECT n FROM keyed WHERE k = 7) TO STDOUT (FORMAT binary)",
    "COPY (SELECT k FROM keyed WHERE k < 0) TO STDOUT (FORMAT binary)",
  ]);
  const bytes = (answers: string[][]): string[] =>
    answers.map((answer) =>
      answer
        .filter((text) => text.startsWith("data "))
        .map((text) => text.slice(5))
        .join(""),
    );
  expect(bytes(pleiad)).toEqual(bytes(plain));
  const tags = (answers: string[][]): string[][] =>
    answers.map((answer) => answer.filter((text) => !text.startsWith("data ")));
  expect(tags(pleiad)).toEqual(tags(plain));
});

test("queries: routed, concatenated, combined", async () => {
  const [plain, pleiad] = await converseWithBoth(sides, [
    "COPY (SELECT * FROM keyed WHERE k = 5) TO STDOUT",
    "COPY (SELECT k, n FROM keyed ORDER BY n DESC, k LIMIT 7) TO STDOUT (FORMAT csv, HEADER)",
    "COPY (SELECT v, count(*), sum(n) FROM keyed GROUP BY v ORDER BY v) TO STDOUT",
    "COPY (SELECT a.k, b.t FROM keyed a JOIN copied b ON b.n = a.k ORDER BY 1) TO STDOUT",
    "COPY (SELECT * FROM some ORDER BY 1) TO STDOUT",
    "COPY (VALUES (1, 'x'), (2, NULL)) TO STDOUT (NULL 'none')",
    "COPY (SELECT nspname FROM pg_namespace WHERE nspname = 'pg_catalog') TO STDOUT",
  ]);
  expect(pleiad).toEqual(plain);
});

test("what PostgreSQL refuses, in its words and with its positions", () =>
  same(
    "COPY some TO STDOUT",
    "COPY keyed (g) TO STDOUT",
    "COPY keyed (nope) TO STDOUT",
    "COPY nowhere TO STDOUT",
    "COPY (SELECT nope FROM keyed) TO STDOUT",
    "COPY (SELECT 1 / (k - 7) FROM keyed WHERE k = 7) TO STDOUT",
  ));
