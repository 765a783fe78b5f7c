import { describe, expect, test } from "vitest";
import { configSchema } from "../config/schema.ts";
import type { Instance } from "./instance.ts";
import { accessTexts, settingsText } from "./server-settings.ts";

const server = configSchema.parse({}).server;

function text(kind: Instance["kind"], overrides: object = {}): string[] {
  const instance: Instance = {
    name: "x1",
    kind,
    port: 5101,
    socketDirectory: "/tmp/s",
    pgdata: "/d",
    volatile: false,
    log: "/l",
  };
  return settingsText(instance, { ...server, ...overrides }).split("\n");
}

describe("settings", () => {
  test("no server listens on TCP", () => {
    for (const kind of ["catalog", "data", "compute"] as const) {
      expect(text(kind)).toContain("listen_addresses = ''");
    }
  });

  test("data and catalog nodes are durable, compute nodes are not", () => {
    expect(text("data")).toContain("fsync = 'on'");
    expect(text("catalog")).toContain("fsync = 'on'");
    expect(text("compute")).toContain("fsync = 'off'");
  });

  test("data nodes get the configured memory, the others half", () => {
    expect(text("data", { shared_buffers: "1GB" })).toContain("shared_buffers = '1GB'");
    expect(text("catalog", { shared_buffers: "1GB" })).toContain("shared_buffers = '524288kB'");
  });

  test("what the operator sets wins, and cannot break out of its quotes", () => {
    const lines = text("data", { settings: { wal_level: "logical", log_line_prefix: "it's \\ %m" } });
    expect(lines).toContain("wal_level = 'logical'");
    expect(lines).toContain("log_line_prefix = 'it''s \\\\ %m'");
    expect(lines.filter((line) => line.startsWith("wal_level"))).toHaveLength(1);
  });
});

test("access: peer with a map from PostgreSQL 16 on, before that the directory protects", () => {
  const access = accessTexts(18, ["root", "postgres", "root"]);
  expect(access.hba).toContain("local all all peer map=pleiad");
  expect(access.ident).toContain('pleiad "root" all\npleiad "postgres" all\n');
  expect(accessTexts(15, ["root"]).hba).toContain("local all all trust");
});
