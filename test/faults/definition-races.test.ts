/**
 * Statements that are planned before a definition commits and reach the tables behind it (D2): every answer is that of one
 * moment. Its rows have the columns and types that were described, and no row is missed because it lies elsewhere by now.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { readError } from "../oracle/capture.ts";
import { frame, int16, parse, describe as describeFrame, execute, query, sync } from "../wire/frames.ts";
import type { Frame } from "../wire/frames.ts";
import { Client, startTestServers, type TestServers } from "./fault-servers.ts";

/** How long the definition's transaction stays open: the statement is sent meanwhile, and waits for it. */
const heldMs = 250;
const raceMs = 4000;

let servers: TestServers;
/** Another coordinator over the same servers. */
let second: TestCluster | undefined;

beforeAll(async () => {
  servers = await startTestServers();
  if (servers.cluster !== undefined)
    second = await startTestCluster({ set: { join: servers.cluster.data, "pool.per_node": "15" } });
  await runSql(
    servers.subject,
    `CREATE TABLE t (k int PRIMARY KEY, v text, n int)${servers.clause("DISTRIBUTE BY HASH (k)")}`,
    `CREATE TABLE other (k int, m int)${servers.clause("DISTRIBUTE BY RANDOM")}`,
    "INSERT INTO t SELECT g, 'v' || g, g FROM generate_series(1, 40) g",
    "INSERT INTO other SELECT g, g FROM generate_series(1, 10) g",
    "CREATE VIEW seen AS SELECT * FROM t",
  );
});

afterEach(() => Client.vanishAll());

afterAll(async () => {
  await second?.destroy();
  await servers?.stop();
});

/** Where statements race: on the coordinator that defines, or on the other one. */
const place = (other: boolean) => (other && second !== undefined ? second.client() : servers.subject);

/** INT4, INT8: what a binary value of them must be long. */
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [23, 4],
  [20, 8],
]);

interface Column {
  readonly type: number;
  readonly binary: boolean;
}

function readColumns(body: Buffer): Column[] {
  const columns: Column[] = [];
  let at = 2;
  for (let i = body.readInt16BE(0); i > 0; i--) {
    at = body.indexOf(0, at) + 1;
    columns.push({ type: body.readInt32BE(at + 6), binary: body.readInt16BE(at + 16) === 1 });
    at += 18;
  }
  return columns;
}

/** What is wrong with an answer; undefined: each row is as it was described. */
function misfit(frames: readonly Frame[]): string | undefined {
  let columns: Column[] | undefined;
  for (const { type, body } of frames) {
    if (type === "T") columns = readColumns(body);
    if (type !== "D") continue;
    if (columns === undefined) return "a row without a description";
    if (body.readInt16BE(0) !== columns.length)
      return `${columns.length} columns described, ${body.readInt16BE(0)} sent`;
    let at = 2;
    for (const { type: oid, binary } of columns) {
      const length = body.readInt32BE(at);
      const width = binary ? WIDTHS.get(oid) : undefined;
      if (width !== undefined && length >= 0 && length !== width) return `type ${oid} in ${length} bytes`;
      at += 4 + Math.max(length, 0);
    }
  }
  return undefined;
}

function outcome(frames: readonly Frame[]): string {
  const failed = frames.find((arrived) => arrived.type === "E");
  return misfit(frames) ?? (failed === undefined ? "fits" : `error ${readError(failed.body).sqlstate}`);
}

const bindBinary = (statement: string): Buffer => frame("B", "", statement, 0, 0, int16(1), int16(1));

type Way = "simple" | "unnamed" | "prepared";

async function ask(client: Client, sql: string, way: Way): Promise<Frame[]> {
  if (way === "simple") client.wire.send(query(sql));
  else {
    const name = way === "prepared" ? `p${sql}`.slice(0, 60) : "";
    const prepares = way === "unnamed" ? [parse("", sql)] : [];
    client.wire.send(...prepares, bindBinary(name), describeFrame("P", ""), execute(""), sync());
  }
  return client.wire.until("Z");
}

async function prepare(client: Client, sql: string): Promise<void> {
  client.wire.send(parse(`p${sql}`.slice(0, 60), sql), sync());
  await client.wire.until("Z");
}

const STATEMENTS: readonly string[] = [
  "SELECT * FROM t WHERE k = 7",
  "SELECT * FROM t",
  "SELECT * FROM t ORDER BY k",
  "SELECT t.* FROM t JOIN other ON other.m = t.n",
  "SELECT * FROM seen WHERE k = 3",
  "TABLE t",
  "UPDATE t SET v = v WHERE k = 7 RETURNING *",
  "UPDATE t SET v = v RETURNING *",
  "UPDATE t SET v = v FROM other WHERE other.m = t.n RETURNING t.*",
  "WITH w AS (UPDATE t SET v = v WHERE k = 9 RETURNING *) SELECT * FROM w",
];

const CHANGES: readonly (readonly [string, string])[] = [
  ["ALTER TABLE t ADD COLUMN w int DEFAULT 7", "ALTER TABLE t DROP COLUMN w"],
  ["ALTER TABLE t ALTER COLUMN n TYPE text", "ALTER TABLE t ALTER COLUMN n TYPE int USING n::int"],
];

describe.each(CHANGES)("%s", (there, back) => {
  test.each([
    ["simple", false],
    ["unnamed", false],
    ["prepared", false],
    ["simple", true],
    ["prepared", true],
  ] as const)("%s, by another coordinator: %s", async (way, other) => {
    const [definer, reader] = [await Client.connect(servers.subject), await Client.connect(place(other))];
    // PostgreSQL does not change the type of a column that a view shows.
    const statements = /TYPE/.test(there) ? STATEMENTS.filter((sql) => !sql.includes("seen")) : STATEMENTS;
    if (/TYPE/.test(there)) await definer.ask("DROP VIEW seen");
    for (const sql of statements) {
      if (way === "prepared") await prepare(reader, sql);
      // The plan is there already.
      for (let i = 0; i < 2; i++) expect([sql, outcome(await ask(reader, sql, way))]).toEqual([sql, "fits"]);
      await definer.ask("BEGIN");
      expect((await definer.ask(there)).error).toBeUndefined();
      const answer = ask(reader, sql, way);
      await sleep(heldMs);
      await definer.ask("COMMIT");
      const got = outcome(await answer);

      // PostgreSQL keeps what was described of a prepared statement; a view keeps its columns.
      const keeps = way === "prepared" && !sql.includes("seen");
      const noOperator = /TYPE/.test(there) && sql.includes("t.n");
      expect([sql, got]).toEqual([sql, noOperator ? "error 42883" : keeps ? "error 0A000" : "fits"]);
      await definer.ask(back);
    }
    if (/TYPE/.test(there)) await definer.ask("CREATE VIEW seen AS SELECT * FROM t");
  });
});

test("definitions and statements at random", async () => {
  const until = Date.now() + raceMs;
  const seen = new Map<string, number>();
  // How many answers a moment gives depends on the machine: a slow one goes on until there are enough.
  const racing = (): boolean => Date.now() < until || (seen.get("fits") ?? 0) <= 50;
  // A definition takes its locks on one node after the other: what crosses a reader's gives up.
  const definer = await Client.connect(servers.subject, { lock_timeout: "100ms" });
  const define = async (): Promise<void> => {
    for (let i = 0; racing(); i++) {
      const [there, back] = CHANGES[0]!;
      await definer.ask(i % 2 === 0 ? there : back);
      await sleep(i % 5);
    }
    await definer.ask("ALTER TABLE t DROP COLUMN IF EXISTS w");
  };
  const read = async (way: Way, first: number, other: boolean): Promise<void> => {
    const client = await Client.connect(place(other));
    for (let i = first; racing(); i++) {
      const sql = STATEMENTS[i % STATEMENTS.length]!;
      const got = outcome(await ask(client, sql, way));
      seen.set(got, (seen.get(got) ?? 0) + 1);
    }
  };
  await Promise.all([
    define(),
    read("simple", 0, false),
    read("simple", 5, true),
    read("unnamed", 2, true),
    read("unnamed", 7, false),
  ]);
  // Between Parse and Execute another session may change the columns that were described.
  const allowed = ["fits", "error 0A000", "error 40P01", "error 40001"];
  expect([...seen.keys()].filter((got) => !allowed.includes(got))).toEqual([]);
  expect(seen.get("fits")).toBeGreaterThan(50);
});

test("a table whose rows are spread over the nodes while statements wait for it", async (context) => {
  if (servers.cluster === undefined) context.skip();
  const [definer, reader] = [await Client.connect(servers.subject), await Client.connect(servers.subject)];
  await definer.ask("CREATE TABLE spread (a int, b int)");
  await definer.ask("INSERT INTO spread SELECT g, 0 FROM generate_series(1, 100) g");
  const during = async (sql: string): Promise<{ rows: (string | null)[][]; error: unknown }> => {
    await reader.ask(sql.replace(/^BEGIN;.*/, "SELECT 1"));
    await definer.ask("BEGIN");
    expect((await definer.ask("SELECT create_distributed_table('spread', 'a')")).error).toBeUndefined();
    const answer = reader.ask(sql);
    await sleep(heldMs);
    await definer.ask("COMMIT");
    const got = await answer;
    await definer.ask("SELECT undistribute_table('spread')");
    return got;
  };
  expect((await during("SELECT count(*) FROM spread")).rows).toEqual([["100"]]);
  expect((await during("SELECT count(*) FROM spread s1 JOIN other ON m = a")).rows).toEqual([["10"]]);
  expect((await during("UPDATE spread SET b = b + 1")).error).toBeUndefined();
  expect(await definer.value("SELECT count(*) FROM spread WHERE b = 2")).toBe("100");
  expect((await during("INSERT INTO spread VALUES (101, 2)")).error).toBeUndefined();
  expect(await definer.value("SELECT count(*) FROM spread WHERE b = 2")).toBe("102");
});
