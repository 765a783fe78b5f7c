/** The node's shared memory when something is wrong with it at the start (N5): what a dead node left, another node's, or no room. */
import { execFile } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { clusterPaths } from "../../src/operations/cluster-paths.ts";
import { findServerProcesses } from "../../src/operations/server-processes.ts";
import { pleiad } from "../cluster/pleiad-command.ts";
import { mayMount, withSharedMemory } from "../cluster/shared-memory-size.ts";
import { temporaryDirectory } from "../cluster/temporary-directory.ts";
import {
  cleanEnvironment,
  pleiadCommand,
  startTestCluster,
  type TestCluster,
} from "../cluster/test-cluster.ts";
import { Talk } from "./across-death.ts";
import { isAlive, NodeProcesses, until } from "./node-cluster.ts";

let cluster: TestCluster;
let node: NodeProcesses;
let directory: string;

beforeAll(async () => {
  cluster = await startTestCluster();
  node = new NodeProcesses(cluster);
  directory = clusterPaths(cluster.data, 0).nodeMemory;
  await runSql(
    cluster.client(),
    "CREATE TABLE goods (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)",
    "INSERT INTO goods SELECT generate_series(1, 20)",
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

const filesIn = (at: string): string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const DAMAGE: Readonly<Record<string, (file: string) => void>> = {
  "left as it was": () => {},
  "overwritten with garbage": (file) => writeFileSync(file, Buffer.alloc(statSync(file).size, 0xa5)),
  "cut off in the middle": (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
};

test.each(Object.entries(DAMAGE))(
  "N5: the memory of a node that was killed, %s: made anew at the next start",
  async (_, damage) => {
    await node.whenComplete();
    const talk = await Talk.connect(cluster.client());
    await talk.ask("SET TimeZone = 'Asia/Tokyo'");
    const processes = node.all();
    const supervisor = cluster.state().coordinator.pid;
    cluster.kill("coordinator");
    await until("the node has ended", () =>
      [supervisor, ...processes.map(({ pid }) => pid)].every((pid) => !isAlive(pid)),
    );
    const left = filesIn(directory);
    expect(left.length).toBeGreaterThan(1);
    for (const file of left) damage(file);
    await cluster.start();
    node.startedAgain();
    await node.whenComplete();
    expect(node.takenRecords).toBe(0);
    const next = await Talk.connect(cluster.client());
    expect(await next.value("SELECT count(*) FROM goods")).toBe("20");
    expect(await next.value("SHOW TimeZone")).not.toBe("Asia/Tokyo");
    await next.wire.close();
  },
);

test("N5: a second node on the same directory is refused, and the first one's memory is untouched", async () => {
  await node.whenComplete();
  const talk = await Talk.connect(cluster.client());
  await talk.ask("SET TimeZone = 'Asia/Tokyo'");
  const inodes = () => filesIn(directory).map((file) => statSync(file).ino);
  const before = inodes();
  const second = await pleiad("up", "--foreground", "--data", cluster.data, "--port", "0");
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`in use by process ${cluster.state().coordinator.pid}`);
  expect(inodes()).toEqual(before);
  // What the session has there is still found by the worker that goes on with it.
  await node.kill(node.ownerOf(talk.wire));
  expect(await talk.value("SHOW TimeZone")).toBe("Asia/Tokyo");
  await talk.wire.close();
});

/** What finds no room first, by the size of /dev/shm: PostgreSQL takes a megabyte of it for each server. */
const TOO_SMALL = [
  ["1m", "initdb failed: could not resize shared memory segment"],
  ["3m", /server \w+ did not start: could not resize shared memory segment/],
  ["6m", "no room for the memory that the coordinator's processes share, in /dev/shm/"],
] as const;

test.skipIf(!mayMount()).each(TOO_SMALL)(
  "N5: a /dev/shm of %s is full: the start fails with a clean error and leaves nothing",
  async (size, message) => {
    const home = temporaryDirectory("full");
    const data = join(home, "data");
    try {
      const up = [process.execPath, ...pleiadCommand(), "up", "--foreground", "--data", data, "--port", "0"];
      const said = await new Promise<string>((resolve, reject) => {
        const [program, ...args] = withSharedMemory(size, [...up, "--set", "server.fsync=false"]);
        execFile(program!, args, { env: cleanEnvironment(), timeout: 60_000 }, (error, _, stderr) =>
          error?.code === 1 ? resolve(stderr) : reject(error ?? new Error("it serves")),
        );
      });
      expect(said).toMatch(message);
      expect(said).toContain("or make it larger (in a container: --shm-size).");
      expect(said).not.toMatch(/^\s+at /m);
      const instances = join(data, "instances");
      expect(findServerProcesses(readdirSync(instances).map((name) => join(instances, name)))).toEqual([]);
      const state = join(data, "run", "state.json");
      if (existsSync(state)) expect(readFileSync(state, "utf8")).not.toContain('"coordinator"');
    } finally {
      await pleiad("destroy", "--yes", "--data", data);
      rmSync(home, { recursive: true, force: true });
    }
  },
);
