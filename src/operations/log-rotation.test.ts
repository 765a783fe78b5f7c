import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rotateWhenLarge } from "./log-rotation.ts";

test("a server goes on writing to its open log; old ones are kept up to a number", () => {
  const directory = mkdtempSync(join(tmpdir(), "pleiad-rotate-"));
  const path = join(directory, "dn1.log");
  const fd = openSync(path, "a");
  try {
    for (let n = 0; n < 6; n++) {
      writeSync(fd, `message ${n}\n`.repeat(20));
      expect(rotateWhenLarge(path, 100)).toBe(true);
    }
    writeSync(fd, "last\n");
    expect(rotateWhenLarge(path, 100)).toBe(false);
    expect(readFileSync(path, "utf8")).toBe("last\n");
    expect(readFileSync(`${path}.1`, "utf8")).toContain("message 5");
    expect(readdirSync(directory).sort()).toEqual(["dn1.log", "dn1.log.1", "dn1.log.2", "dn1.log.3"]);
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
});

test("O3: of what was written between two looks the end is kept, so that an old file is bounded too", () => {
  const directory = mkdtempSync(join(tmpdir(), "pleiad-rotate-"));
  const path = join(directory, "dn1.log");
  writeFileSync(path, `${"first ".repeat(1000)}last`);
  expect(rotateWhenLarge(path, 100)).toBe(true);
  expect(readFileSync(`${path}.1`, "utf8")).toBe(`${"first ".repeat(1000)}last`.slice(-100));
  expect(readFileSync(path, "utf8")).toBe("");
  rmSync(directory, { recursive: true });
});

test("no log yet: nothing to do", () => {
  const directory = mkdtempSync(join(tmpdir(), "pleiad-rotate-"));
  writeFileSync(join(directory, "x"), "");
  expect(rotateWhenLarge(join(directory, "missing"), 1)).toBe(false);
  rmSync(directory, { recursive: true });
});
