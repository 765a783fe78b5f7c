/** Real sockets: what one side sends, the other gets, whole and in order. */
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pgError } from "../errors/pg-error.ts";
import { MAXVALUE } from "../catalog/snapshot.ts";
import type { DependentTask } from "../execute/dependent-task.ts";
import {
  canHaveSockets,
  decodeEnd,
  decodeProgress,
  decodeTask,
  encodeEnd,
  encodeProgress,
  encodeTask,
  executorSocket,
  TaskFrame,
  TaskLink,
} from "./task-link.ts";

let directory: string;
let server: net.Server;
let accepted: Promise<net.Socket>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "pleiad-link-"));
  server = net.createServer();
  accepted = new Promise((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(executorSocket(directory, 127), resolve));
});

afterAll(() => {
  server?.close();
  rmSync(directory, { recursive: true });
});

test("a directory whose sockets the operating system would not take is told before", () => {
  expect(canHaveSockets(directory)).toBe(true);
  expect(canHaveSockets(join(directory, "x".repeat(100)))).toBe(false);
});

test("frames of any size arrive whole and in order; who does not read holds back who writes", async () => {
  const client = new TaskLink(net.connect({ path: executorSocket(directory, 127) }));
  const socket = await accepted;
  const other = new TaskLink(socket);
  const sizes = [0, 1, 5, 70_000, 3_000_000, 0, 12];
  const got: [number, number, boolean][] = [];
  const done = new Promise<void>((resolve) =>
    client.listen((type, buffer, start, end) => {
      const body = buffer.subarray(start, end);
      got.push([type, body.length, body.every((byte) => byte === body.length % 251)]);
      if (got.length === sizes.length) resolve();
    }),
  );
  client.pause();
  const taken = sizes.map((size) => other.send(TaskFrame.answer, Buffer.alloc(size, size % 251)));
  expect(taken.at(-1)).toBe(false);
  const drained = new Promise<void>((resolve) => other.on("drain", resolve));
  client.resume();
  await Promise.all([done, drained]);
  expect(got).toEqual(sizes.map((size) => [TaskFrame.answer, size, true]));
  const closed = new Promise<void>((resolve) => client.on("close", resolve));
  socket.destroy();
  await closed;
});

test("tasks, progress and ends arrive as they were", () => {
  const progress = { phase: "running", rows: 2 ** 40 } as const;
  expect(decodeProgress(encodeProgress(progress.phase, progress.rows), 0)).toEqual(progress);
  const task = {
    user: "u",
    database: "d",
    settings: new Map([["TimeZone", "UTC"]]),
    version: 7,
    snapshot: { dataNodes: ["dn1"], userTypes: new Map() },
    statement: { text: Buffer.from("SELECT 1"), charactersBefore: 3 },
    general: {
      target: "compute",
      readsCatalogs: false,
      tables: [{ relation: { distribution: { kind: "range", slices: [{ lessThan: [MAXVALUE] }] } } }],
      splices: [{ start: 1, end: 2, text: "x" }],
      correlated: false,
    },
    run: { bind: undefined, parameterTypes: [23], fields: undefined },
  } as unknown as DependentTask;
  expect(decodeTask(encodeTask(task)!)).toEqual(task);
  const end = { error: pgError("22012", "division by zero", { position: 4 }), dropped: true } as const;
  const back = decodeEnd(encodeEnd(end));
  expect(back.error?.fields).toEqual(end.error.fields);
  expect(back.dropped).toBe(true);
});
