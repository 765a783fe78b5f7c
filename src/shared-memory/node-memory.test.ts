import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createZeroed } from "./mapping.ts";
import { NodeMemory } from "./node-memory.ts";
import type { MemoryRequest, Seen } from "./testing/memory-peer.ts";

const root = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(root, "pleiad-memory-test-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("another process", () => {
  let peer: ChildProcess;

  async function startPeer(): Promise<void> {
    const script = fileURLToPath(new URL("./testing/memory-peer.ts", import.meta.url));
    peer = fork(script, [directory], { execArgv: ["--import", "tsx"] });
    await once(peer, "message");
  }

  async function ask(request: MemoryRequest): Promise<Seen> {
    peer.send(request);
    const [seen] = (await once(peer, "message")) as [Seen];
    return seen;
  }

  afterEach(async () => {
    const gone = once(peer, "exit");
    peer.kill("SIGKILL");
    await gone;
  });

  test("N1: sees what this one stores, this one what that stores, and it stays when that is killed", async () => {
    const memory = NodeMemory.create(directory, { sessions: 10 });
    const definitions = memory.definitions.of("shop", 0, 1);
    const ids = Array.from({ length: 10 }, () => memory.sessions.allot()!);
    await startPeer();
    memory.processes.begin(0, "listener", 0);
    definitions.advance();
    const last = ids.at(-1)!;
    memory.sessions.setOwner(last, 7);
    memory.sessions.conversation(last).begin(5, 6, 0x49, false);
    const look = await ask({ do: "look", session: last });
    expect(look).toEqual({ processes: ["listener"], version: 1, owner: 7, read: 5 });

    await ask({ do: "write", session: last });
    const gone = once(peer, "exit");
    peer.kill("SIGKILL");
    await gone;
    expect(definitions.version).toBe(2);
    expect(memory.sessions.owner(last)).toBe(42);
    expect(memory.sessions.conversation(last).state()).toMatchObject({
      dirty: true,
      read: 1_000_000_000_005,
    });
    await startPeer();
    expect(await ask({ do: "look", session: last })).toMatchObject({ version: 2, owner: 42 });
  });
});

test("what a dead node left is made anew, also of another size", () => {
  const dead = NodeMemory.create(directory, { sessions: 10 });
  const id = dead.sessions.allot()!;
  dead.sessions.activate(id, 0, 1_000)!;
  dead.processes.begin(0, "worker", 0);
  dead.definitions.of("shop", 0, 1).beginCommit();
  const memory = NodeMemory.create(directory, { sessions: 20 });
  expect(memory.sessions.capacity).toBe(20);
  expect(memory.sessions.taken()).toEqual([]);
  expect(memory.sessions.active).toBe(0);
  expect(memory.processes.entries()).toEqual([]);
  expect(memory.definitions.of("shop", 0, 2).committing).toBe(false);
  // A process of the dead node that still runs has its own file, and does not write into the new one.
  dead.sessions.allot();
  expect(memory.sessions.taken()).toEqual([]);
});

test("it is the owner's alone, and as large as its maker said", () => {
  NodeMemory.create(directory, { sessions: 10 });
  const { mode, size, blocks } = statSync(join(directory, "node-memory"));
  expect(mode & 0o777).toBe(0o600);
  // Every page is there: none can be missing when a process touches it.
  if (process.platform === "linux") expect(blocks * 512).toBeGreaterThanOrEqual(size);
  expect(NodeMemory.open(directory).sessions.capacity).toBe(10);
});

describe("a file that is not what a supervisor of this version made", () => {
  test.each([
    ["another program's", 0],
    ["another layout's", 4],
  ])("%s is refused", (_, at) => {
    NodeMemory.create(directory, { sessions: 10 });
    const path = join(directory, "node-memory");
    const bytes = readFileSync(path);
    bytes.writeInt32LE(bytes.readInt32LE(at) + 1, at);
    writeFileSync(path, bytes);
    expect(() => NodeMemory.open(directory)).toThrow("is not the shared memory of this version");
  });

  test("none at all is refused", () => {
    expect(() => NodeMemory.open(directory)).toThrow("ENOENT");
  });
});

test("a directory that cannot be written is the operating system's error", () => {
  expect(() => createZeroed(join(directory, "no", "such"), 10)).toThrow("ENOENT");
  writeFileSync(join(directory, "file"), "");
  expect(() => NodeMemory.create(join(directory, "file", "memory"), { sessions: 1 })).toThrow("ENOTDIR");
});
