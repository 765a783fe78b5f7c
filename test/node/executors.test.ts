/**
 * Executors: a general plan of a statement that stands alone runs in one of them, with the session's role and settings and with PostgreSQL's
 * own errors, and whoever dies or leaves, nothing goes on for nobody.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { residentBytes } from "../../bench/process-memory.ts";
import { runSql } from "../../bench/run-sql.ts";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { readError } from "../oracle/capture.ts";
import { bind, describe, execute, parse, query, sync } from "../wire/frames.ts";
import { lineOf, Talk } from "./across-death.ts";
import { holdLock, NodeProcesses, until, waitingOn, within } from "./node-cluster.ts";

const ROWS = 20_000;
const SERVERS = ["catalog", "dn1", "dn2", "cn1"];
/** A server looks every half second whether its client is still there; the rest is for a busy machine. */
const BACKENDS_GONE_MS = 3_000;
/** Two tables that are not colocated: every join of them is a general plan. */
const JOIN = "SELECT count(*), sum(a.n) FROM a JOIN b ON b.id = a.n";
/** Runs for as long as nobody stops it, on the compute node. */
const ENDLESS = "SELECT count(*) FROM a AS x, a AS y, a AS z JOIN b ON b.id = z.n WHERE x.n + y.n <> z.n";

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({ dataNodes: 2, set: { session_workers: "1", executors: "1" } });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE a (id int PRIMARY KEY, n int NOT NULL, body text) DISTRIBUTE BY HASH (id)",
    "CREATE TABLE b (id int PRIMARY KEY, at timestamptz DEFAULT '2026-01-01 00:00+00') DISTRIBUTE BY HASH (id)",
    `INSERT INTO a SELECT i, ${ROWS} - i + 1, repeat('x', 500) FROM generate_series(1, ${ROWS}) AS i`,
    `INSERT INTO b SELECT i FROM generate_series(1, ${ROWS}) AS i`,
    "CREATE ROLE reader LOGIN",
    "CREATE ROLE stranger LOGIN",
    "GRANT SELECT ON a, b TO reader",
    "CREATE TABLE shifting (id int PRIMARY KEY, n int) DISTRIBUTE BY HASH (id)",
    "INSERT INTO shifting SELECT i, i FROM generate_series(1, 10) AS i",
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

const talks: Talk[] = [];

async function connect(
  at: { readonly user?: string } = {},
  settings: Record<string, string> = {},
): Promise<Talk> {
  const talk = await Talk.connect(cluster.client(at), settings);
  talks.push(talk);
  return talk;
}

/** What one test leaves waiting is nothing to the next. */
afterEach(() => {
  for (const { wire } of talks.splice(0)) wire.vanish();
});

const sum = `${ROWS}|${(ROWS * (ROWS + 1)) / 2}`;
const whole = ["T", `D ${sum}`, "C SELECT 1", "Z I"];
const LOST = ["E 40001", "Z I"];

const busy = () => node.of("executor").some(({ sessions }) => sessions > 0);

async function running(server: string, pattern: string): Promise<number> {
  const sql = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' AND query LIKE '${pattern}' AND pid <> pg_backend_pid()`;
  return Number((await queryServer(cluster.server(server), sql))[0]!["n"]);
}

/** The endless statement is where it would stay. */
async function computing(): Promise<void> {
  await until("the compute node computes", async () => (await running("cn1", "%<> z.n%")) > 0);
}

async function nothingLeft(): Promise<void> {
  await until("no executor works", () => !busy());
  for (const server of SERVERS)
    await until(
      `nothing runs on ${server}`,
      async () => (await running(server, "%")) === 0 && (await openTransactions(server)) === 0,
      BACKENDS_GONE_MS,
    );
  const [left] = await queryServer(
    cluster.server("cn1"),
    "SELECT count(*)::int AS n FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'",
  );
  expect(left!["n"]).toBe(0);
}

async function openTransactions(server: string): Promise<number> {
  const sql = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
  return Number((await queryServer(cluster.server(server), sql))[0]!["n"]);
}

test("EXPLAIN says where it runs; a block, a temporary table and ANALYZE keep it with the session", async () => {
  const talk = await connect();
  const place = async (sql: string) =>
    (await talk.ask(sql)).find((line) => line.startsWith("D   Runs In:"))?.slice(13);
  expect(await place(`EXPLAIN ${JOIN}`)).toBe("executor");
  expect(await place(`EXPLAIN ANALYZE ${JOIN}`)).toBe("session worker");
  await talk.ask("BEGIN");
  expect(await place(`EXPLAIN ${JOIN}`)).toBe("session worker");
  await talk.ask("COMMIT");
  await talk.ask("CREATE TEMPORARY TABLE t (id int)");
  expect(await place(`EXPLAIN ${JOIN}`)).toBe("session worker");
});

test("pleiad.processes and pleiad.activity show what an executor works for, and how far it is", async () => {
  const talk = await connect();
  const other = await connect();
  const count = "SELECT sum(sessions) FROM pleiad.processes WHERE kind = 'executor'";
  expect(await talk.ask(JOIN)).toEqual(whole);
  talk.send(query(ENDLESS));
  await computing();
  expect(await other.value(count)).toBe("1");
  const phase = "SELECT phase FROM pleiad.activity WHERE state = 'active' AND query LIKE '%<> z.n%'";
  expect(await other.ask(phase)).toContain("D running");
  await talk.wire.cancel();
  expect(await talk.heard()).toEqual(["E 57014", "Z I"]);
  await until("it works for nobody", async () => (await other.value(count)) === "0");
});

test("Q6: role, settings and time zone are the session's", async () => {
  const talk = await connect({ user: "reader" }, { TimeZone: "Asia/Tokyo" });
  const asked = `SELECT current_user, session_user, current_setting('TimeZone'), current_setting('app.tenant'), min(b.at)
                   FROM a JOIN b ON b.id = a.n`;
  await talk.ask("SET app.tenant = 'seven'");
  expect(await talk.ask(asked)).toEqual([
    "T",
    "D reader|reader|Asia/Tokyo|seven|2026-01-01 09:00:00+09",
    "C SELECT 1",
    "Z I",
  ]);
  const other = await connect({ user: "reader" });
  expect(await other.ask(asked)).toEqual(["E 42704", "Z I"]);
  const stranger = await connect({ user: "stranger" });
  expect(await stranger.ask(JOIN)).toEqual(["E 42501", "Z I"]);
});

test("Q6: a role that was dropped and made again is the new one", async () => {
  const talk = await connect();
  for (let time = 1; time <= 2; time++) {
    const made = await talk.ask("CREATE ROLE passing; GRANT SELECT ON a, b TO passing; SET ROLE passing");
    expect(made.at(-1)).toBe("Z I");
    expect(await talk.ask("SELECT current_user, count(*) FROM a JOIN b ON b.id = a.n")).toEqual([
      "T",
      `D passing|${ROWS}`,
      "C SELECT 1",
      "Z I",
    ]);
    await talk.ask("RESET ROLE");
    expect(await talk.ask("REVOKE ALL ON a, b FROM passing; DROP ROLE passing")).toEqual([
      "C REVOKE",
      "C DROP ROLE",
      "Z I",
    ]);
  }
});

test("errors are PostgreSQL's own, by both protocols, and leave the session in step", async () => {
  const talk = await connect();
  talk.send(query("SELECT a.id, 1 / (a.n - 5) FROM a JOIN b ON b.id = a.n"));
  const frames = await within("the error", talk.wire.until("Z"));
  const error = frames.find(({ type }) => type === "E")!;
  expect(readError(error.body)).toMatchObject({ sqlstate: "22012", message: "division by zero" });
  talk.send(query("SELECT a.id, a.body::int FROM a JOIN b ON b.id = a.n"));
  expect((await talk.heard()).at(-2)).toBe("E 22P02");
  talk.send(
    parse("", "SELECT count(*) FROM a JOIN b ON b.id = a.n WHERE a.n / $1 > 0", [23]),
    bind("", "", ["0"]),
    describe("P", ""),
    execute(""),
    sync(),
  );
  expect(await talk.heard()).toEqual(["1", "2", "T", "E 22012", "Z I"]);
  talk.send(
    parse("", "SELECT count(*) FROM a JOIN b ON b.id = a.n WHERE a.n + b.id < $1", [23]),
    bind("", "", ["none"]),
    execute(""),
    sync(),
  );
  expect(await talk.heard()).toEqual(["1", "E 22P02", "Z I"]);
});

test("a cancel request and statement_timeout end it with 57014; the session goes on", async () => {
  const talk = await connect();
  talk.send(query(ENDLESS));
  await computing();
  await talk.wire.cancel();
  expect(await talk.heard()).toEqual(["E 57014", "Z I"]);
  await talk.ask("SET statement_timeout = '300ms'");
  expect(await talk.ask(ENDLESS)).toEqual(["E 57014", "Z I"]);
  await talk.ask("RESET statement_timeout");
  expect(await talk.ask(JOIN)).toEqual(whole);
  await nothingLeft();
});

test("a client that goes ends its statement; one that does not read costs no memory", async () => {
  const gone = await connect();
  gone.send(query(ENDLESS));
  await computing();
  gone.wire.vanish();
  await nothingLeft();

  const slow = await connect();
  const pids = node.all().map(({ pid }) => pid);
  const before = residentBytes(pids)!;
  slow.wire.socket.pause();
  slow.send(query("SELECT a.*, x.n FROM a JOIN b ON b.id = a.n, generate_series(1, 40) AS x (n)"));
  await until("the compute node waits for its reader", async () => {
    const [row] = await queryServer(
      cluster.server("cn1"),
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'ClientWrite'",
    );
    return row!["n"] === 1;
  });
  // The result has 400 MB.
  expect(residentBytes(pids)! - before).toBeLessThan(150e6);
  slow.wire.vanish();
  await nothingLeft();
});

test("N1: an executor killed with -9: one retryable error each, sessions and blocks live on, its backends end", async () => {
  const idle = await connect();
  const block = await connect();
  await block.ask("BEGIN");
  await block.ask("UPDATE b SET at = now() WHERE id = 7");
  const simple = await connect();
  const extended = await connect();
  const moving = await connect();
  const wall = await holdLock(cluster, "dn1", "BEGIN; LOCK TABLE shifting IN ACCESS EXCLUSIVE MODE");
  simple.send(query(ENDLESS));
  extended.send(parse("", ENDLESS), bind("", ""), execute(""), sync());
  moving.send(query("SELECT count(*) FROM shifting AS s JOIN b ON b.id = s.n"), query("SELECT 1"));
  await until("both compute", async () => (await running("cn1", "%<> z.n%")) === 2);
  await until("one waits to move rows", async () => (await waitingOn(cluster, "dn1")) === 1);
  await node.kill(node.of("executor")[0]!);
  expect(await simple.heard()).toEqual(LOST);
  expect((await extended.heard()).filter((line) => !/^[12]$/.test(line))).toEqual(LOST);
  expect(await moving.heard(2)).toEqual([...LOST, "T", "D 1", "C SELECT 1", "Z I"]);
  await wall.release();
  // Whether an executor is there again or not.
  for (const talk of [simple, extended, moving, idle]) expect(await talk.ask(JOIN)).toEqual(whole);
  expect(await block.ask("COMMIT")).toEqual(["C COMMIT", "Z I"]);
  await node.whenComplete();
  await nothingLeft();
});

test("N1: killed while rows pass through it: what came is a beginning of the answer, then one error", async () => {
  const talk = await connect();
  talk.send(query("SELECT a.id, a.body FROM a JOIN b ON b.id = a.n ORDER BY a.id"));
  talk.wire.socket.pause();
  await until("rows pass", busy);
  const executor = node.of("executor")[0]!;
  await until("the answer waits for its reader", async () => {
    const [row] = await queryServer(
      cluster.server("cn1"),
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'ClientWrite'",
    );
    return row!["n"] === 1;
  });
  await node.kill(executor);
  talk.wire.socket.resume();
  const frames = await within("the end", talk.wire.until("Z"));
  const rows = frames.filter(({ type }) => type === "D").map(lineOf);
  expect(rows.length).toBeLessThan(ROWS);
  expect(rows).toEqual(rows.map((_, i) => `D ${i + 1}|${"x".repeat(500)}`));
  expect(frames.filter(({ type }) => type !== "D").map(lineOf)).toEqual(["T", ...LOST]);
  await node.whenComplete();
  await nothingLeft();
});

test("N3: a worker killed while an executor works for it: what it works for ends at once", async () => {
  const talk = await connect();
  talk.send(query(ENDLESS));
  await computing();
  const executor = node.of("executor")[0]!;
  await node.kill(node.ownerOf(talk.wire));
  await until("its backends have ended", async () => (await running("cn1", "%")) === 0, 1_000);
  expect(await talk.heard()).toEqual(LOST);
  expect(node.of("executor")).toMatchObject([{ pid: executor.pid, restarts: executor.restarts }]);
  expect(await talk.ask(JOIN)).toEqual(whole);
  await node.whenComplete();
  await nothingLeft();
});

test("D2: a definition that is committed while the executor waits for it: the statement is planned again", async () => {
  const reader = await connect();
  const definer = await connect();
  const run = [bind("", "known"), execute(""), sync()];
  reader.send(parse("known", "SELECT count(*), min(s.n::text) FROM shifting AS s JOIN b ON b.id = s.id + 1"));
  reader.send(...run);
  expect(await reader.heard()).toEqual(["1", "2", "D 10|1", "C SELECT 1", "Z I"]);
  await definer.ask("BEGIN");
  expect(await definer.ask("ALTER TABLE shifting ALTER COLUMN n TYPE text USING 'n' || n")).toEqual([
    "C ALTER TABLE",
    "Z T",
  ]);
  reader.send(...run);
  await until("the executor waits", async () => busy() && (await waitingOn(cluster, "dn1")) > 0);
  await definer.ask("COMMIT");
  expect(await reader.heard()).toEqual(["2", "D 10|n1", "C SELECT 1", "Z I"]);
  // One that does not concern the statement, whose new plan is known by then.
  reader.send(...run);
  expect(await reader.heard()).toEqual(["2", "D 10|n1", "C SELECT 1", "Z I"]);
  await definer.ask("BEGIN");
  await definer.ask("LOCK TABLE shifting IN ACCESS EXCLUSIVE MODE");
  reader.send(...run);
  await until("the executor waits", async () => busy() && (await waitingOn(cluster, "dn1")) > 0);
  await runSql(cluster.client(), "CREATE TABLE unconcerned (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)");
  await definer.ask("COMMIT");
  expect(await reader.heard()).toEqual(["2", "D 10|n1", "C SELECT 1", "Z I"]);
});

test("notices of the statement reach the client", async () => {
  await runSql(
    cluster.client(),
    `CREATE FUNCTION says(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'says %', i; RETURN i; END$$`,
  );
  const talk = await connect();
  expect(await talk.ask("SELECT says(a.id) FROM a JOIN b ON b.id = a.n WHERE a.id = 3 AND b.id > 0")).toEqual(
    ["N", "T", "D 3", "C SELECT 1", "Z I"],
  );
});
