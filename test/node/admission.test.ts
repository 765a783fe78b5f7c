/** Admission control: how many statements run, who waits, in what order, and what ends a wait (N1, N4). */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { pleiad } from "../cluster/pleiad-command.ts";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { readError } from "../oracle/capture.ts";
import { bind, execute, parse, query, sync, terminate } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { NodeProcesses, until, within } from "./node-cluster.ts";

const RUNNING_MAX = 2;
const REPORTS_MAX = 1;
const QUEUE_MAX = 40;
const WAIT_SECONDS = 8;

let cluster: TestCluster;
let node: NodeProcesses;
let operator: Talk;
const talks: Talk[] = [];

beforeAll(async () => {
  cluster = await startTestCluster({
    set: {
      session_workers: "2",
      "admission.running": String(RUNNING_MAX),
      "admission.queue": String(QUEUE_MAX),
      "admission.wait_seconds": String(WAIT_SECONDS),
      "admission.rules": `[{user: operator, exempt: true}, {user: reports, running: ${REPORTS_MAX}}]`,
    },
  });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE account (id int PRIMARY KEY, amount int) DISTRIBUTE BY HASH (id)",
    "INSERT INTO account SELECT i, 100 FROM generate_series(1, 100) AS i",
    "CREATE ROLE operator LOGIN SUPERUSER",
    "CREATE ROLE reports LOGIN",
    "CREATE ROLE many LOGIN",
    "CREATE ROLE few LOGIN",
    "GRANT ALL ON account TO PUBLIC",
  );
  operator = await Talk.connect(cluster.client({ user: "operator" }));
});

afterEach(async () => {
  await Promise.all(talks.splice(0).map((talk) => talk.wire.close().catch(() => {})));
  await until("nothing runs", async () => (await counts()) === "0|0");
});

afterAll(async () => {
  await operator?.wire.close();
  await cluster?.destroy();
});

async function connect(user = "postgres", settings: Record<string, string> = {}): Promise<Talk> {
  const talk = await Talk.connect(cluster.client({ user }), settings);
  talks.push(talk);
  return talk;
}

/** Statements of clients that run, and that wait for admission. */
const counts = () =>
  operator.value(`SELECT count(*) FILTER (WHERE phase <> 'waiting for admission'), count(*) FILTER (WHERE phase = 'waiting for admission')
    FROM pleiad.activity WHERE phase <> 'idle' AND usename <> 'operator'`);

const reach = (running: number, waiting: number) =>
  until(`${running} run and ${waiting} wait`, async () => (await counts()) === `${running}|${waiting}`);

/** Clients' statements that run on the catalog node: seen past the node. */
async function sleeping(): Promise<number> {
  const sql =
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'";
  return Number((await queryServer(cluster.server("catalog"), sql))[0]!["n"]);
}

const asleep = (seconds: number) => query(`SELECT pg_sleep(${seconds})`);

/** Clients whose statements take all places until they are cancelled. */
async function fill(user = "postgres", count = RUNNING_MAX): Promise<Talk[]> {
  const filling = await Promise.all(Array.from({ length: count }, () => connect(user)));
  for (const talk of filling) talk.send(asleep(60));
  await reach(count, 0);
  return filling;
}

async function release(filling: readonly Talk[]): Promise<void> {
  await Promise.all(
    filling.map(async (talk) => {
      const answer = talk.heard();
      await talk.wire.cancel();
      expect((await answer).slice(-2)).toEqual(["E 57014", "Z I"]);
    }),
  );
}

const errorOf = async (talk: Talk) => {
  const frames = await within("an error", talk.wire.until("Z"));
  return readError(frames.find(({ type }) => type === "E")!.body);
};

test("N4: twenty clients sleep where two may run: no more than two run, all are answered, and waiting takes no connection", async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect()));
  const owners = new Set(clients.map((talk) => node.ownerOf(talk.wire).pid));
  expect(owners.size).toBe(2);
  const answers = clients.map((talk) => {
    talk.send(asleep(0.1));
    return talk.heard();
  });
  let most = 0;
  let done = false;
  const all = Promise.all(answers).then((lines) => {
    done = true;
    return lines;
  });
  while (!done) most = Math.max(most, await sleeping());
  for (const lines of await all) expect(lines).toEqual(["T", "D ", "C SELECT 1", "Z I"]);
  expect(most).toBe(RUNNING_MAX);
});

test("the queue is full: 53300 with a hint, at once; who waits already is served", async () => {
  const filling = await fill();
  const waiting = await Promise.all(Array.from({ length: QUEUE_MAX }, () => connect()));
  for (const talk of waiting) talk.send(query("SELECT sum(amount) FROM account"));
  await reach(RUNNING_MAX, QUEUE_MAX);
  const late = await connect();
  late.send(query("SELECT count(*) FROM account"));
  expect(await errorOf(late)).toMatchObject({
    sqlstate: "53300",
    message: "too many statements wait to run",
  });
  late.send(parse("", "SELECT count(*) FROM account"), bind("", "", []), execute(""), sync());
  expect((await late.heard()).slice(-2)).toEqual(["E 53300", "Z I"]);
  await release(filling);
  for (const talk of waiting) expect(await talk.heard()).toEqual(["T", "D 10000", "C SELECT 1", "Z I"]);
});

test("the time is over: 53300 that names the limit; until then pleiad status counts who waits", async () => {
  const filling = await fill();
  const late = await connect();
  late.send(query("UPDATE account SET amount = 0"));
  await reach(RUNNING_MAX, 1);
  const { stdout } = await pleiad("status", "--json", "--data", cluster.data);
  const load = { sessions: RUNNING_MAX + 2, running: RUNNING_MAX, waiting: 1 };
  expect(JSON.parse(stdout)).toMatchObject({ load });
  const error = await errorOf(late);
  expect(error).toMatchObject({
    sqlstate: "53300",
    message: `the statement could not begin to run within ${WAIT_SECONDS} s`,
  });
  await release(filling);
  expect(await late.value("SELECT sum(amount) FROM account")).toBe("10000");
});

test("reads by key, the exempt, and what needs no server go on", async () => {
  const talk = await connect();
  const filling = await fill();
  for (let i = 1; i <= 20; i++)
    expect(await talk.value(`SELECT amount FROM account WHERE id = ${i}`)).toBe("100");
  expect(await talk.ask("BEGIN")).toEqual(["C BEGIN", "Z T"]);
  expect(await talk.ask("ROLLBACK")).toEqual(["C ROLLBACK", "Z I"]);
  expect(await talk.ask("SET application_name = 'x'")).toEqual(["C SET", "S", "Z I"]);
  expect(await operator.value("SELECT sum(amount) FROM account")).toBe("10000");
  expect(Number(await talk.value("SELECT count(*) FROM pleiad.activity WHERE phase = 'running'"))).toBe(
    RUNNING_MAX,
  );
  await release(filling);
});

test("a role with many statements leaves another's its turn, whatever worker they come to", async () => {
  const filling = await fill();
  const done: string[] = [];
  const begin = async (talk: Talk, name: string) => {
    talk.send(asleep(0.05));
    await talk.heard();
    done.push(name);
  };
  const crowd = await Promise.all(Array.from({ length: 30 }, () => connect("many")));
  const many = crowd.map((talk) => begin(talk, "many"));
  await reach(RUNNING_MAX, 30);
  const pair = await Promise.all([connect("few"), connect("few")]);
  const few = pair.map((talk) => begin(talk, "few"));
  await reach(RUNNING_MAX, 32);
  await release(filling);
  await Promise.all([...many, ...few]);
  // In turn it is the 2nd and the 4th of 32, give or take who ends first.
  expect(done.lastIndexOf("few")).toBeLessThan(10);
});

test("a long pipeline gets no more turns than a single statement", async () => {
  const filling = await fill();
  const [pipeline, single] = [await connect("many"), await connect("many")];
  const length = 30;
  for (let i = 0; i < length; i++)
    pipeline.send(parse("", "SELECT pg_sleep(0.05)"), bind("", "", []), execute(""), sync());
  await reach(RUNNING_MAX, 1);
  single.send(asleep(0));
  await reach(RUNNING_MAX, 2);
  const answered = { pipeline: 0, single: 0 };
  const all = (async () => {
    for (let i = 0; i < length; i++) {
      await pipeline.heard();
      answered.pipeline++;
    }
  })();
  const one = single.heard().then(() => (answered.single = answered.pipeline));
  await release(filling);
  await Promise.all([all, one]);
  expect(answered.single).toBeLessThan(5);
});

test("a rule holds up its own role only", async () => {
  const [running] = await fill("reports", REPORTS_MAX);
  const held = await connect("reports");
  held.send(query("SELECT sum(amount) FROM account"));
  await reach(REPORTS_MAX, 1);
  const other = await connect("few");
  expect(await other.value("SELECT sum(amount) FROM account")).toBe("10000");
  await release([running!]);
  expect(await held.heard()).toEqual(["T", "D 10000", "C SELECT 1", "Z I"]);
});

test("cancel, statement_timeout and the client's end take a statement out of the queue at once", async () => {
  const filling = await fill();
  const [cancelled, timed, role, leaving, vanishing, closing] = [
    await connect(),
    await connect(),
    await connect("postgres", { options: "-c statement_timeout=400" }),
    await connect(),
    await connect(),
    await connect(),
  ];
  await timed.ask("SET statement_timeout = '300ms'");
  const since = Date.now();
  for (const talk of [cancelled, timed, role, leaving, vanishing, closing])
    talk.send(query("UPDATE account SET amount = amount + 1"));
  expect(await errorOf(timed)).toMatchObject({
    sqlstate: "57014",
    message: "canceling statement due to statement timeout",
  });
  expect(await errorOf(role)).toMatchObject({ message: "canceling statement due to statement timeout" });
  expect(Date.now() - since).toBeGreaterThanOrEqual(300);
  await reach(RUNNING_MAX, 4);
  cancelled.send();
  await cancelled.wire.cancel();
  expect(await errorOf(cancelled)).toMatchObject({
    sqlstate: "57014",
    message: "canceling statement due to user request",
  });
  await reach(RUNNING_MAX, 3);
  vanishing.wire.vanish();
  await reach(RUNNING_MAX, 2);
  leaving.send(terminate());
  await leaving.wire.close();
  await reach(RUNNING_MAX, 1);
  await closing.wire.close();
  await reach(RUNNING_MAX, 0);
  // The session goes on, and what was given up did nothing.
  await release(filling);
  expect(await cancelled.value("SELECT sum(amount) FROM account")).toBe("10000");
});

test("transaction blocks never wait for each other by the limit", async () => {
  const blocks = await Promise.all(Array.from({ length: 6 }, () => connect()));
  const [owner, ...others] = blocks;
  await owner!.ask("BEGIN");
  await owner!.ask("UPDATE account SET amount = 1 WHERE id = 1");
  // These take all places, and wait for the owner's lock.
  for (const talk of others.slice(0, RUNNING_MAX))
    talk.send(query("UPDATE account SET amount = 2 WHERE id = 1"));
  await reach(RUNNING_MAX, 0);
  for (const talk of others.slice(RUNNING_MAX)) talk.send(query("SELECT sum(amount) FROM account"));
  await reach(RUNNING_MAX, others.length - RUNNING_MAX);
  expect(await owner!.ask("UPDATE account SET amount = 3 WHERE id = 50")).toEqual(["C UPDATE 1", "Z T"]);
  expect(await owner!.ask("SELECT sum(amount) FROM account")).toEqual(["T", "D 9804", "C SELECT 1", "Z T"]);
  expect(await owner!.ask("ROLLBACK")).toEqual(["C ROLLBACK", "Z I"]);
  for (const talk of others) expect((await talk.heard()).at(-1)).toBe("Z I");
  await owner!.ask("UPDATE account SET amount = 100 WHERE id = 1");
});

test("a session that holds an advisory lock gives it back though no place is free", async () => {
  const owner = await connect();
  expect(await owner.value("SELECT pg_advisory_lock(7)")).toBe("");
  const others = [await connect(), await connect()];
  for (const talk of others) talk.send(query("SELECT pg_advisory_lock(7), pg_advisory_unlock(7)"));
  await reach(RUNNING_MAX, 0);
  expect(await owner.value("SELECT pg_advisory_unlock(7)")).toBe("t");
  for (const talk of others) expect(await talk.heard()).toEqual(["T", "D |t", "C SELECT 1", "Z I"]);
});

test("N1: the places of a worker that is killed are free again, and its clients go on", async () => {
  await node.whenComplete();
  // One place on each worker, so that the other keeps its own.
  const filling = [await connect()];
  const pid = (talk: Talk) => node.ownerOf(talk.wire).pid;
  await until("a client is on the other worker", async () => {
    const talk = await connect();
    if (pid(talk) !== pid(filling[0]!)) filling.push(talk);
    return filling.length === RUNNING_MAX;
  });
  for (const talk of filling) talk.send(asleep(60));
  await reach(RUNNING_MAX, 0);
  const waiting = await Promise.all(Array.from({ length: 6 }, () => connect()));
  for (const talk of waiting) talk.send(query("SELECT sum(amount) FROM account"));
  await reach(RUNNING_MAX, 6);
  const killed = node.ownerOf(filling[0]!.wire);
  const theirs = waiting.filter((talk) => pid(talk) === killed.pid);
  expect(theirs.length).toBeGreaterThan(0);
  await node.kill(killed);
  for (const talk of waiting) {
    const last = theirs.includes(talk) ? ["E 40001", "Z I"] : ["T", "D 10000", "C SELECT 1", "Z I"];
    expect(await talk.heard()).toEqual(last);
  }
  expect(await filling[0]!.heard()).toEqual(["E 40001", "Z I"]);
  expect(await theirs[0]!.value("SELECT sum(amount) FROM account")).toBe("10000");
  await release([filling[1]!]);
});
