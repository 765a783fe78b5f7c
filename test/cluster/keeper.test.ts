/** A coordinator in the background that dies is started again without anybody's doing, on the same port; `down` ends it all. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRunState } from "../../src/operations/cluster-record.ts";
import { runningKeeper } from "../../src/operations/keeper-record.ts";
import { isRunning } from "../../src/operations/process-identity.ts";
import { pleiad } from "./pleiad-command.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const directory = temporaryDirectory("keeper");
const data = join(directory, "data");
const start = () => pleiad("up", "--json", "--data", data, "--port", "0", "--set", "server.fsync=false");
const statePath = join(data, "run", "state.json");
const keeperPath = join(data, "run", "keeper.json");

let url: string;

beforeAll(async () => {
  const up = await start();
  expect(up.code, up.stdout).toBe(0);
  ({ url } = JSON.parse(up.stdout) as { url: string });
});

afterAll(async () => {
  await pleiad("down", "--data", data);
  await pleiad("destroy", "--yes", "--data", data);
  rmSync(directory, { recursive: true, force: true });
});

async function ask(sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Milliseconds until a client gets its answer again. */
async function untilServed(): Promise<number> {
  const startedAt = Date.now();
  for (;;) {
    try {
      await ask("SELECT 1");
      return Date.now() - startedAt;
    } catch (error) {
      if (Date.now() - startedAt > 30_000) throw error;
      await sleep(20);
    }
  }
}

test("kill -9 of the coordinator: clients can connect again", async () => {
  await ask("CREATE TABLE t (id int PRIMARY KEY) DISTRIBUTE BY HASH (id)");
  await ask("INSERT INTO t SELECT generate_series(1, 10)");
  const { coordinator } = readRunState(statePath)!;
  process.kill(coordinator.pid, "SIGKILL");
  const ms = await untilServed();
  // About 2 s; the bound is for a machine that has much else to do.
  expect(ms).toBeLessThan(20_000);
  expect(await ask("SELECT count(*)::int AS n FROM t")).toEqual([{ n: 10 }]);
  const status = JSON.parse((await pleiad("status", "--json", "--data", data)).stdout) as object;
  expect(status).toMatchObject({ state: "up", keeper: { restarts: 1 }, coordinator: { accepting: true } });
  expect((await pleiad("logs", "keeper", "--data", data)).stdout).toContain("starting it again");
});

test("down stops both, also while the keeper waits before another start", async () => {
  const keeper = runningKeeper(keeperPath)!;
  process.kill(readRunState(statePath)!.coordinator.pid, "SIGKILL");
  await untilServed();
  // This time it waits.
  process.kill(readRunState(statePath)!.coordinator.pid, "SIGKILL");
  await sleep(50);
  expect((await pleiad("down", "--json", "--data", data)).stdout).toBe('{"outcome":"stopped"}\n');
  expect(isRunning(keeper)).toBe(false);
  expect((await pleiad("status", "--data", data)).stdout).toContain("not running");
  await sleep(1500);
  expect(runningKeeper(keeperPath)).toBeUndefined();
  const up = await start();
  expect(up.code, up.stdout).toBe(0);
});
