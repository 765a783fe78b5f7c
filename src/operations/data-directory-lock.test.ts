import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockHolder, takeLock } from "./data-directory-lock.ts";
import { startTimeOf } from "./process-identity.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pleiad-lock-"));
  path = join(directory, "pleiad.lock");
});

afterEach(() => rmSync(directory, { recursive: true }));

test("taken, refused to a second one, given back", () => {
  const lock = takeLock(path);
  expect(lockHolder(path)?.pid).toBe(process.pid);
  expect(() => takeLock(path)).toThrow(`in use by process ${process.pid}`);
  lock.release();
  expect(lockHolder(path)).toBeUndefined();
  expect(readdirSync(directory)).toEqual([]);
});

test("the lock of a dead process is taken over", () => {
  const { pid } = spawnSync("true");
  writeFileSync(path, JSON.stringify({ pid, startTime: "long ago" }));
  takeLock(path);
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid });
});

test("another process with the id of the dead one does not hold the lock", () => {
  const other = spawn("sleep", ["30"]);
  try {
    const startTime = startTimeOf(other.pid!);
    writeFileSync(path, JSON.stringify({ pid: other.pid, startTime }));
    expect(() => takeLock(path)).toThrow(`in use by process ${other.pid}`);
    writeFileSync(path, JSON.stringify({ pid: other.pid, startTime: `${startTime}0` }));
    takeLock(path).release();
  } finally {
    other.kill();
  }
});

test("half a lock, as after a full disk, is nobody's", () => {
  writeFileSync(path, '{"pid": 1');
  takeLock(path).release();
});
