/** A1: starting, stopping and surviving the sudden death of any process. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pleiad } from "./pleiad-command.ts";
import { queryServer } from "./server-query.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { startTestCluster, type TestCluster } from "./test-cluster.ts";

async function expectMark(cluster: TestCluster, servers = ["catalog", "dn1", "dn2", "cn1"]): Promise<void> {
  for (const name of servers) {
    const rows = await queryServer(cluster.server(name), "SELECT v FROM lifecycle_mark");
    expect(rows, name).toEqual([{ v: "kept" }]);
  }
}

describe("a cluster of two data nodes and a compute node", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startTestCluster();
    for (const { name } of cluster.state().servers) {
      await queryServer(cluster.server(name), "CREATE TABLE lifecycle_mark AS SELECT 'kept' AS v");
    }
  });

  afterAll(async () => {
    await cluster?.destroy();
  });

  test("every server runs with the settings of its kind", async () => {
    const settings = async (name: string) =>
      (
        await queryServer(
          cluster.server(name),
          `SELECT current_setting('cluster_name') AS cluster, current_setting('listen_addresses') AS tcp,
                  current_setting('enable_partitionwise_join') AS pairwise, current_setting('wal_level') AS wal,
                  current_setting('max_prepared_transactions') AS prepared`,
        )
      )[0];
    const common = { tcp: "", prepared: "200" };
    expect(await settings("catalog")).toEqual({
      ...common,
      cluster: "pleiad/catalog",
      pairwise: "off",
      wal: "replica",
    });
    expect(await settings("dn2")).toEqual({
      ...common,
      cluster: "pleiad/dn2",
      pairwise: "on",
      wal: "replica",
    });
    expect(await settings("cn1")).toEqual({
      ...common,
      cluster: "pleiad/cn1",
      pairwise: "off",
      wal: "minimal",
    });
  });

  test("no server takes another one's WAL or backup for its own", async () => {
    const identifiers = new Set<unknown>();
    for (const { name } of cluster.state().servers) {
      const rows = await queryServer(
        cluster.server(name),
        "SELECT system_identifier FROM pg_control_system()",
      );
      identifiers.add(rows[0]!["system_identifier"]);
    }
    expect(identifiers.size).toBe(4);
  });

  test("a second start on the same data directory is refused and names the first one's process", async () => {
    const second = await pleiad("up", "--data", cluster.data);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`in use by process ${cluster.state().coordinator.pid}`);
    await expectMark(cluster);
  });

  test("a data node killed with -9 is started again", async () => {
    const { pid } = cluster.state().servers.find((server) => server.name === "dn1")!;
    cluster.kill("dn1");
    await cluster.waitForRestart("dn1", pid!);
    await expectMark(cluster);
  });

  test("the coordinator killed with -9: the next start takes the servers over", async () => {
    cluster.kill("coordinator");
    const status = await pleiad("status", "--json", "--data", cluster.data);
    expect(status.code).toBe(3);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: "orphaned" });
    await cluster.start();
    await expectMark(cluster);
  });

  test("all killed with -9: the next start finds the data", async () => {
    await cluster.killAll();
    await cluster.start();
    await expectMark(cluster);
  });

  test("an orderly stop leaves no process, and a restart finds the data", async () => {
    await cluster.stop();
    expect(existsSync(join(cluster.data, "pleiad.lock"))).toBe(false);
    const status = await pleiad("status", "--json", "--data", cluster.data);
    const servers = (JSON.parse(status.stdout) as { servers: { state: string }[] }).servers;
    expect(servers.map((server) => server.state)).toEqual(["down", "down", "down", "down"]);
    expect(JSON.parse(status.stdout)).toMatchObject({ processes: [] });
    await cluster.start();
    await expectMark(cluster);
  });

  test("memory lost, as after a reboot: the compute node is made anew, the others keep their data", async () => {
    const { pgdata } = cluster.state().servers.find((server) => server.name === "cn1")!;
    await cluster.stop();
    rmSync(pgdata, { recursive: true, force: true });
    await cluster.start();
    await expectMark(cluster, ["catalog", "dn1", "dn2"]);
    expect(await queryServer(cluster.server("cn1"), "SELECT to_regclass('lifecycle_mark') AS t")).toEqual([
      { t: null },
    ]);
  });

  test("another number of data nodes than the directory has is refused", async () => {
    await cluster.stop();
    const other = await pleiad("up", "--data", cluster.data, "--data-nodes", "3");
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("data_nodes is 3");
    await cluster.start();
  });
});

test("a first start killed in the middle: the next one begins anew", async () => {
  const cluster = await startTestCluster();
  try {
    await cluster.killAll();
    // What the directory looks like when the machine stops before the end of a first start.
    const record = join(cluster.data, "cluster.json");
    const made = JSON.parse(readFileSync(record, "utf8")) as object;
    writeFileSync(record, JSON.stringify({ ...made, state: "making" }));
    mkdirSync(join(cluster.data, "instances", "dn1.new"));
    await cluster.start();
    expect(await queryServer(cluster.server("dn1"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(existsSync(join(cluster.data, "instances", "dn1.new"))).toBe(false);
  } finally {
    await cluster.destroy();
  }
});

test("a directory with somebody else's files is refused and left alone", async () => {
  const directory = temporaryDirectory("foreign");
  try {
    writeFileSync(join(directory, "thesis.txt"), "years of work");
    const refused = await pleiad("up", "--data", directory);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("thesis.txt");
    expect(existsSync(join(directory, "logs"))).toBe(false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("in the background: up returns when clients may connect, status and down find it, destroy removes it", async () => {
  const directory = temporaryDirectory("background");
  const data = join(directory, "data");
  try {
    const up = await pleiad("up", "--json", "--data", data, "--port", "0", "--set", "server.fsync=false");
    expect(up.stderr).toBe("");
    expect(up.code).toBe(0);
    const { url } = JSON.parse(up.stdout) as { url: string };
    const status = await pleiad("status", "--json", "--data", data);
    expect(status.code).toBe(0);
    const said = JSON.parse(status.stdout) as { processes: { kind: string; pid: number }[] };
    expect(said).toMatchObject({ url, state: "up", coordinator: { accepting: true } });
    const kinds = said.processes.map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(["listener", "transactions", "worker", "executor"]));
    // At least one that serves, and the one that stands by.
    expect(kinds.filter((kind) => kind === "worker").length).toBeGreaterThanOrEqual(2);
    // The second table has a line of its own for each of them.
    const shown = (await pleiad("status", "--data", data)).stdout;
    for (const { kind, pid } of said.processes)
      expect(shown).toMatch(
        new RegExp(`^${kind}\\s+ready\\s+${pid}\\s+0\\s+\\d+\\.\\d+\\.\\d+\\s+\\S+Z$`, "m"),
      );
    expect(JSON.parse((await pleiad("psql", "--json", "--data", data)).stdout)).toEqual({ url });
    expect(url).toMatch(/^postgresql:\/\/postgres@127\.0\.0\.1:\d+\/postgres$/);
    expect((await pleiad("logs", "dn1", "--data", data)).stdout).toContain("ready to accept connections");
    expect((await pleiad("down", "--json", "--data", data)).stdout).toBe('{"outcome":"stopped"}\n');
    expect((await pleiad("destroy", "--yes", "--json", "--data", data)).code).toBe(0);
    expect(existsSync(data)).toBe(false);
  } finally {
    await pleiad("down", "--data", data);
    rmSync(directory, { recursive: true, force: true });
  }
});

test.skipIf(process.getuid?.() !== 0)(
  "started by an unprivileged user, everything belongs to that user",
  async () => {
    const nobody = 65534;
    const cluster = await startTestCluster({ asUser: { uid: nobody, gid: nobody, home: "/nonexistent" } });
    try {
      const { servers, coordinator } = cluster.state();
      for (const { pid } of [...servers, coordinator]) {
        expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(new RegExp(`^Uid:\\s+${nobody}\\s`, "m"));
      }
      expect(
        await queryServer(cluster.server("dn1"), "SELECT 1 AS one").catch((error: Error) => error.message),
      ).toMatch(
        // Root is another user to it: peer lets only its own in.
        /Peer authentication failed/,
      );
    } finally {
      await cluster.destroy();
    }
  },
);
