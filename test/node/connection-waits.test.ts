/** Statements that wait for a connection to a server: what would end them there ends them while they wait (S7). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { clusterPaths } from "../../src/operations/cluster-paths.ts";
import type { Phase } from "../../src/shared-memory/execution-table.ts";
import { NodeMemory } from "../../src/shared-memory/node-memory.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { query } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { until } from "./node-cluster.ts";

const CONNECTIONS_MAX = 2;

let cluster: TestCluster;
let memory: NodeMemory;

beforeAll(async () => {
  cluster = await startTestCluster({
    set: { session_workers: "1", "pool.per_node": String(CONNECTIONS_MAX) },
  });
  // No statement could ask for it here.
  memory = NodeMemory.open(clusterPaths(cluster.data, 0).nodeMemory);
});

afterAll(async () => {
  await cluster?.destroy();
});

const inPhase = (phase: Phase, count: number) =>
  until(`${count} are ${phase}`, () => {
    const { sessions, executions } = memory;
    return sessions.taken().filter((id) => executions.read(id)?.phase === phase).length === count;
  });

test("S7: cancel, statement_timeout and the client's end", async () => {
  const clients = Array.from({ length: CONNECTIONS_MAX + 3 }, () => Talk.connect(cluster.client()));
  const [cancelled, timed, vanishing, ...sleepers] = await Promise.all(clients);
  await timed!.ask("SET statement_timeout = '300ms'");
  for (const talk of sleepers) talk.send(query("SELECT pg_sleep(60)"));
  await inPhase("running", CONNECTIONS_MAX);
  const since = Date.now();
  for (const talk of [cancelled!, timed!, vanishing!]) talk.send(query("SELECT now()"));
  const timeout = timed!.heard();
  await inPhase("waiting for a connection", 3);
  expect(await timeout).toEqual(["E 57014", "Z I"]);
  expect(Date.now() - since).toBeGreaterThanOrEqual(300);
  const answer = cancelled!.heard();
  await cancelled!.wire.cancel();
  expect(await answer).toEqual(["E 57014", "Z I"]);
  await inPhase("waiting for a connection", 1);
  vanishing!.wire.vanish();
  await inPhase("waiting for a connection", 0);
  await Promise.all(
    sleepers.map(async (talk) => {
      const end = talk.heard();
      await talk.wire.cancel();
      expect((await end).slice(-2)).toEqual(["E 57014", "Z I"]);
    }),
  );
  for (const talk of [cancelled!, ...sleepers]) expect(await talk.value("SELECT 1")).toBe("1");
  await Promise.all([cancelled!, timed!, ...sleepers].map((talk) => talk.wire.close()));
});
