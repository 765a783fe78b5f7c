/** More than the node or a server can take: a storm of connects (N4), a server without free connections (O1). */
import { connect } from "node:net";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { readError } from "../oracle/capture.ts";
import { FrameReader, startup, type Frame } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { NodeProcesses, PATIENCE_MS, until } from "./node-cluster.ts";

const CLIENTS_MAX = 300;
/** More than there are records for, logged in or not (1,000 besides the clients). */
const STORM = 2_000;
const STORM_MS_MAX = 60_000;
/** Of a session that is there already; alone it takes a millisecond or two. */
const LATENCY_MS_MAX = 2_000;
const SERVER_CONNECTIONS = 40;

let cluster: TestCluster;
let node: NodeProcesses;

beforeAll(async () => {
  cluster = await startTestCluster({
    dataNodes: 2,
    set: {
      max_client_connections: String(CLIENTS_MAX),
      "server.max_connections": String(SERVER_CONNECTIONS),
      "pool.per_node": "20",
      "log.level": "info",
    },
  });
  node = new NodeProcesses(cluster);
  await runSql(
    cluster.client(),
    "CREATE TABLE goods (id int PRIMARY KEY, n int) DISTRIBUTE BY HASH (id)",
    "INSERT INTO goods SELECT i, i FROM generate_series(1, 100) AS i",
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

/** "served", the SQLSTATE of its refusal, or how the connection ended; those that are served stay. */
function storm(open: (() => void)[]): Promise<string[]> {
  const { host, port, user, database } = cluster.client();
  const one = () =>
    new Promise<string>((resolve) => {
      const socket = connect(port, host, () => socket.write(startup({ user, database })));
      const reader = new FrameReader();
      const hear = ({ type, body }: Frame) => {
        if (type === "E") resolve(readError(body).sqlstate);
        if (type === "Z") resolve("served");
      };
      socket.on("data", (chunk) => reader.push(chunk).forEach(hear));
      socket.on("error", (error) => resolve(String(error)));
      socket.on("close", () => resolve("closed without a word"));
      open.push(() => socket.destroy());
    });
  return Promise.all(Array.from({ length: STORM }, one));
}

test(
  "N4: of a storm of connects each is served or hears 53300, and who was there before is served meanwhile",
  async () => {
    const before = await Talk.connect(cluster.client());
    let worst = 0;
    let storming = true;
    const reads = (async () => {
      while (storming) {
        const asked = performance.now();
        expect(await before.value("SELECT n FROM goods WHERE id = 7")).toBe("7");
        worst = Math.max(worst, performance.now() - asked);
      }
    })();
    const close: (() => void)[] = [];
    const outcomes = await storm(close);
    storming = false;
    await reads;
    const counts = new Map<string, number>();
    for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({ served: CLIENTS_MAX - 1, "53300": STORM - CLIENTS_MAX + 1 });
    expect(worst).toBeLessThan(LATENCY_MS_MAX);
    for (const end of close) end();
    await until("they have gone", () => node.takenRecords === 1);
    await before.wire.close();
  },
  STORM_MS_MAX,
);

/** A row of each data node. */
async function rowOnEach(): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const talk = await Talk.connect(cluster.client());
  for (let id = 1; found.size < 2; id++) {
    const plan = (await talk.ask(`EXPLAIN SELECT n FROM goods WHERE id = ${id}`)).join("\n");
    const server = /\bdn[12]\b/.exec(plan)?.[0];
    if (server !== undefined && !found.has(server)) found.set(server, id);
  }
  await talk.wire.close();
  return found;
}

test("O1: a data node without free connections: its statements hear so, others go on, and all is well afterwards", async () => {
  const rows = await rowOnEach();
  // What the node has open already is closed, so that it needs new ones.
  await queryServer(
    cluster.server("dn1"),
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
  );
  const { host, port } = cluster.server("dn1");
  const taken: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ host, port, user: "postgres", database: "postgres" });
    client.on("error", () => {});
    try {
      await client.connect();
      taken.push(client);
    } catch (error) {
      expect(error).toMatchObject({ code: "53300" });
      break;
    }
  }
  const talk = await Talk.connect(cluster.client());
  const read = (server: string) => talk.ask(`SELECT n FROM goods WHERE id = ${rows.get(server)!}`);
  expect(await read("dn1")).toEqual(["E 53300", "Z I"]);
  expect(await talk.ask("SELECT count(*) FROM goods")).toEqual(["E 53300", "Z I"]);
  expect(await read("dn2")).toEqual(["T", `D ${rows.get("dn2")!}`, "C SELECT 1", "Z I"]);
  expect(await talk.value("SELECT 1")).toBe("1");
  await Promise.all(taken.map((client) => client.end()));
  await until("it serves again", async () => (await read("dn1")).includes("C SELECT 1"), PATIENCE_MS);
  expect(await talk.value("SELECT count(*) FROM goods")).toBe("100");
  await talk.wire.close();
});
