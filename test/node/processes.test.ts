/** Several session workers are one server to their clients (N8), and each process can be killed alone (N6): what it leaves is cleared away. */
import net from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import type { ProcessEntry } from "../../src/shared-memory/process-table.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { ConnectionLostError, WireConnection } from "../wire/connection.ts";
import { bind, execute, parse, query, sync } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { isAlive, NodeProcesses, openFiles, until } from "./node-cluster.ts";

const CLIENTS_MAX = 30;
/** Nobody waits for anybody here; a machine that does much besides may still be slow. */
const AT_ONCE_MS = 5_000;
/** Processes look this often, and more, whether their supervisor is there. */
const SUPERVISOR_MISSED_MS = 2_000;

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({
    dataNodes: 2,
    set: { session_workers: "2", max_client_connections: String(CLIENTS_MAX) },
  });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE moving (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)",
    "INSERT INTO moving SELECT i FROM generate_series(1, 20) AS i",
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

const connect = (database = "postgres") => Talk.connect(cluster.client({ database }));

const closeAll = (talks: readonly Talk[]) => Promise.all(talks.map((talk) => talk.wire.close()));

/** One client on each worker. */
async function oneOnEach(): Promise<[Talk, Talk]> {
  await until("nobody is there", () => node.takenRecords === 0);
  const both: [Talk, Talk] = [await connect(), await connect()];
  expect(node.ownerOf(both[0].wire).pid).not.toBe(node.ownerOf(both[1].wire).pid);
  return both;
}

test("N8: what one worker's client defines, the very next statement of another's sees", async () => {
  const both = await oneOnEach();
  for (const talk of both) {
    talk.send(parse("by_id", "SELECT id FROM moving WHERE id = $1"), sync());
    expect(await talk.heard()).toEqual(["1", "Z I"]);
    // Both have it at hand before it changes.
    expect(await talk.value("SELECT count(*) FROM moving")).toBe("20");
  }
  const byId = async (talk: Talk) => {
    talk.send(bind("", "by_id", ["7"]), execute(""), sync());
    return talk.heard();
  };
  for (let round = 0; round < 16; round++) {
    const [first, second] = round % 2 === 0 ? both : both.toReversed();
    const [column, table] = [`c${round}`, `made${round % 3}`];
    expect(await first!.ask(`ALTER TABLE moving ADD COLUMN ${column} int DEFAULT ${round}`)).toEqual([
      "C ALTER TABLE",
      "Z I",
    ]);
    expect(await second!.ask("SELECT * FROM moving WHERE id = 7")).toEqual([
      "T",
      `D 7|${round}`,
      "C SELECT 1",
      "Z I",
    ]);
    expect(await byId(second!)).toEqual(["2", "D 7", "C SELECT 1", "Z I"]);
    expect(await second!.value(`SELECT sum(${column}) FROM moving`)).toBe(String(20 * round));
    await first!.ask(`ALTER TABLE moving DROP COLUMN ${column}`);
    expect(await second!.ask(`SELECT ${column} FROM moving WHERE id = 7`)).toEqual(["E 42703", "Z I"]);
    expect(await second!.ask("SELECT * FROM moving WHERE id = 7")).toEqual(["T", "D 7", "C SELECT 1", "Z I"]);
    // A name that comes again is another table each time, on other shards.
    const by = round % 2 === 0 ? "HASH (k)" : "REPLICATION";
    await first!.ask(`CREATE TABLE ${table} (k int PRIMARY KEY, v text) DISTRIBUTE BY ${by}`);
    expect(
      await second!.ask(`INSERT INTO ${table} SELECT i, 'of ${round}' FROM generate_series(1, 9) AS i`),
    ).toEqual(["C INSERT 0 9", "Z I"]);
    expect(await first!.value(`SELECT v FROM ${table} WHERE k = 3`)).toBe(`of ${round}`);
    expect(await second!.value(`SELECT v FROM ${table} WHERE k = 3`)).toBe(`of ${round}`);
    expect(await first!.ask(`DROP TABLE ${table}`)).toEqual(["C DROP TABLE", "Z I"]);
    expect(await second!.ask(`SELECT v FROM ${table} WHERE k = 3`)).toEqual(["E 42P01", "Z I"]);
  }
  await closeAll(both);
});

test("N8: definitions of a block are seen by others when it commits, and not when it is rolled back", async () => {
  const both = await oneOnEach();
  const [first, second] = both;
  for (const [round, end] of ["COMMIT", "ROLLBACK", "COMMIT", "ROLLBACK"].entries()) {
    for (const sql of ["BEGIN", `CREATE TABLE later${round} (k int PRIMARY KEY) DISTRIBUTE BY HASH (k)`])
      expect((await first.ask(sql)).at(-1)).toBe("Z T");
    expect(await second.ask(`SELECT count(*) FROM later${round}`)).toEqual(["E 42P01", "Z I"]);
    expect(await first.ask(end)).toEqual([`C ${end}`, "Z I"]);
    const seen = end === "COMMIT" ? ["T", "D 0", "C SELECT 1", "Z I"] : ["E 42P01", "Z I"];
    expect(await second.ask(`SELECT count(*) FROM later${round}`)).toEqual(seen);
  }
  await closeAll(both);
});

test("a cancel reaches the session whatever worker its connection comes to", async () => {
  const talks = [...(await oneOnEach()), await connect(), await connect()];
  const target = talks[0]!;
  const owner = node.ownerOf(target.wire).life;
  const others = talks.filter((talk) => node.ownerOf(talk.wire).life !== owner);
  expect(others).toHaveLength(2);
  // The other worker has fewer clients now: connections that come go to it.
  await closeAll(others);
  await until("two are there", () => node.takenRecords === 2);
  const probe = await connect();
  expect(node.ownerOf(probe.wire).life).not.toBe(owner);
  await probe.wire.close();
  for (let round = 0; round < 20; round++) {
    target.send(query("SELECT pg_sleep(60)"));
    let lines: string[] | undefined;
    const answer = target.heard().then((heard) => (lines = heard));
    while (lines === undefined) await target.wire.cancel();
    await answer;
    expect(lines.filter((line) => line !== "T")).toEqual(["E 57014", "Z I"]);
    await until("the cancels are through", () => node.takenRecords === 2);
  }
  await closeAll(talks.filter((talk) => !others.includes(talk)));
});

test("DROP DATABASE succeeds at once though both workers have idle connections to it", async () => {
  for (let round = 0; round < 3; round++) {
    const keeper = await connect();
    await keeper.ask("CREATE DATABASE leaving");
    const guests = await Promise.all(Array.from({ length: 6 }, () => connect("leaving")));
    expect(new Set(guests.map((talk) => node.ownerOf(talk.wire).pid)).size).toBe(2);
    await guests[0]!.ask("CREATE TABLE t (k int PRIMARY KEY) DISTRIBUTE BY HASH (k)");
    for (const talk of guests) expect(await talk.value("SELECT count(*) FROM t")).toBe("0");
    await closeAll(guests);
    await until("the guests have gone", () => node.takenRecords === 1);
    const asked = Date.now();
    expect(await keeper.ask("DROP DATABASE leaving")).toEqual(["C DROP DATABASE", "Z I"]);
    expect(Date.now() - asked).toBeLessThan(AT_ONCE_MS);
    await keeper.wire.close();
  }
});

test("max_client_connections counts the clients of all workers", async () => {
  await until("nobody is there", () => node.takenRecords === 0);
  const talks: Talk[] = [];
  while (talks.length < CLIENTS_MAX) talks.push(await connect());
  expect(new Set(talks.map((talk) => node.ownerOf(talk.wire).pid)).size).toBe(2);
  for (let round = 0; round < 4; round++)
    await expect(connect()).rejects.toMatchObject({ sqlstate: "53300" });
  await talks.pop()!.wire.close();
  await until("one has gone", () => node.takenRecords < CLIENTS_MAX);
  talks.push(await connect());
  await closeAll(talks);
});

interface Counts {
  readonly records: number;
  readonly files: ReadonlyMap<number, number>;
}

function counts(): Counts {
  const pids = [cluster.state().coordinator.pid, ...node.all().map(({ pid }) => pid)];
  return { records: node.takenRecords, files: new Map(pids.map((pid) => [pid, openFiles(pid).length])) };
}

/** Clients that come and go in all the ways that clients do. */
async function comeAndGo(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const way = i % 5;
    if (way === 0) {
      await connect("no_such_database").then(
        () => expect.unreachable("there is no such database"),
        () => {},
      );
    } else if (way === 1) {
      // Says nothing, or not enough.
      const socket = net.connect({ host: cluster.host, port: cluster.port });
      await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
      if (i % 2 === 0) socket.write(Buffer.from([0, 0]));
      socket.destroy();
    } else {
      const talk = await connect();
      expect(await talk.value("SELECT id FROM moving WHERE id = 3")).toBe("3");
      if (way === 2) talk.wire.vanish();
      else await talk.wire.close();
    }
  }
}

test("O: clients that come and go leave no record taken and no file open", async () => {
  await node.whenComplete();
  const many = (clients: number, rounds: number) =>
    Promise.all(Array.from({ length: clients }, () => comeAndGo(rounds)));
  // Connections to servers are opened first, for they stay.
  await many(10, 5);
  await until("nobody is there", () => node.takenRecords === 0);
  const before = counts();
  await many(10, 30);
  const few = 8;
  await until("no more is open than before", () => {
    const now = counts();
    const grown = [...now.files].filter(([pid, files]) => files > before.files.get(pid)! + few);
    return now.records === 0 && grown.length === 0;
  });
  for (const pid of before.files.keys()) expect(node.clientConnections(pid)).toBe(0);
  expect([...counts().files.keys()]).toEqual([...before.files.keys()]);
});

const kinds = (entries: readonly ProcessEntry[]) => entries.map(({ kind }) => kind).toSorted();

test("the listener is killed: sessions go on, nobody is refused, and a worker's death at the same moment is outlived", async () => {
  await node.whenComplete();
  const talks = [...(await oneOnEach()), await connect(), await connect()];
  for (const [number, talk] of talks.entries()) await talk.ask(`SET app.x = '${number}'`);
  const listener = node.of("listener")[0]!;
  const worker = node.ownerOf(talks[0]!.wire);
  await Promise.all([node.kill(listener), node.kill(worker)]);
  // Connections wait where the listener's socket is kept.
  const fresh = await Promise.all(Array.from({ length: 4 }, () => connect()));
  for (const talk of fresh) {
    await talk.ask(`SET app.x = '${talks.length}'`);
    talks.push(talk);
  }
  const check = async () => {
    for (const [number, talk] of talks.entries()) {
      expect(await talk.value("SHOW app.x")).toBe(String(number));
      expect(await talk.value("SELECT count(*) FROM moving")).toBe("20");
    }
  };
  await check();
  // The new listener knows what it did not accept itself.
  await node.whenComplete();
  await node.kill(node.ownerOf(talks[0]!.wire));
  await check();
  await closeAll(talks);
  await until("nobody is there", () => node.takenRecords === 0);
});

test("both workers are killed while clients connect: the supervisor keeps no connection of them", async () => {
  await node.whenComplete();
  await until("nobody is there", () => node.takenRecords === 0);
  const supervisor = cluster.state().coordinator.pid;
  const sockets = () => openFiles(supervisor).filter((file) => file.startsWith("socket:")).length;
  const before = sockets();
  for (let round = 0; round < 2; round++) {
    const arrivals = Array.from({ length: 20 }, () => connect());
    const arrived = Promise.allSettled(arrivals);
    await Promise.all(node.of("worker").map((worker) => node.kill(worker)));
    const talks = (await arrived).flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    for (const talk of talks) expect(await talk.value("SELECT 1")).toBe("1");
    await closeAll(talks);
    await node.whenComplete();
  }
  await until("nobody is there", () => node.takenRecords === 0);
  // A process's channel is a socket too: as many as before.
  await until("the supervisor has no more sockets than before", () => sockets() <= before);
});

test("the transaction process is killed: definitions and databases are made and dropped all the same", async () => {
  await node.whenComplete();
  const talk = await connect();
  await node.kill(node.of("transactions")[0]!);
  for (const [sql, tag] of [
    ["CREATE TABLE without (k int PRIMARY KEY) DISTRIBUTE BY HASH (k)", "C CREATE TABLE"],
    ["INSERT INTO without SELECT generate_series(1, 10)", "C INSERT 0 10"],
    ["CREATE DATABASE without", "C CREATE DATABASE"],
    ["DROP DATABASE without", "C DROP DATABASE"],
    ["DROP TABLE without", "C DROP TABLE"],
  ])
    expect(await talk.ask(sql!), sql).toEqual([tag, "Z I"]);
  await node.whenComplete();
  expect(await talk.ask("CREATE DATABASE without")).toEqual(["C CREATE DATABASE", "Z I"]);
  expect(await talk.ask("DROP DATABASE without")).toEqual(["C DROP DATABASE", "Z I"]);
  await talk.wire.close();
});

test("N6: the supervisor is killed while clients arrive: all its processes end, and the next start is clean", async () => {
  await node.whenComplete();
  const before = node.all();
  const idle = await connect();
  let arriving = true;
  const arrivals = Array.from({ length: 4 }, async () => {
    while (arriving) {
      const wire = await WireConnection.connect(cluster.client()).catch(() => undefined);
      await wire?.close().catch(() => {});
    }
  });
  const supervisor = cluster.state().coordinator.pid;
  cluster.kill("coordinator");
  await until("the supervisor has gone", () => !isAlive(supervisor));
  const since = Date.now();
  await until("its processes have gone", () => before.every(({ pid }) => !isAlive(pid)));
  const took = Date.now() - since;
  arriving = false;
  await Promise.all(arrivals);
  expect(took).toBeLessThan(SUPERVISOR_MISSED_MS);
  await expect(idle.ask("SELECT 1")).rejects.toBeInstanceOf(ConnectionLostError);
  await cluster.start();
  node.startedAgain();
  await node.whenComplete();
  expect(kinds(node.all())).toEqual(kinds(before));
  expect(node.takenRecords).toBe(0);
  const talk = await connect();
  expect(await talk.value("SELECT count(*) FROM moving")).toBe("20");
  await talk.wire.close();
});
