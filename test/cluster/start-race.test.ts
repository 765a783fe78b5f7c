/** A1: starts that meet another start, a crash in the middle of one, a busy port, another PostgreSQL. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { findServerProcesses } from "../../src/operations/server-processes.ts";
import { pleiad } from "./pleiad-command.ts";
import { startPlainPostgres } from "./plain-postgres.ts";
import { queryServer } from "./server-query.ts";
import { systemPostgres } from "./system-postgres.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { cleanEnvironment, pleiadCommand, startTestCluster } from "./test-cluster.ts";

async function withDirectory(name: string, use: (data: string) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory(name);
  const data = join(directory, "data");
  try {
    await use(data);
  } finally {
    await pleiad("destroy", "--yes", "--data", data);
    rmSync(directory, { recursive: true, force: true });
  }
}

test("two first starts at the same moment: one serves, the other is refused", async () => {
  await withDirectory("race", async (data) => {
    const start = () => pleiad("up", "--json", "--data", data, "--port", "0", "--set", "server.fsync=false");
    const results = await Promise.all([start(), start()]);
    expect(results.map((result) => result.code).sort((a, b) => a - b)).toEqual([0, 1]);
    const refused = results.find((result) => result.code === 1)!;
    expect((JSON.parse(refused.stdout) as { error: string }).error).toContain("in use by process");
    expect((await pleiad("status", "--data", data)).code).toBe(0);
  });
});

// On no terminal a step is written once it is done: the next one has just begun.
test.each([
  ["initdb", "its servers live on"],
  ["creating catalog", "its servers die too"],
  ["starting catalog", "its servers live on"],
  ["starting dn1, dn2", "its servers die too"],
  ["starting cn1", "its servers live on"],
  ["installing the catalog", "its servers die too"],
])("a first start killed with -9 after %s, %s: the next one succeeds", async (step, servers) => {
  await withDirectory("killed", async (data) => {
    const args = ["up", "--foreground", "--data", data, "--port", "0", "--set", "server.fsync=false"];
    const child = spawn(process.execPath, [...pleiadCommand(), ...args], {
      env: cleanEnvironment(),
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.once("exit", () => reject(new Error(`ended before ${step}:\n${said}`)));
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.split("\n").some((line) => line.startsWith("✓") && line.includes(step))) resolve();
      });
    });
    child.kill("SIGKILL");
    if (servers === "its servers die too") {
      const instances = join(data, "instances");
      const directories = existsSync(instances) ? readdirSync(instances) : [];
      for (const pid of findServerProcesses(directories.map((name) => join(instances, name))))
        process.kill(pid, "SIGKILL");
    }
    const cluster = await startTestCluster({ data });
    try {
      expect(await queryServer(cluster.server("dn2"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    } finally {
      await cluster.destroy();
    }
  });
});

test("a first start ended with Ctrl-C leaves no server running", async () => {
  await withDirectory("interrupted", async (data) => {
    const args = ["up", "--foreground", "--data", data, "--port", "0", "--set", "server.fsync=false"];
    const child = spawn(process.execPath, [...pleiadCommand(), ...args], {
      env: cleanEnvironment(),
      stdio: "ignore",
    });
    while (!existsSync(join(data, "logs", "dn1.log"))) await sleep(5);
    child.kill("SIGINT");
    await new Promise((resolve) => child.once("exit", resolve));
    const status = await pleiad("status", "--json", "--data", data);
    expect((JSON.parse(status.stdout) as { state: string }).state).toBe("down");
  });
});

test("a busy port that was asked for is refused; the default one gives way to the next", async () => {
  const other = net.createServer();
  const port = await new Promise<number>((resolve) => {
    // The default port may be in use on this machine already: that is as good.
    other.on("error", () => other.listen(0, "127.0.0.1"));
    other.on("listening", () => resolve((other.address() as net.AddressInfo).port));
    other.listen(5432, "127.0.0.1");
  });
  try {
    await withDirectory("port", async (data) => {
      const refused = await pleiad(
        "up",
        "--data",
        data,
        "--port",
        String(port),
        "--set",
        "server.fsync=false",
      );
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(`port ${port} on 127.0.0.1 is in use`);
      const up = await pleiad("up", "--json", "--data", data, "--set", "server.fsync=false");
      expect(up.code).toBe(0);
      const taken = (JSON.parse(up.stdout) as { coordinator: { port: number } }).coordinator.port;
      expect(taken).toBeGreaterThan(5432);
    });
  } finally {
    other.close();
  }
});

const installed = systemPostgres().at(-1);

test.skipIf(installed === undefined)("an installed PostgreSQL by --pg-bin", async () => {
  const cluster = await startTestCluster({ pgBin: installed!.directory });
  try {
    const rows = await queryServer(
      cluster.server("dn1"),
      "SELECT current_setting('server_version') AS v, current_user AS u",
    );
    expect(rows[0]).toMatchObject({ u: "postgres" });
    expect(Number.parseInt(String(rows[0]!["v"]), 10)).toBe(installed!.major);
    await cluster.stop();
    const other = await pleiad("up", "--data", cluster.data);
    if (installed!.major !== 18) expect(other.stderr).toContain("was made by PostgreSQL");
    await cluster.start();
  } finally {
    await cluster.destroy();
  }
});

test("the oracle has the locale and the version of the servers", async () => {
  const plain = await startPlainPostgres();
  const cluster = await startTestCluster();
  const sql = `SELECT version(), datlocprovider, datlocale, datcollate, datctype, pg_encoding_to_char(encoding) AS encoding,
                      pg_get_userbyid(datdba) AS owner
                 FROM pg_database WHERE datname = 'postgres'`;
  try {
    const expected = await queryServer(
      { name: "plain", kind: "data", host: plain.host, port: plain.port },
      sql,
    );
    expect(await queryServer(cluster.server("catalog"), sql)).toEqual(expected);
    expect(await queryServer(cluster.server("dn1"), sql)).toEqual(expected);
  } finally {
    await cluster.destroy();
    await plain.destroy();
  }
});
