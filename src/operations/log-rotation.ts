/**
 * Bounds the servers' logs. A server holds its log open and appends, so the file is copied and emptied in place: no collector
 * process per server; what is written between the two steps is lost.
 */
import { copyFileSync, existsSync, renameSync, statSync, truncateSync } from "node:fs";
import type { Log } from "../observe/log.ts";

const sizeBytesMax = 20 * 1024 * 1024;
const oldFilesMax = 3;
const checkIntervalMs = 30_000;

export function rotateWhenLarge(path: string, bytesMax = sizeBytesMax): boolean {
  if (!existsSync(path) || statSync(path).size <= bytesMax) return false;
  for (let n = oldFilesMax - 1; n >= 1; n--) {
    if (existsSync(`${path}.${n}`)) renameSync(`${path}.${n}`, `${path}.${n + 1}`);
  }
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
  return true;
}

/** Returns a function that ends it. */
export function keepLogsSmall(paths: readonly string[], log: Log): () => void {
  const timer = setInterval(() => {
    for (const path of paths) {
      try {
        rotateWhenLarge(path);
      } catch (error) {
        log.warn("log of a server could not be rotated", { path, error });
      }
    }
  }, checkIntervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
