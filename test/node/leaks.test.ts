/** Thousands of clients that come and go leave nothing behind in any process of the node: no record, no file, no memory (N3). bench/ has the long version. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { proportionalBytes } from "../../bench/process-memory.ts";
import { runSql } from "../../bench/run-sql.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { leftBehind } from "../faults/fault-servers.ts";
import { comeAndGo } from "./coming-clients.ts";
import { NodeProcesses, openFiles, until } from "./node-cluster.ts";

const CLIENTS = 3_000;
const AT_ONCE = 16;
const READ = "SELECT n FROM goods WHERE id = 3";
/** Heaps breathe; what a client leaves for good shows all the same: a kilobyte of each would be 3 MB, a session of each 50 MB. */
const GROWTH_BYTES_MAX = 40e6;

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({ set: { "log.level": "warn" } });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE goods (id int PRIMARY KEY, n int) DISTRIBUTE BY HASH (id)",
    "INSERT INTO goods SELECT i, i FROM generate_series(1, 10) AS i",
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

test("N3: clients that say good-bye, vanish, close one side or stop in their log-in leave records, files and memory as they were", async () => {
  const pids = cluster.coordinatorPids();
  const files = () => pids.map((pid) => openFiles(pid).length);
  const nobody = () => until("nobody is there", () => node.takenRecords === 0);
  // Connections to servers are opened first, and heaps grow to what they need.
  await comeAndGo(cluster.client(), READ, CLIENTS, AT_ONCE);
  await nobody();
  const before = { files: files(), bytes: proportionalBytes(pids) };
  await comeAndGo(cluster.client(), READ, CLIENTS, AT_ONCE);
  await nobody();
  const few = 8;
  await until("no more is open than before", () => files().every((now, i) => now <= before.files[i]! + few));
  const bytes = proportionalBytes(pids);
  if (bytes !== undefined) expect(bytes - before.bytes!).toBeLessThan(GROWTH_BYTES_MAX);
  expect(cluster.coordinatorPids()).toEqual(pids);
  expect(await leftBehind({ cluster, subject: cluster.client() })).toEqual([]);
});
