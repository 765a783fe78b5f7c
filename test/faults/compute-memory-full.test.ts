/** The memory file system of a compute node is full (O1): the statement that finds no room there fails, and nobody else's. */
import { closeSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { mayMount } from "../cluster/shared-memory-size.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { Talk } from "../node/across-death.ts";
import { until } from "../node/node-cluster.ts";

const MB = 1024 * 1024;
/** Compute nodes only live in memory where there is half a gigabyte. */
const SHARED_MEMORY = "600m";
/** Left when it is filled. The statement needs more: 20,000 rows of 2 kB of each table. */
const LEFT_BYTES = 30 * MB;
const ROWS = 20_000;
/** Rows meet by other columns than their keys, so they go to the compute node. */
const GENERAL = "SELECT count(*), max(length(a.filling || b.filling)) FROM a JOIN b ON a.n = b.n";
/** Catalogs and the server's log of changes grow a little. */
const GROWTH_BYTES_MAX = 20 * MB;

let cluster: TestCluster | undefined;
let memory: string;

const freeBytes = (): number => {
  const { bsize, bavail } = statfsSync(memory);
  return bsize * bavail;
};

beforeAll(async () => {
  if (!mayMount()) return;
  cluster = await startTestCluster({ dataNodes: 2, sharedMemory: SHARED_MEMORY });
  memory = `/proc/${cluster.state().coordinator.pid}/root/dev/shm`;
  await runSql(
    cluster.client(),
    ...["a", "b"].flatMap((name) => [
      `CREATE TABLE ${name} (id int PRIMARY KEY, n int, filling text STORAGE EXTERNAL) DISTRIBUTE BY HASH (id)`,
      `INSERT INTO ${name} SELECT i, ${ROWS} - i, repeat('x', 2000) FROM generate_series(1, ${ROWS}) AS i`,
    ]),
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

test.skipIf(!mayMount())(
  "O1: a compute node without memory: the statement fails with the server's own 53100, others go on, and the memory is given back",
  async () => {
    const talk = await Talk.connect(cluster!.client());
    expect((await talk.ask(GENERAL)).at(-1)).toBe("Z I");
    const before = freeBytes();
    const filler = join(memory, "filler");
    const fd = openSync(filler, "w");
    const zeros = Buffer.alloc(MB);
    while (freeBytes() > LEFT_BYTES) writeSync(fd, zeros);
    closeSync(fd);
    const compute = () => cluster!.state().servers.find(({ kind }) => kind === "compute")!;
    const { pid, restarts } = compute();

    for (let i = 0; i < 3; i++) expect(await talk.ask(GENERAL)).toEqual(["E 53100", "Z I"]);
    const other = await Talk.connect(cluster!.client());
    expect(await other.value("SELECT n FROM a WHERE id = 7")).toBe(String(ROWS - 7));
    expect(await other.value("SELECT count(*) FROM a")).toBe(String(ROWS));
    expect(await other.ask("UPDATE a SET n = n WHERE id = 7")).toEqual(["C UPDATE 1", "Z I"]);
    await until("what the statement had is given back", () => freeBytes() > LEFT_BYTES - GROWTH_BYTES_MAX);

    rmSync(filler);
    expect(await talk.value(GENERAL)).toBe(`${ROWS}|4000`);
    await until("as much is free as before", () => freeBytes() > before - GROWTH_BYTES_MAX);
    expect(compute()).toMatchObject({ pid, restarts });
    await other.wire.close();
    await talk.wire.close();
  },
);
