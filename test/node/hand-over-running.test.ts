/**
 * The worker that serves a session is killed with -9 while something runs for it: every request that was sent gets its one answer, what
 * may have been committed is called so (N2), each transaction is there wholly or not at all, and no lock stays (N3).
 */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { bind, copyData, copyDone, copyFail, execute, flush, parse, query, sync } from "../wire/frames.ts";
import { acrossDeath, lineOf, Talk, type Scenario } from "./across-death.ts";
import { holdLock, NodeProcesses, preparedAnywhere, until, waitingOn, within } from "./node-cluster.ts";

const NODES = ["dn1", "dn2"];
const LOCKS_GONE_MS = 2_000;
const WIDE_ROWS = 40_000;
const WIDE_TIMES = 16;
const wideBody = (id: number) => createHash("md5").update(String(id)).digest("hex").repeat(WIDE_TIMES);

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({ dataNodes: 2, set: { session_workers: "1" } });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL DEFAULT 0) DISTRIBUTE BY HASH (id)",
    "INSERT INTO stock SELECT i FROM generate_series(1, 100) AS i",
    "CREATE TABLE held (id int PRIMARY KEY, n int NOT NULL DEFAULT 0) DISTRIBUTE BY HASH (id)",
    "INSERT INTO held SELECT i FROM generate_series(1, 8) AS i",
    "CREATE TABLE kept (id text PRIMARY KEY) DISTRIBUTE BY REPLICATION",
    "CREATE TABLE wide (id int PRIMARY KEY, body text) DISTRIBUTE BY HASH (id)",
    `INSERT INTO wide SELECT i, repeat(md5(i::text), ${WIDE_TIMES}) FROM generate_series(1, ${WIDE_ROWS}) AS i`,
    "CREATE TABLE copied (id int PRIMARY KEY, body text) DISTRIBUTE BY HASH (id)",
  );
  wall = await holdLock(cluster, "dn1", "BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE");
});

afterAll(async () => {
  await cluster?.destroy();
});

const connect = () => Talk.connect(cluster.client());

const killServing = () => node.killServing();

async function expectServed(talk: Talk): Promise<void> {
  expect(await talk.ask("SELECT count(*), sum(id) FROM stock")).toEqual([
    "T",
    "D 100|5050",
    "C SELECT 1",
    "Z I",
  ]);
  await talk.wire.close();
}

/** Nobody reads `held` before this is released. */
let wall: { release(): Promise<void> } | undefined;
let atTheWall = 0;

/** What it sends waits at the wall; others may come in the meantime. */
async function comeToTheWall(): Promise<void> {
  const expected = ++atTheWall;
  await until("the statement waits", async () => (await waitingOn(cluster, "dn1")) >= expected);
}

const LOST = ["E 40001", "Z I"];

const running: Readonly<Record<string, Scenario>> = {
  "N2: a read gets one error and its session goes on": async (death) => {
    const talk = await connect();
    talk.send(query("SELECT n FROM held"));
    await comeToTheWall();
    await death();
    expect(await talk.heard()).toEqual(LOST);
    await expectServed(talk);
  },
  "N2: simple queries sent in one write: each has its answer": async (death) => {
    const talk = await connect();
    talk.send(query("SELECT n FROM held"), query("SELECT 1"), query("SELECT 2"));
    await comeToTheWall();
    await death();
    expect(await talk.heard(3)).toEqual([...LOST, ...LOST, ...LOST]);
    await expectServed(talk);
  },
  "N2: what was answered is answered once, what follows gets its error": async (death) => {
    const talk = await connect();
    talk.send(query("SELECT 1"), query("SELECT n FROM held"));
    expect(await talk.heard()).toEqual(["T", "D 1", "C SELECT 1", "Z I"]);
    await comeToTheWall();
    await death();
    expect(await talk.heard()).toEqual(LOST);
    await expectServed(talk);
  },
  "N2: the extended protocol: one error for each Sync": async (death) => {
    const talk = await connect();
    const read = [parse("", "SELECT n FROM held"), bind("", ""), execute(""), sync()];
    talk.send(...read, ...read, ...read);
    await comeToTheWall();
    await death();
    expect((await talk.heard(3)).filter((line) => !/^[12]$/.test(line))).toEqual([...LOST, ...LOST, ...LOST]);
    await expectServed(talk);
  },
  "N2: a pipeline without its Sync yet: one error, what follows is skipped": async (death) => {
    const talk = await connect();
    talk.send(parse("", "SELECT n FROM held"), bind("", ""), execute(""), flush());
    await comeToTheWall();
    await death();
    expect((await talk.heardTo("E")).filter((line) => !/^[12]$/.test(line))).toEqual(["E 40001"]);
    talk.send(parse("", "INSERT INTO stock VALUES (1001)"), bind("", ""), execute(""), sync());
    expect(await talk.heard()).toEqual(["Z I"]);
    await expectServed(talk);
  },
  "N2: a read in a block: the block waits for ROLLBACK": async (death) => {
    const talk = await connect();
    await talk.ask("BEGIN");
    expect(await talk.ask("UPDATE stock SET n = 5")).toEqual(["C UPDATE 100", "Z T"]);
    talk.send(query("SELECT n FROM held"));
    await comeToTheWall();
    await death();
    expect(await talk.heard()).toEqual(["E 40001", "Z E"]);
    expect(await talk.ask("SELECT 1")).toEqual(["E 25P02", "Z E"]);
    expect(await talk.ask("COMMIT")).toEqual(["C ROLLBACK", "Z I"]);
    expect(await talk.value("SELECT max(n) FROM stock")).toBe("0");
    await expectServed(talk);
  },
  "N2: a write of its own may have been committed, and is there wholly or not at all": async (death) => {
    const talk = await connect();
    talk.send(query("UPDATE held SET n = n + 1"));
    await comeToTheWall();
    await death();
    expect(await talk.heard()).toEqual(["E 08007", "Z I"]);
    await expectServed(talk);
  },
  "N2: COPY FROM STDIN, the client ends it with CopyDone": async (death) => {
    const talk = await connect();
    talk.send(query("COPY copied FROM STDIN"));
    expect(await talk.heardTo("G")).toEqual(["G"]);
    talk.send(copyData(Buffer.from("1\tone\n2\ttwo\n")));
    await death();
    expect(await talk.heard()).toEqual(["E 08007", "Z I"]);
    talk.send(copyData(Buffer.from("3\tthree\n")), copyDone());
    await expectServed(talk);
  },
  "N2: COPY FROM STDIN in a block, within a message, the client ends it with CopyFail": async (death) => {
    const talk = await connect();
    await talk.ask("BEGIN");
    talk.send(query("COPY copied FROM STDIN"));
    expect(await talk.heardTo("G")).toEqual(["G"]);
    const data = copyData(Buffer.from("4\tfour\n".repeat(1000)));
    talk.send(data.subarray(0, 3000));
    await death();
    expect(await talk.heard()).toEqual(["E 40001", "Z E"]);
    talk.send(data.subarray(3000), copyFail("enough"));
    expect(await talk.ask("ROLLBACK")).toEqual(["C ROLLBACK", "Z I"]);
    await expectServed(talk);
  },
  "N2: COPY FROM STDIN by the extended protocol, its first Sync being part of it": async (death) => {
    const talk = await connect();
    talk.send(parse("", "COPY copied FROM STDIN"), bind("", ""), execute(""), sync());
    expect(await talk.heardTo("G")).toEqual(["1", "2", "G"]);
    talk.send(copyData(Buffer.from("5\tfive\n")));
    await expectServed(await connect());
    await death();
    talk.send(copyDone(), sync());
    expect(await talk.heard()).toEqual(["E 08007", "Z I"]);
    await expectServed(talk);
  },
  "N2: a block is lost in which a table was made: the next statement hears 40001, not that there is no such table":
    async (death) => {
      const talk = await connect();
      for (const sql of ["BEGIN", "CREATE TABLE passing (k int PRIMARY KEY) DISTRIBUTE BY HASH (k)"])
        expect((await talk.ask(sql)).at(-1)).toBe("Z T");
      await death();
      expect(await talk.ask("INSERT INTO passing VALUES (1)")).toEqual(["E 40001", "Z E"]);
      expect(await talk.ask("INSERT INTO passing VALUES (1)")).toEqual(["E 25P02", "Z E"]);
      expect(await talk.ask("ROLLBACK")).toEqual(["C ROLLBACK", "Z I"]);
      await expectServed(talk);
    },
  "N2: a block is lost with a portal that was read in part: its next Execute hears 40001": async (death) => {
    const talk = await connect();
    await talk.ask("BEGIN");
    talk.send(parse("", "SELECT id FROM stock ORDER BY id"), bind("part", ""), execute("part", 2), sync());
    expect(await talk.heard()).toEqual(["1", "2", "D 1", "D 2", "s", "Z T"]);
    await death();
    talk.send(execute("part", 2), sync());
    expect(await talk.heard()).toEqual(["E 40001", "Z E"]);
    expect(await talk.ask("ROLLBACK")).toEqual(["C ROLLBACK", "Z I"]);
    await expectServed(talk);
  },
  ...Object.fromEntries(
    [1, 500, 5000].map((rows) => [
      `a slow reader of a large result, dead after ${rows} rows`,
      slowReader(rows),
    ]),
  ),
};

/** Gets a beginning of the right answer, and then one error in step, or the end of the connection. */
function slowReader(rowsBefore: number): Scenario {
  return async (death) => {
    const talk = await connect();
    talk.send(query("SELECT id, body FROM wide ORDER BY id"));
    const lines: string[] = [];
    const read = async () => lines.push(lineOf(await within("the next frame", talk.wire.next())));
    while (lines.length < rowsBefore) await read();
    talk.wire.socket.pause();
    await death();
    talk.wire.socket.resume();
    let inStep = true;
    try {
      while (lines.at(-1)?.startsWith("Z") !== true) await read();
    } catch (error) {
      expect(String(error)).toMatch(/connection lost|ECONNRESET/);
      inStep = false;
    }
    if (inStep) expect(lines.splice(-2)).toEqual(LOST);
    expect(lines[0]).toBe("T");
    const rows = lines.slice(1);
    expect(rows.length).toBeLessThan(WIDE_ROWS);
    expect(rows).toEqual(rows.map((_, index) => `D ${index + 1}|${wideBody(index + 1)}`));
    if (inStep) await expectServed(talk);
  };
}

acrossDeath(
  "running",
  async () => {
    await killServing();
    await wall?.release();
  },
  running,
);

test("afterwards the write is there wholly or not at all, and no lock is left", async () => {
  const talk = await connect();
  const asked = Date.now();
  expect(await talk.ask("UPDATE held SET n = n + 10 WHERE id = 3")).toEqual(["C UPDATE 1", "Z I"]);
  expect(Date.now() - asked).toBeLessThan(LOCKS_GONE_MS);
  const values = await talk.ask("SELECT DISTINCT n FROM held WHERE id <> 3");
  expect(values.filter((line) => line.startsWith("D "))).toHaveLength(1);
  expect(await talk.value("SELECT count(*) FROM stock WHERE id > 100")).toBe("0");
  await until("nothing is prepared", async () => (await preparedAnywhere(cluster)).length === 0);
  // All of a COPY or nothing, and only what was sent before its end.
  expect(["0", "2"]).toContain(await talk.value("SELECT count(*) FROM copied WHERE id IN (1, 2)"));
  expect(await talk.value("SELECT count(*) FROM copied WHERE id IN (3, 4)")).toBe("0");
  await talk.wire.close();
});

/** Where a COMMIT over two nodes stands when its worker dies; what holds it there. */
const STEPS: readonly (readonly [step: string, server: string, lock: string])[] = [
  ["one node has prepared, the other is at it", "dn2", "SELECT pg_advisory_lock(77)"],
  [
    "the decision is being written",
    "catalog",
    "BEGIN; LOCK TABLE pleiad.transaction_decision IN ACCESS EXCLUSIVE MODE",
  ],
];

test.each(STEPS)("N2, N3: COMMIT while %s", async (step, server, lock) => {
  await node.whenComplete();
  // PREPARE runs deferred triggers: that is where it can be held up.
  await queryServer(
    cluster.server("dn2"),
    `CREATE FUNCTION public.held_up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NEW; END';
     CREATE CONSTRAINT TRIGGER held_up AFTER INSERT ON kept DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.held_up()`,
  );
  const blocker = await holdLock(cluster, server, lock);
  try {
    const talk = await connect();
    for (const sql of [
      "BEGIN",
      `INSERT INTO kept VALUES ('${step}')`,
      "UPDATE stock SET n = n + 1 WHERE id = 50",
    ])
      expect((await talk.ask(sql)).at(-1)).toBe("Z T");
    talk.send(query("COMMIT"));
    await until("the commit waits", async () => (await waitingOn(cluster, server)) > 0);
    await node.kill(node.ownerOf(talk.wire));
    expect(await talk.heard()).toEqual(["E 08007", "Z I"]);
    await blocker.release();
    await until("nothing is prepared", async () => (await preparedAnywhere(cluster)).length === 0);
    const asked = Date.now();
    expect(await talk.ask("UPDATE stock SET n = n + 0 WHERE id = 50")).toEqual(["C UPDATE 1", "Z I"]);
    expect(Date.now() - asked).toBeLessThan(LOCKS_GONE_MS);
    const found = [];
    for (const name of NODES)
      found.push(await queryServer(cluster.server(name), `SELECT id FROM kept WHERE id = '${step}'`));
    expect(found[0]).toEqual(found[1]);
    await talk.wire.close();
  } finally {
    await blocker.release();
    await queryServer(cluster.server("dn2"), "DROP FUNCTION public.held_up() CASCADE");
  }
});
