/** Whether compute nodes can live in shared memory. Containers often have a /dev/shm of 64 MB: enough to start, not to work. */
import { accessSync, constants, statfsSync } from "node:fs";

export const memoryRoot = "/dev/shm";

/** Where it has no room. */
export const memoryHint = `Free some of ${memoryRoot}, or make it larger (in a container: --shm-size).`;

/** What PostgreSQL says when its shared memory finds no room there: the line, if it is among these. */
export function noMemoryLine(output: string): string | undefined {
  return /could not resize shared memory segment .*No space left on device/.exec(output)?.[0];
}

const bytesMin = 512 * 1024 * 1024;

/** Whether a file can be made there at all; what processes share needs little. */
export function memoryWritable(): boolean {
  try {
    accessSync(memoryRoot, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Judged by size and not by what is free, so that the next start finds the compute nodes where this one put them. */
export function memoryUsable(): boolean {
  if (!memoryWritable()) return false;
  try {
    const { bsize, blocks } = statfsSync(memoryRoot);
    return bsize * blocks >= bytesMin;
  } catch {
    return false;
  }
}
