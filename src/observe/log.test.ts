import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLog, type LogOptions } from "./log.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pleiad-log-"));
  file = join(directory, "log");
});

afterEach(() => rmSync(directory, { recursive: true }));

function open(more: Partial<LogOptions> = {}) {
  return openLog({ level: "info", format: "json", file, ...more });
}

function lines(): Record<string, unknown>[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("less severe messages are not written; fields travel along", () => {
  const log = open().with({ session: 7 });
  log.debug("no");
  log.warn("yes", { server: "dn1" });
  expect(lines()).toMatchObject([{ level: "warn", message: "yes", session: 7, server: "dn1" }]);
});

test("text has one line per message, whatever is in it", () => {
  open({ format: "text" }).info("two\nlines", { error: new Error("a\nb") });
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(/^\d{4}-.*Z INFO  /);
  expect(text.trimEnd().split("\n")).toHaveLength(1);
});

test("passwords are never written", () => {
  const log = open();
  log.info("CREATE ROLE a PASSWORD 'sesame'", { password: "sesame", nested: { client_secret: "sesame" } });
  log.info("postgresql://a:sesame@host/db", { sql: "ALTER ROLE a ENCRYPTED PASSWORD $$sesame$$" });
  log.info("x", { conninfo: "host=h password=sesame", verifier: "SCRAM-SHA-256$4096:sesame" });
  log.error("failed", { error: new Error("at ALTER USER a PASSWORD 'it''s sesame'") });
  expect(readFileSync(file, "utf8")).not.toContain("sesame");
});

test("the size of the files is bounded", () => {
  const log = open({ fileSizeBytesMax: 1000, oldFilesMax: 2 });
  for (let n = 0; n < 200; n++) log.info(`message ${n}`);
  expect(readdirSync(directory).sort()).toEqual(["log", "log.1", "log.2"]);
  for (const name of readdirSync(directory)) {
    expect(readFileSync(join(directory, name)).length).toBeLessThanOrEqual(1000);
  }
  expect(lines().at(-1)).toMatchObject({ message: "message 199" });
});
