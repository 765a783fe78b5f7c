/** A name for a data directory that no other has: who is registered under it and is not this coordinator was here before. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const PLACE = /^[0-9a-f]{24}$/;

/** Made at the first call. `path`: where it is kept; the data directory's lock is held. */
export function coordinatorPlace(path: string): string {
  try {
    const known = readFileSync(path, "utf8").trim();
    if (PLACE.test(known)) return known;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const place = randomBytes(12).toString("hex");
  writeFileSync(path, `${place}\n`, { mode: 0o644 });
  return place;
}
