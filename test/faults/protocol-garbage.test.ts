/** Bytes that no driver would send: the sender gets an error or is cut off, nobody else notices (S13). */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RandomSource } from "../oracle/random-source.ts";
import { copyData, frame, int32, query, startup } from "../wire/frames.ts";
import { Client, leftBehind, startTestServers, type TestServers } from "./fault-servers.ts";

let servers: TestServers;
let bystander: Client;

beforeAll(async () => {
  servers = await startTestServers();
  bystander = await Client.connect(servers.subject);
});

afterAll(async () => {
  await bystander?.close();
  await servers?.stop();
});

async function othersAreServed(): Promise<void> {
  expect(await bystander.value("SELECT 1")).toBe("1");
  const next = await Client.connect(servers.subject);
  expect(await next.value("SELECT 2")).toBe("2");
  await next.close();
}

/** Sends bytes on a new socket and waits until the server has closed it, or gives up. */
async function closedAfter(bytes: readonly Buffer[], patienceMs = 3000): Promise<boolean> {
  const socket: Socket = connect(servers.subject.port, servers.subject.host);
  const closed = new Promise<boolean>((resolve) => {
    socket.on("error", () => resolve(true));
    socket.on("close", () => resolve(true));
  });
  socket.on("data", () => {});
  for (const part of bytes) socket.write(part);
  const answer = await Promise.race([closed, sleep(patienceMs).then(() => false)]);
  socket.destroy();
  return answer;
}

const random = new RandomSource(13);
const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random.int(0, 255)));

describe("before the start of a session", () => {
  const starts: Readonly<Record<string, Buffer>> = {
    "a negative length": int32(-5),
    "a length of zero": int32(0),
    "a length of a gigabyte": Buffer.concat([int32(1_000_000_000), Buffer.alloc(1000)]),
    "an unknown protocol": Buffer.concat([int32(8), int32(0x7fff0000)]),
    "parameters without end": Buffer.concat([int32(20), int32(196608), Buffer.from("user\0postgre")]),
    "an HTTP request": Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "no user": startup({ database: "postgres" }),
    "a database that is not there": startup({ user: "postgres", database: "nothing" }),
  };
  for (const [what, bytes] of Object.entries(starts)) {
    test(`${what}: closed (S13)`, async () => {
      expect(await closedAfter([bytes])).toBe(true);
      await othersAreServed();
    });
  }

  test("many silent connections do not keep others out (S13)", async () => {
    const sockets = Array.from({ length: 50 }, () => connect(servers.subject.port, servers.subject.host));
    for (const socket of sockets) socket.on("error", () => {});
    await othersAreServed();
    for (const socket of sockets) socket.destroy();
  });
});

describe("in a session", () => {
  const frames: Readonly<Record<string, Buffer>> = {
    "an unknown message": frame("!", Buffer.from("what")),
    "a negative length": Buffer.concat([Buffer.from("Q"), int32(-1)]),
    "a length shorter than itself": Buffer.concat([Buffer.from("Q"), int32(3)]),
    "a query without its end": frame("Q", Buffer.from("SELECT 1")),
    "a Bind cut short": frame("B", Buffer.from("\0\0")),
    "a Parse cut short": frame("P", Buffer.from("x")),
    "a Describe of nothing known": frame("D", Buffer.from("Zx\0")),
    "COPY data where none is wanted": copyData(Buffer.from("1\n")),
    "a password where none is wanted": frame("p", "secret"),
    "an empty function call": frame("F"),
    noise: noise(300),
  };
  for (const [what, bytes] of Object.entries(frames)) {
    test(`${what}: an error or the end, and nobody else notices (S13)`, async () => {
      const client = await Client.connect(servers.subject);
      await client.ask("BEGIN");
      client.wire.send(bytes);
      client.wire.send(query("SELECT 3"), frame("S"));
      await Promise.race([client.wire.until("Z").catch(() => []), sleep(1000)]);
      client.wire.vanish();
      await othersAreServed();
      expect(await leftBehind(servers)).toEqual([]);
    });
  }
});
