import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyNative, makeLinks } from "./native-package.ts";

let directory: string;
let native: string;

/** A package as npm unpacks it when it refuses the install script. */
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pleiad-native-"));
  native = join(directory, "package", "native");
  mkdirSync(join(native, "lib"), { recursive: true });
  mkdirSync(join(native, "bin"));
  writeFileSync(join(directory, "package", "package.json"), '{"version": "1"}');
  writeFileSync(join(native, "lib", "libpq.so.5.18"), "library", { mode: 0o600 });
  writeFileSync(join(native, "bin", "postgres"), "program", { mode: 0o700 });
  const links = [
    { source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so" },
    { source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" },
  ];
  writeFileSync(join(native, "pg-symlinks.json"), JSON.stringify(links));
});

afterEach(() => rmSync(directory, { recursive: true }));

test("missing links are made once", () => {
  expect(makeLinks(native)).toBe("made");
  expect(readlinkSync(join(native, "lib", "libpq.so.5"))).toBe("libpq.so.5.18");
  expect(makeLinks(native)).toBe("complete");
});

test.skipIf(process.getuid?.() === 0)("a package that cannot be written is told apart", () => {
  chmodSync(join(native, "lib"), 0o555);
  expect(makeLinks(native)).toBe("not writable");
  chmodSync(join(native, "lib"), 0o755);
});

test("a copy has its links and may be read by everybody, and is made once", async () => {
  const into = join(directory, "cache");
  mkdirSync(into);
  const copy = await copyNative(native, into);
  expect(readlinkSync(join(copy, "lib", "libpq.so"))).toBe("libpq.so.5.18");
  expect(statSync(join(copy, "lib", "libpq.so.5.18")).mode & 0o777).toBe(0o644);
  expect(statSync(join(copy, "bin", "postgres")).mode & 0o777).toBe(0o755);
  writeFileSync(join(copy, "mark"), "");
  expect(await copyNative(native, into)).toBe(copy);
  expect(statSync(join(copy, "mark")).isFile()).toBe(true);
});
