import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadConfig, type LoadedConfig } from "./load-config.ts";

const directory = mkdtempSync(join(tmpdir(), "pleiad-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function load(
  more: { flags?: object; environment?: Record<string, string>; yaml?: string } = {},
): LoadedConfig {
  const file = join(directory, "pleiad.yaml");
  writeFileSync(file, more.yaml ?? "");
  return loadConfig({ flags: { data: directory, ...more.flags }, environment: more.environment ?? {}, file });
}

function problems(more: Parameters<typeof load>[0]): readonly string[] {
  try {
    load(more);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("precedence", () => {
  test("nothing said: the defaults, sections included", () => {
    const { config, sourceOf } = load();
    expect(config).toMatchObject({
      port: 5432,
      data_nodes: 2,
      compute_nodes: 1,
      shards: 16,
      host: "127.0.0.1",
    });
    expect(config.server).toMatchObject({ fsync: true, max_connections: 200 });
    expect(config.authentication.map((rule) => rule.method)).toEqual(["trust", "trust", "scram-sha-256"]);
    expect(sourceOf("port")).toBe("default");
  });

  test("flags over environment over file", () => {
    const yaml = "port: 1111\nshards: 11\nhost: 0.0.0.0\n";
    const environment = { PLEIAD_PORT: "2222", PLEIAD_SHARDS: "22" };
    const { config, sourceOf } = load({ flags: { port: "3333" }, environment, yaml });
    expect(config).toMatchObject({ port: 3333, shards: 22, host: "0.0.0.0" });
    expect(["port", "shards", "host"].map(sourceOf)).toEqual(["flag", "environment", "file"]);
  });

  test("keys of one section may come from different places", () => {
    const { config } = load({
      flags: { "server.fsync": "off" },
      environment: { PLEIAD_SERVER_SHARED_BUFFERS: "1GB" },
      yaml: "server:\n  max_connections: 300\n  fsync: on\n",
    });
    expect(config.server).toMatchObject({ fsync: false, shared_buffers: "1GB", max_connections: 300 });
  });

  test("a setting of an extension has a dot in its name", () => {
    const { config } = load({ flags: { "server.settings.pg_stat_statements.max": "200" } });
    expect(config.server.settings).toMatchObject({ "pg_stat_statements.max": "200" });
  });

  test("a path in the file is relative to the file, and a list may stand in the environment", () => {
    const { config } = load({
      yaml: "pg_bin: bin\n",
      environment: { PLEIAD_AUTHENTICATION: '[{"method": "reject"}]' },
    });
    expect(config.pg_bin).toBe(join(directory, "bin"));
    expect(config.authentication).toEqual([
      { database: "all", user: "all", address: "all", method: "reject" },
    ]);
  });
});

describe("a wrong key names the right one", () => {
  test.each([
    ["data_node: 3", 'unknown key "data_node"; did you mean "data_nodes"?'],
    ["data-nodes: 3", 'unknown key "data-nodes"; did you mean "data_nodes"?'],
    ["fsync: false", 'unknown key "fsync"; did you mean "server.fsync"?'],
    ["server: { fsnyc: false }", 'unknown key "server.fsnyc"; did you mean "server.fsync"?'],
    [
      "authentication: [{ methd: trust, method: trust }]",
      'unknown key "authentication.0.methd"; did you mean "method"?',
    ],
    ["zzzzzzzz: 1", 'unknown key "zzzzzzzz"'],
  ])("%s", (yaml, message) => {
    expect(problems({ yaml }).map((problem) => problem.replace(/^.*yaml: /, ""))).toEqual([message]);
  });

  test("all problems are told at once", () => {
    expect(problems({ yaml: "port: many\nshards: 0\nhots: x\n" })).toHaveLength(3);
  });

  test("a variable of the environment that is nearly a key is told, not refused", () => {
    const { warnings } = load({ environment: { PLEIAD_SHARD: "3", PLEIAD_X_Y_UNRELATED_THING: "1" } });
    expect(warnings).toEqual(["environment variable PLEIAD_SHARD is not used; did you mean PLEIAD_SHARDS?"]);
  });
});

test("keys that contradict each other are refused", () => {
  expect(problems({ yaml: "tls: { certificate: c.pem }" })[0]).toContain("tls.certificate and tls.key");
  expect(problems({ yaml: "pool: { per_node: 195 }" })[0]).toContain("pool.per_node (195)");
});

test("a file that is no YAML or no map is refused with its name", () => {
  expect(problems({ yaml: "- 1" })[0]).toContain("pleiad.yaml");
  expect(problems({ yaml: "a: [" })[0]).toContain("pleiad.yaml");
});
