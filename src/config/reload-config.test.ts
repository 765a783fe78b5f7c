import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { configKeys } from "./keys.ts";
import { reloadConfig } from "./reload-config.ts";
import { configSchema, type PleiadConfig } from "./schema.ts";

function config(more: object = {}): PleiadConfig {
  return { ...configSchema.parse(more), data: "/data" };
}

test("nothing changed: nothing needs a restart", () => {
  expect(reloadConfig(config(), config())).toEqual({ config: config(), needRestart: [] });
});

test("what processes read when they begin changes, what was fixed before keeps its value and is named", () => {
  const running = config({ port: 6000, pool: { per_node: 20 }, server: { settings: { work_mem: "4MB" } } });
  const wanted = config({
    port: 7000,
    pg_bin: "/usr/bin",
    shards: 4,
    pool: { per_node: 40 },
    log: { level: "debug" },
    tls: { mode: "require" },
    session_workers: 3,
    authentication: [{ method: "reject" }],
    server: { settings: { work_mem: "8MB" } },
  });
  const reloaded = reloadConfig(running, wanted);
  expect(reloaded.needRestart).toEqual(["port", "pg_bin", "server.settings"]);
  expect(reloaded.config).toEqual({
    ...wanted,
    port: 6000,
    pg_bin: undefined,
    server: running.server,
  });
});

test("a value that does not go with one that stays is refused", () => {
  const wanted = config({ pool: { per_node: 500 }, server: { max_connections: 600 } });
  expect(() => reloadConfig(config(), wanted)).toThrow(ConfigError);
});

test("the directory and what the servers are made of never change", () => {
  const live = configKeys.filter((key) => key.reload).map((key) => key.path);
  expect(live).toContain("authentication");
  for (const path of ["data", "host", "port", "data_nodes", "shared_memory", "server.max_connections"])
    expect(live).not.toContain(path);
});
