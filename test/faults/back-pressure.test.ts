/** A client that stops reading holds its servers back: the coordinator's memory stays flat, and others are served (S12). */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { residentBytes } from "../../bench/process-memory.ts";
import { copyLines, runSql } from "../../bench/run-sql.ts";
import { query } from "../wire/frames.ts";
import { Client, leftBehind, startTestServers, type TestServers } from "./fault-servers.ts";

const STOPPED_MS = 4000;
const GROWTH_BYTES_MAX = 100e6;

let servers: TestServers;

beforeAll(async () => {
  servers = await startTestServers();
  const clause = servers.clause("DISTRIBUTE BY HASH (id)");
  await runSql(servers.subject, `CREATE TABLE stock (id int PRIMARY KEY, body text)${clause}`);
  await copyLines(
    servers.subject,
    "stock",
    Array.from({ length: 5000 }, (_, id) => `${id}\tbody ${id}\n`),
  );
});

afterAll(async () => {
  await servers?.stop();
});

const RESULTS = {
  "rows of several nodes":
    "SELECT s.id, repeat(s.body, 100) FROM stock s CROSS JOIN generate_series(1, 2000)",
  "rows of one node":
    "SELECT s.id, repeat(s.body, 100) FROM stock s CROSS JOIN generate_series(1, 5000000) WHERE s.id = 7",
  "rows of a compute node":
    "SELECT a.id, repeat(b.body, 100) FROM stock a JOIN stock b ON b.id % 5 = a.id % 5",
  "COPY TO":
    "COPY (SELECT s.id, repeat(s.body, 100) FROM stock s CROSS JOIN generate_series(1, 2000)) TO STDOUT",
};

for (const [what, sql] of Object.entries(RESULTS)) {
  test(`${what}: a stopped reader does not fill the memory (S12)`, async () => {
    const pids = servers.cluster?.coordinatorPids() ?? [process.pid];
    const reader = await Client.connect(servers.subject);
    reader.wire.send(query(sql));
    await reader.wire.until("D", "d");
    reader.wire.socket.pause();
    const before = residentBytes(pids) ?? 0;
    let peak = before;
    for (const end = Date.now() + STOPPED_MS; Date.now() < end; await sleep(100)) {
      peak = Math.max(peak, residentBytes(pids) ?? 0);
    }
    const other = await Client.connect(servers.subject);
    const start = Date.now();
    expect(await other.value("SELECT body FROM stock WHERE id = 3")).toBe("body 3");
    expect(Date.now() - start).toBeLessThan(1000);
    await other.close();
    expect(peak - before).toBeLessThan(GROWTH_BYTES_MAX);
    reader.wire.vanish();
    expect(await leftBehind(servers)).toEqual([]);
  });
}

test("a writer that is faster than the servers is held back (S12)", async () => {
  await runSql(
    servers.subject,
    `CREATE TABLE filled (id int, body text)${servers.clause("DISTRIBUTE BY HASH (id)")}`,
  );
  const pids = servers.cluster?.coordinatorPids() ?? [process.pid];
  const before = residentBytes(pids) ?? 0;
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, residentBytes(pids) ?? 0)), 50);
  await copyLines(servers.subject, "filled", filledLines());
  clearInterval(watch);
  // Measured on this process when the subject is a plain PostgreSQL: then it says nothing.
  if (servers.cluster) expect(peak - before).toBeLessThan(GROWTH_BYTES_MAX);
  const client = await Client.connect(servers.subject);
  expect(await client.value("SELECT count(*) FROM filled")).toBe("200000");
  await client.close();
});

function* filledLines(): Generator<string> {
  const body = "x".repeat(1000);
  for (let id = 0; id < 200_000; id++) yield `${id}\t${body}\n`;
}
