/** What the node shows of itself in SQL, and what becomes of a process that does not turn (row N9). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { bind, execute, parse, query, sync } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { isAlive, NodeProcesses, until } from "./node-cluster.ts";

/** It is killed after 15 s without a sign. */
const SILENT_MS_MAX = 40_000;

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({ set: { session_workers: "1", executors: "1" } });
  node = new NodeProcesses(cluster);
});

afterAll(async () => {
  await cluster?.destroy();
});

test("pleiad.processes and pleiad.activity show every process and every session as they are", async () => {
  const looking = await Talk.connect(cluster.client(), { application_name: "looks" });
  const block = await Talk.connect(cluster.client());
  const failed = await Talk.connect(cluster.client());
  await block.ask("BEGIN");
  await failed.ask("BEGIN");
  await failed.ask("SELECT 1 / 0");
  expect(
    await looking.ask("SELECT kind, count(*), sum(sessions) FROM pleiad.processes GROUP BY 1 ORDER BY 1"),
  ).toEqual([
    "T",
    "D executor|1|0",
    "D listener|1|0",
    "D transactions|1|0",
    "D worker|2|3",
    "C SELECT 4",
    "Z I",
  ]);
  const sql = `SELECT a.usename, a.datname, a.application_name, a.state, p.kind, a.phase, a.wait_event, a.query FROM pleiad.activity a
         JOIN pleiad.processes AS p ON p.pid = a.process ORDER BY a.state`;
  expect(await looking.ask(sql)).toEqual([
    "T",
    `D postgres|postgres|looks|active|worker|planning|null|${sql}`,
    "D postgres|postgres||idle in transaction|worker|idle|ClientRead|BEGIN",
    "D postgres|postgres||idle in transaction (aborted)|worker|idle|ClientRead|SELECT 1 / 0",
    "C SELECT 3",
    "Z I",
  ]);
  const times = `SELECT bool_and(backend_start <= query_start AND query_start <= state_change AND state_change <= clock_timestamp()),
      count(xact_start) FROM pleiad.activity`;
  expect(await looking.value(times)).toBe("t|2");
  await Promise.all([looking, block, failed].map((talk) => talk.wire.close()));
});

test("what runs is seen with its text, its phase and the rows that it has sent; prepared statements too", async () => {
  const [looking, running] = [await Talk.connect(cluster.client()), await Talk.connect(cluster.client())];
  const text =
    "SELECT repeat('x', 70000), pg_sleep(CASE WHEN i > 5 THEN 60 ELSE 0 END) FROM generate_series(1, 9) i";
  running.send(parse("slow", text), sync());
  await running.heard();
  running.send(bind("", "slow", []), execute(""), sync());
  const seen = () =>
    looking.value("SELECT phase, rows, state FROM pleiad.activity WHERE query LIKE 'SELECT repeat%'");
  await until("five rows are sent", async () => (await seen()) === "running|5|active");
  expect(
    await looking.value(
      "SELECT kind, usename, state, detail FROM pleiad.tasks WHERE detail LIKE 'SELECT repeat%'",
    ),
  ).toBe(`statement|postgres|running|${text}`);
  await running.wire.cancel();
  expect((await running.heard()).at(-2)).toBe("E 57014");
  expect(await seen()).toBe("idle|5|idle");
  await Promise.all([looking, running].map((talk) => talk.wire.close()));
});

test("another role's statement is seen only by who may see it in pg_stat_activity, not even in the text that looks", async () => {
  const admin = await Talk.connect(cluster.client());
  for (const sql of ["CREATE ROLE alice LOGIN", "CREATE ROLE bob LOGIN", "SELECT 'of the admin'"])
    await admin.ask(sql);
  const [alice, bob] = [
    await Talk.connect(cluster.client({ user: "alice" })),
    await Talk.connect(cluster.client({ user: "bob" })),
  ];
  await bob.ask("SELECT 'of bob'");
  const look = `SELECT query, state, phase FROM pleiad.activity WHERE usename IN ('postgres', 'bob') ORDER BY usename`;
  const hidden = "D <insufficient privilege>|null|null";
  expect(await alice.ask(look)).toEqual(["T", hidden, hidden, "C SELECT 2", "Z I"]);
  const leak = "SELECT current_query() LIKE '%of ' || 'bob%' FROM pleiad.activity LIMIT 1";
  expect(await alice.value(leak)).toBe("f");
  expect(await alice.ask("SELECT detail FROM pleiad.tasks WHERE usename = 'alice'")).toEqual([
    "T",
    "D SELECT detail FROM pleiad.tasks WHERE usename = 'alice'",
    "C SELECT 1",
    "Z I",
  ]);
  await admin.ask("GRANT bob TO alice");
  expect(await alice.ask(look)).toEqual(["T", "D SELECT 'of bob'|idle|idle", hidden, "C SELECT 2", "Z I"]);
  await admin.ask("GRANT pg_read_all_stats TO alice");
  expect((await alice.ask(look))[2]).toBe("D GRANT pg_read_all_stats TO alice|idle|idle");
  await Promise.all([admin, alice, bob].map((talk) => talk.wire.close()));
});

test("pleiad.shared_memory and pleiad.statistics", async () => {
  const talk = await Talk.connect(cluster.client());
  expect(
    await talk.ask(
      "SELECT kind, name, used FROM pleiad.shared_memory WHERE name IN ('processes', 'sessions', 'executions') ORDER BY 1, 2",
    ),
  ).toEqual([
    "T",
    "D mapped|executions|1",
    "D mapped|processes|5",
    "D mapped|sessions|1",
    "D store|sessions|1",
    "C SELECT 4",
    "Z I",
  ]);
  expect(
    await talk.value(
      "SELECT bool_and(bytes >= 0 AND used <= entries) FROM pleiad.shared_memory WHERE kind = 'mapped' AND entries > 0",
    ),
  ).toBe("t");
  await talk.ask("CREATE TABLE counted (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)");
  const shared = () => talk.value("SELECT sum(statements), sum(shared_statements) FROM pleiad.statistics");
  const [before] = (await shared()).split("|").map(Number);
  for (let i = 0; i < 50; i++) await talk.ask(`SELECT id FROM counted WHERE id = ${i}`);
  await until("they are counted", async () => {
    const [statements, together] = (await shared()).split("|").map(Number);
    return statements! >= before! + 50 && together! >= 30;
  });
  expect(
    await talk.value("SELECT bool_and(connections_open <= connections_opened) FROM pleiad.statistics"),
  ).toBe("t");
  await talk.wire.close();
});

test("N9: a worker that was stopped is killed, and does nothing when it goes on; its sessions are served", async () => {
  const talk = await Talk.connect(cluster.client());
  await talk.ask("SET TimeZone = 'Asia/Tokyo'");
  const worker = node.ownerOf(talk.wire);
  process.kill(worker.pid, "SIGSTOP");
  // Nobody has read this: it is not lost.
  const answer = talk.wire.until("Z");
  talk.send(query("SHOW TimeZone"));
  await until("the worker is killed", () => !isAlive(worker.pid), SILENT_MS_MAX);
  expect((await answer).map(({ type }) => type)).toEqual(["T", "D", "C", "Z"]);
  expect(await talk.value("SHOW TimeZone")).toBe("Asia/Tokyo");
  expect(node.ownerOf(talk.wire).pid).not.toBe(worker.pid);
  await talk.wire.close();
});
