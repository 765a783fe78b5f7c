/**
 * Bounds the servers' logs (row O3). A server holds its log open and appends, so the file is copied and emptied in place: no collector
 * process per server; what is written between the two steps is lost, and the first part of what a flood wrote between two looks.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import type { Log } from "../observe/log.ts";

/** Of a log, and of each of its old files: besides them there is what a server writes between two looks. */
const sizeBytesMax = 20 * 1024 * 1024;
const oldFilesMax = 3;
const checkIntervalMs = 1_000;
const chunkBytes = 1024 * 1024;

/** Makes a file of the last bytes of another one. */
function copyEnd(from: string, to: string, bytesMax: number): void {
  const source = openSync(from, "r");
  try {
    const { size, mode } = fstatSync(source);
    const target = openSync(to, "w", mode);
    try {
      const chunk = Buffer.alloc(Math.min(chunkBytes, bytesMax));
      for (let at = Math.max(0, size - bytesMax); at < size; at += chunk.length)
        writeSync(target, chunk, 0, readSync(source, chunk, 0, Math.min(chunk.length, size - at), at));
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

/** Throws the operating system's error when the log could not be copied; it is emptied then too. */
export function rotateWhenLarge(path: string, bytesMax = sizeBytesMax): boolean {
  if (!existsSync(path) || statSync(path).size <= bytesMax) return false;
  for (let n = oldFilesMax - 1; n >= 1; n--) {
    if (existsSync(`${path}.${n}`)) renameSync(`${path}.${n}`, `${path}.${n + 1}`);
  }
  try {
    copyEnd(path, `${path}.1`, bytesMax);
  } catch (error) {
    // Perhaps the disk is full: then room is worth more than the log.
    rmSync(`${path}.1`, { force: true });
    throw error;
  } finally {
    truncateSync(path, 0);
  }
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
