/** What the node shows of itself in SQL, and what becomes of a process that does not turn (row N9). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { query } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { isAlive, NodeProcesses, until } from "./node-cluster.ts";

/** It is killed after 15 s without a sign. */
const SILENT_MS_MAX = 40_000;

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({ set: { session_workers: "1" } });
  node = new NodeProcesses(cluster);
});

afterAll(async () => {
  await cluster?.destroy();
});

test("pleiad.processes and pleiad.activity show every process and every session as they are", async () => {
  const looking = await Talk.connect(cluster.client(), { application_name: "looks" });
  const block = await Talk.connect(cluster.client());
  const failed = await Talk.connect(cluster.client());
  await block.ask("BEGIN");
  await failed.ask("BEGIN");
  await failed.ask("SELECT 1 / 0");
  expect(
    await looking.ask("SELECT kind, count(*), sum(sessions) FROM pleiad.processes GROUP BY 1 ORDER BY 1"),
  ).toEqual(["T", "D listener|1|0", "D transactions|1|0", "D worker|2|3", "C SELECT 3", "Z I"]);
  expect(
    await looking.ask(
      `SELECT a.usename, a.datname, a.application_name, a.state, p.kind FROM pleiad.activity a
         JOIN pleiad.processes AS p ON p.pid = a.process ORDER BY a.state`,
    ),
  ).toEqual([
    "T",
    "D postgres|postgres|looks|active|worker",
    "D postgres|postgres||idle in transaction|worker",
    "D postgres|postgres||idle in transaction (aborted)|worker",
    "C SELECT 3",
    "Z I",
  ]);
  await Promise.all([looking, block, failed].map((talk) => talk.wire.close()));
});

test("N9: a worker that was stopped is killed, and does nothing when it goes on; its sessions are served", async () => {
  const talk = await Talk.connect(cluster.client());
  await talk.ask("SET TimeZone = 'Asia/Tokyo'");
  const worker = node.ownerOf(talk.wire);
  process.kill(worker.pid, "SIGSTOP");
  // Nobody has read this: it is not lost.
  const answer = talk.wire.until("Z");
  talk.send(query("SHOW TimeZone"));
  await until("the worker is killed", () => !isAlive(worker.pid), SILENT_MS_MAX);
  expect((await answer).map(({ type }) => type)).toEqual(["T", "D", "C", "Z"]);
  expect(await talk.value("SHOW TimeZone")).toBe("Asia/Tokyo");
  expect(node.ownerOf(talk.wire).pid).not.toBe(worker.pid);
  await talk.wire.close();
});
