/**
 * The worker that serves a session is killed with -9 while the session is idle, or idle in a transaction block: another worker goes on
 * with it (N1), what it has begun is undone and nobody is told otherwise (N2, N3), and what cannot be taken over ends and says why.
 */
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { readError } from "../oracle/capture.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { bind, describe as describeFrame, execute, flush, parse, query, sync } from "../wire/frames.ts";
import { acrossDeath, Talk, type Scenario } from "./across-death.ts";
import { NodeProcesses, preparedAnywhere, until, within } from "./node-cluster.ts";

const ROWS = 100;
/** Locks of a killed worker's transactions are gone after this. */
const LOCKS_GONE_MS = 2_000;

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({ dataNodes: 2, set: { session_workers: "1" } });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, body text) DISTRIBUTE BY HASH (id)",
    `INSERT INTO stock SELECT i, 0, 'body ' || i FROM generate_series(1, ${ROWS}) AS i`,
    "CREATE SCHEMA other",
    "CREATE TABLE other.own (id int PRIMARY KEY, body text) DISTRIBUTE BY HASH (id)",
    "INSERT INTO other.own VALUES (1, 'of other')",
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

const connect = (settings: Record<string, string> = {}) => Talk.connect(cluster.client(), settings);

const killServing = () => node.killServing();

/** In step, and right: the connection is the same, and so is what it says. */
async function expectServed(talk: Talk): Promise<void> {
  expect(await talk.ask("SELECT body FROM stock WHERE id = 5")).toEqual([
    "T",
    "D body 5",
    "C SELECT 1",
    "Z I",
  ]);
  expect(await talk.ask("SELECT count(*) FROM stock")).toEqual(["T", `D ${ROWS}`, "C SELECT 1", "Z I"]);
}

const idle: Readonly<Record<string, Scenario>> = {
  "N1: an idle session notices nothing": async (death) => {
    const talk = await connect();
    await expectServed(talk);
    await death();
    await expectServed(talk);
    expect(await talk.ask("UPDATE stock SET n = n + 1 WHERE id = 90")).toEqual(["C UPDATE 1", "Z I"]);
    await talk.wire.close();
  },
  "N1: one that never asked anything": async (death) => {
    const talk = await connect();
    await death();
    await expectServed(talk);
    await talk.wire.close();
  },
  "N1: its settings are the same, those of the startup packet too": async (death) => {
    const talk = await connect({
      application_name: "started",
      "app.packet": "of the packet",
      DateStyle: "German",
    });
    for (const sql of [
      "SET TimeZone = 'Asia/Tokyo'",
      "SET search_path = other",
      "SET application_name = 'mine'",
      "SET app.x = 'custom'",
    ])
      expect(await talk.ask(sql)).toEqual(
        sql.includes("app.x") || sql.includes("search")
          ? expect.arrayContaining(["C SET"])
          : expect.arrayContaining(["S", "C SET"]),
      );
    await death();
    for (const [name, value] of [
      ["TimeZone", "Asia/Tokyo"],
      ["search_path", "other"],
      ["application_name", "mine"],
      ["app.x", "custom"],
      ["app.packet", "of the packet"],
      ["DateStyle", "German, DMY"],
    ])
      expect(await talk.ask(`SHOW ${name}`), name).toEqual(["T", `D ${value}`, "C SHOW", "Z I"]);
    expect(await talk.ask("SELECT body FROM own WHERE id = 1")).toEqual([
      "T",
      "D of other",
      "C SELECT 1",
      "Z I",
    ]);
    expect(await talk.value("SELECT '2024-01-01 00:00Z'::timestamptz::text")).toBe("01.01.2024 09:00:00 JST");
    await talk.ask("RESET ALL");
    expect(await talk.value("SHOW application_name")).toBe("started");
    await talk.wire.close();
  },
  "N1: SET LOCAL of a block that has ended, and a SET that was rolled back, are not there": async (death) => {
    const talk = await connect();
    for (const sql of ["SET app.x = 'kept'", "BEGIN", "SET LOCAL app.x = 'local'", "COMMIT"])
      await talk.ask(sql);
    for (const sql of ["BEGIN", "SET app.x = 'undone'", "ROLLBACK"]) await talk.ask(sql);
    await death();
    expect(await talk.value("SHOW app.x")).toBe("kept");
    await talk.wire.close();
  },
  "N1: prepared statements of the extended protocol and of PREPARE": async (death) => {
    const talk = await connect();
    talk.send(
      parse("by_id", "SELECT body FROM stock WHERE id = $1"),
      parse("put", "UPDATE stock SET n = $2 WHERE id = $1"),
      parse("gone", "SELECT 1"),
    );
    talk.send(describeFrame("S", "by_id"), sync());
    expect(await talk.heard()).toEqual(["1", "1", "1", "t", "T", "Z I"]);
    await talk.ask("PREPARE named (int) AS SELECT body FROM stock WHERE id = $1");
    await talk.ask("DEALLOCATE gone");
    await death();
    for (const id of ["7", "8"]) {
      talk.send(bind("", "by_id", [id]), execute(""), sync());
      expect(await talk.heard()).toEqual(["2", `D body ${id}`, "C SELECT 1", "Z I"]);
    }
    talk.send(bind("", "put", ["91", "5"]), execute(""), bind("", "by_id", ["9"]), execute(""), sync());
    expect(await talk.heard()).toEqual(["2", "C UPDATE 1", "2", "D body 9", "C SELECT 1", "Z I"]);
    expect(await talk.ask("EXECUTE named(6)")).toEqual(["T", "D body 6", "C SELECT 1", "Z I"]);
    talk.send(bind("", "gone"), execute(""), sync());
    expect(await talk.heard()).toEqual(["E 26000", "Z I"]);
    talk.send(parse("by_id", "SELECT 1"), sync());
    expect(await talk.heard()).toEqual(["E 42P05", "Z I"]);
    await talk.wire.close();
  },
  "N1: an unnamed statement, described before and bound only afterwards": async (death) => {
    const talk = await connect();
    talk.send(parse("", "SELECT body, n FROM stock WHERE id = $1"), describeFrame("S", ""), sync());
    expect(await talk.heard()).toEqual(["1", "t", "T", "Z I"]);
    await death();
    talk.send(bind("", "", ["11"]), execute(""), sync());
    expect(await talk.heard()).toEqual(["2", "D body 11|0", "C SELECT 1", "Z I"]);
    await talk.wire.close();
  },
  "N1: a statement whose ParseComplete was seen is there, though its Sync was not sent": async (death) => {
    const talk = await connect();
    talk.send(parse("seen", "SELECT body FROM stock WHERE id = $1"), describeFrame("S", "seen"), flush());
    expect(await talk.heardTo("T")).toEqual(["1", "t", "T"]);
    await death();
    expect(await talk.heardTo("E")).toEqual(["E 40001"]);
    talk.send(bind("", "seen", ["11"]), execute(""), sync());
    expect(await talk.heard()).toEqual(["Z I"]);
    talk.send(bind("", "seen", ["11"]), execute(""), sync());
    expect(await talk.heard()).toEqual(["2", "D body 11", "C SELECT 1", "Z I"]);
    await talk.wire.close();
  },
  "N1: the key of before the hand-over cancels what runs after it": async (death) => {
    const talk = await connect();
    await death();
    await expectServed(talk);
    talk.send(query("SELECT pg_sleep(60)"));
    let lines: string[] | undefined;
    const answer = talk.heard().then((heard) => (lines = heard));
    while (lines === undefined) await talk.wire.cancel();
    await answer;
    expect(lines.filter((line) => line !== "T")).toEqual(["E 57014", "Z I"]);
    await talk.wire.close();
  },
  "N1: a Query of which only the first bytes were sent is skipped and gets one error": async (death) => {
    const talk = await connect();
    await expectServed(talk);
    const message = query(`UPDATE stock SET n = 1000 WHERE id = 92 -- ${"x".repeat(3000)}`);
    talk.send(message.subarray(0, 70));
    // The bytes are in the worker's hands when an answer to what another client sent later has come.
    await expectServed(await connect());
    await death();
    talk.send(Buffer.concat([message.subarray(70), query("SELECT n FROM stock WHERE id = 92")]));
    expect(await talk.heard(2)).toEqual(["E 40001", "Z I", "T", "D 0", "C SELECT 1", "Z I"]);
    await talk.wire.close();
  },
  "N1: a header of which two bytes were sent": async (death) => {
    const talk = await connect();
    const message = query("SELECT n FROM stock WHERE id = 92");
    talk.send(message.subarray(0, 2));
    await expectServed(await connect());
    await death();
    talk.send(message.subarray(2));
    const lines = await talk.heard();
    // Nothing of the statement was known: it runs, or it is refused; not both.
    expect([
      ["E 40001", "Z I"],
      ["T", "D 0", "C SELECT 1", "Z I"],
    ]).toContainEqual(lines);
    await expectServed(talk);
    await talk.wire.close();
  },
  "an encrypted session ends: its keys went with the worker": async (death) => {
    const client = new pg.Client({ ...cluster.client(), ssl: { rejectUnauthorized: false } });
    const ended = new Promise<void>((resolve) => client.once("end", resolve));
    client.on("error", () => {});
    await client.connect();
    expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    await death();
    await within("the end of an encrypted connection", ended);
  },
};

acrossDeath("idle", killServing, idle);

/** What the next statements of a session get whose block was open: not yet told, then told. */
const inBlock: Readonly<Record<string, Scenario>> = {
  "N2: the next statement of an open block hears of it once, the block waits for ROLLBACK": async (death) => {
    const talk = await openBlock(21);
    await death();
    expect(await talk.ask("SELECT n FROM stock WHERE id = 21")).toEqual(["E 40001", "Z E"]);
    expect(await talk.ask("SELECT n FROM stock WHERE id = 21")).toEqual(["E 25P02", "Z E"]);
    expect(await talk.ask("ROLLBACK")).toEqual(["C ROLLBACK", "Z I"]);
    await expectUndone(talk, 21);
  },
  "N2: COMMIT of such a block fails, and ends it": async (death) => {
    const talk = await openBlock(22);
    await death();
    expect(await talk.ask("COMMIT")).toEqual(["E 40001", "Z I"]);
    await expectUndone(talk, 22);
  },
  "N2: COMMIT by the extended protocol": async (death) => {
    const talk = await openBlock(23);
    talk.send(parse("done", "COMMIT"), sync());
    expect(await talk.heard()).toEqual(["1", "Z T"]);
    await death();
    talk.send(bind("", "done"), execute(""), sync());
    expect((await talk.heard()).filter((line) => line !== "2")).toEqual(["E 40001", "Z I"]);
    await expectUndone(talk, 23);
  },
  "N2: COMMIT AND CHAIN opens no block that the client would take for committed": async (death) => {
    const talk = await openBlock(24);
    await death();
    expect(await talk.ask("COMMIT AND CHAIN")).toEqual(["E 40001", "Z I"]);
    await expectUndone(talk, 24);
  },
  "N2: several statements in one string, COMMIT among them": async (death) => {
    const talk = await openBlock(25);
    await death();
    expect(await talk.ask("UPDATE stock SET n = 9 WHERE id = 25; COMMIT")).toEqual(["E 40001", "Z E"]);
    expect(await talk.ask("COMMIT")).toEqual(["C ROLLBACK", "Z I"]);
    await expectUndone(talk, 25);
  },
  "N2: ROLLBACK as the next statement succeeds": async (death) => {
    const talk = await openBlock(26);
    await death();
    expect(await talk.ask("ROLLBACK")).toEqual(["C ROLLBACK", "Z I"]);
    await expectUndone(talk, 26);
  },
  "N2: a savepoint of the lost block is no way back into it": async (death) => {
    const talk = await openBlock(27);
    expect(await talk.ask("SAVEPOINT here")).toEqual(["C SAVEPOINT", "Z T"]);
    await death();
    expect(await talk.ask("ROLLBACK TO here")).toEqual(["E 40001", "Z E"]);
    expect((await talk.ask("ROLLBACK TO here")).at(-1)).toBe("Z E");
    expect(await talk.ask("UPDATE stock SET n = 9 WHERE id = 27")).toEqual(["E 25P02", "Z E"]);
    expect(await talk.ask("COMMIT")).toEqual(["C ROLLBACK", "Z I"]);
    await expectUndone(talk, 27);
  },
  "N2: the extended protocol in an open block: one error, then skipped until Sync": async (death) => {
    const talk = await openBlock(28);
    talk.send(parse("put", "UPDATE stock SET n = 9 WHERE id = $1"), sync());
    expect(await talk.heard()).toEqual(["1", "Z T"]);
    await death();
    talk.send(bind("", "put", ["28"]), execute(""), bind("", "put", ["28"]), execute(""), sync());
    expect((await talk.heard()).filter((line) => line !== "2")).toEqual(["E 40001", "Z E"]);
    talk.send(bind("", "put", ["28"]), execute(""), sync());
    expect((await talk.heard()).filter((line) => line !== "2")).toEqual(["E 25P02", "Z E"]);
    expect(await talk.ask("ROLLBACK")).toEqual(["C ROLLBACK", "Z I"]);
    await expectUndone(talk, 28);
  },
  "N2: a failed block stays failed": async (death) => {
    const talk = await openBlock(29);
    expect(await talk.ask("SELECT 1 / 0 FROM stock")).toEqual(expect.arrayContaining(["E 22012", "Z E"]));
    await death();
    expect(await talk.ask("SELECT 1")).toEqual(["E 25P02", "Z E"]);
    expect(await talk.ask("COMMIT")).toEqual(["C ROLLBACK", "Z I"]);
    await expectUndone(talk, 29);
  },
  "N3: row locks of a block are gone, though its client says nothing": async (death) => {
    const talk = await openBlock(30);
    await death();
    const other = await connect();
    const asked = Date.now();
    expect(await other.ask("UPDATE stock SET n = n + 1 WHERE id = 30")).toEqual(["C UPDATE 1", "Z I"]);
    expect(Date.now() - asked).toBeLessThan(LOCKS_GONE_MS);
    expect(await talk.ask("COMMIT")).toEqual(["E 40001", "Z I"]);
    expect(await talk.value("SELECT n FROM stock WHERE id = 30")).toBe("1");
  },
  ...Object.fromEntries(
    [
      ["a temporary table", "CREATE TEMP TABLE passing AS SELECT 1 AS a"],
      ["a cursor WITH HOLD", "DECLARE held CURSOR WITH HOLD FOR SELECT id FROM stock ORDER BY id"],
      ["LISTEN", "LISTEN news"],
      ["a session's advisory lock", "SELECT pg_advisory_lock(4711)"],
    ].map(([what, sql]): [string, Scenario] => [
      `a session with ${what} ends and hears why`,
      async (death) => {
        const talk = await connect();
        expect((await talk.ask(sql!)).at(-1)).toBe("Z I");
        await expectServed(talk);
        await death();
        const words = await talk.lastWords();
        expect(words.map(({ type }) => type)).toEqual(["E"]);
        expect(words[0]!.body.toString()).toContain("FATAL");
        expect(readError(words[0]!.body)).toMatchObject({
          sqlstate: "57P02",
          detail: expect.stringContaining("temporary tables"),
        });
      },
    ]),
  ),
};

async function openBlock(id: number): Promise<Talk> {
  const talk = await connect();
  expect(await talk.ask("BEGIN")).toEqual(["C BEGIN", "Z T"]);
  // On both nodes, so that there is something to be prepared.
  expect(await talk.ask(`UPDATE stock SET n = 7 WHERE id = ${id}`)).toEqual(["C UPDATE 1", "Z T"]);
  expect(
    await talk.ask(
      `INSERT INTO stock SELECT i, 7, 'of a lost block' FROM generate_series(${id}00, ${id}07) AS i`,
    ),
  ).toEqual(["C INSERT 0 8", "Z T"]);
  return talk;
}

/** Nothing of the block is there, and its row is free at once. */
async function expectUndone(talk: Talk, id: number): Promise<void> {
  const there = `SELECT count(*) FROM stock WHERE id = ${id} AND n <> 0 OR id BETWEEN ${id}00 AND ${id}07`;
  expect(await talk.value(there)).toBe("0");
  const asked = Date.now();
  expect(await talk.ask(`UPDATE stock SET n = 0 WHERE id = ${id}`)).toEqual(["C UPDATE 1", "Z I"]);
  expect(Date.now() - asked).toBeLessThan(LOCKS_GONE_MS);
  await talk.wire.close();
}

acrossDeath("idle in a block, or with what lives on a server", killServing, inBlock);

test("afterwards nothing is prepared, and the advisory lock is free", async () => {
  await until("nothing is prepared", async () => (await preparedAnywhere(cluster)).length === 0);
  const talk = await connect();
  await until(
    "the advisory lock is free",
    async () => (await talk.value("SELECT pg_try_advisory_lock(4711)")) === "t",
  );
  await talk.wire.close();
});

test("N1: a session lives on through several kills, its statements and settings with it", async () => {
  const talk = await connect();
  await talk.ask("SET app.x = 'still there'");
  talk.send(parse("by_id", "SELECT body FROM stock WHERE id = $1"), sync());
  await talk.heard();
  const served = new Set<number>();
  for (let round = 1; round <= 3; round++) {
    await node.whenComplete();
    const owner = node.ownerOf(talk.wire);
    served.add(owner.pid);
    await node.kill(owner);
    talk.send(bind("", "by_id", [String(round)]), execute(""), sync());
    expect(await talk.heard()).toEqual(["2", `D body ${round}`, "C SELECT 1", "Z I"]);
    expect(await talk.value("SHOW app.x")).toBe("still there");
  }
  expect(served.size).toBe(3);
  await talk.wire.close();
});

test("connections that come while no worker is ready are served, and idle sessions wait for one", async () => {
  await node.whenComplete();
  const old = await connect();
  await Promise.all(node.of("worker").map((worker) => node.kill(worker)));
  const fresh = await Promise.all(Array.from({ length: 8 }, () => connect()));
  for (const talk of [old, ...fresh]) {
    await expectServed(talk);
    await talk.wire.close();
  }
});
