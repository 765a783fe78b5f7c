/** A client that vanishes in the middle of anything leaves nothing behind: no transaction, no lock, no half COPY (S7, N3). */
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyLines, runSql } from "../../bench/run-sql.ts";
import { bind, copyData, execute, parse, query, startup } from "../wire/frames.ts";
import { Client, leftBehind, startTestServers, type TestServers } from "./fault-servers.ts";

let servers: TestServers;

beforeAll(async () => {
  servers = await startTestServers();
  const clause = servers.clause("DISTRIBUTE BY HASH (id)");
  await runSql(servers.subject, `CREATE TABLE stock (id int PRIMARY KEY, amount int, body text)${clause}`);
  const lines = Array.from({ length: 5000 }, (_, id) => `${id}\t1\tbody of row ${id}\n`);
  await copyLines(servers.subject, "stock", lines);
});

afterAll(async () => {
  await servers?.stop();
});

async function stockIsUntouched(): Promise<void> {
  expect(await leftBehind(servers)).toEqual([]);
  const client = await Client.connect(servers.subject);
  expect((await client.ask("SELECT count(*), sum(amount) FROM stock")).rows).toEqual([["5000", "5000"]]);
  await client.close();
}

test("in the middle of COPY FROM", async () => {
  const client = await Client.connect(servers.subject);
  client.wire.send(query("COPY stock FROM STDIN"));
  await client.wire.until("G");
  for (let id = 10_000; id < 12_000; id++) client.wire.send(copyData(Buffer.from(`${id}\t1\tnew\n`)));
  // Half a line, half a message.
  client.wire.send(copyData(Buffer.from("12000\t1\tha")).subarray(0, 9));
  await sleep(200);
  client.wire.vanish();
  await stockIsUntouched();
});

test("in a transaction over several nodes", async () => {
  const client = await Client.connect(servers.subject);
  for (const sql of [
    "BEGIN",
    "UPDATE stock SET amount = 7",
    "SAVEPOINT s",
    "DELETE FROM stock WHERE id < 100",
  ]) {
    expect((await client.ask(sql)).error).toBeUndefined();
  }
  client.wire.vanish();
  await stockIsUntouched();
});

test("in a failed transaction", async () => {
  const client = await Client.connect(servers.subject);
  await client.ask("BEGIN");
  await client.ask("UPDATE stock SET amount = 7 WHERE id < 50");
  expect((await client.ask("SELECT 1 / 0")).error?.sqlstate).toBe("22012");
  client.wire.vanish();
  await stockIsUntouched();
});

test("while a writing statement runs", async () => {
  const client = await Client.connect(servers.subject);
  await client.ask("BEGIN");
  client.wire.send(query("UPDATE stock SET amount = 7, body = body || repeat('x', 1000)"));
  await sleep(30);
  client.wire.vanish();
  await stockIsUntouched();
});

test("in the middle of a large result", async () => {
  const client = await Client.connect(servers.subject);
  client.wire.send(query("SELECT s.id, repeat(s.body, 20) FROM stock s CROSS JOIN generate_series(1, 500)"));
  await client.wire.until("D");
  client.wire.vanish();
  await stockIsUntouched();
});

test("in the middle of a large ordered result", async () => {
  const client = await Client.connect(servers.subject);
  client.wire.send(
    query(
      "SELECT a.id, b.body FROM stock a JOIN stock b ON b.id % 500 = a.id % 500 ORDER BY b.body, a.id, b.id",
    ),
  );
  await client.wire.until("D", "Z");
  client.wire.vanish();
  await stockIsUntouched();
});

test("in the middle of COPY TO", async () => {
  const client = await Client.connect(servers.subject);
  client.wire.send(
    query("COPY (SELECT repeat(body, 50) FROM stock CROSS JOIN generate_series(1, 100)) TO STDOUT"),
  );
  await client.wire.until("d");
  client.wire.vanish();
  await stockIsUntouched();
});

test("with an open cursor", async () => {
  const client = await Client.connect(servers.subject);
  await client.ask("BEGIN");
  await client.ask("DECLARE c CURSOR FOR SELECT * FROM stock ORDER BY id");
  expect((await client.ask("FETCH 5 FROM c")).rows).toHaveLength(5);
  client.wire.vanish();
  await stockIsUntouched();
});

test("in a pipeline without Sync", async () => {
  const client = await Client.connect(servers.subject);
  client.wire.send(parse("", "UPDATE stock SET amount = 9 WHERE id = $1"), bind("", "", ["3"]), execute(""));
  client.wire.send(parse("", "UPDATE stock SET amount = 9 WHERE id = $1"), bind("", "", ["4"]), execute(""));
  await sleep(200);
  client.wire.vanish();
  await stockIsUntouched();
});

test("while it waits for a lock", async () => {
  const holder = await Client.connect(servers.subject);
  await holder.ask("BEGIN");
  await holder.ask("UPDATE stock SET amount = amount WHERE id = 5");
  const waiter = await Client.connect(servers.subject);
  // In a block: outside of one PostgreSQL itself may notice too late, and the statement stands.
  await waiter.ask("BEGIN");
  waiter.wire.send(query("UPDATE stock SET amount = 8 WHERE id = 5"));
  await sleep(300);
  waiter.wire.vanish();
  await sleep(200);
  await holder.ask("ROLLBACK");
  await holder.close();
  await stockIsUntouched();
});

test("half closed: the end of input ends the session", async () => {
  const client = await Client.connect(servers.subject);
  await client.ask("BEGIN");
  await client.ask("UPDATE stock SET amount = 7 WHERE id < 50");
  client.wire.socket.end();
  await stockIsUntouched();
});

test("during start-up", async () => {
  const { host, port, user, database } = servers.subject;
  for (const bytes of [
    startup({ user, database }),
    startup({ user, database }).subarray(0, 6),
    Buffer.alloc(0),
  ]) {
    const socket = connect(port, host);
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write(bytes);
    socket.resetAndDestroy();
  }
  await stockIsUntouched();
});
