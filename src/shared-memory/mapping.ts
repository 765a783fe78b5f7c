/** Files mapped into the memory of several processes: what one stores there, the others see at once and without a system call. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import koffi from "koffi";

const READ_AND_WRITE = 0x1 | 0x2;
const SHARED = 0x1;
const CHUNK_BYTES = 1 << 20;

type Mmap = (
  at: null,
  bytes: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => number;

let mmap: Mmap | undefined;

/** POSIX; the constants are the same on Linux and macOS. */
function libraryMmap(): Mmap {
  mmap ??= koffi
    .load(null)
    .func("void *mmap(void *at, size_t bytes, int protection, int flags, int fd, int64_t offset)");
  return mmap;
}

/** Makes a file of zeros. Throws the operating system's error, ENOSPC among them: a page that cannot be had later would end the process that touches it. */
export function createZeroed(path: string, bytes: number): void {
  rmSync(path, { force: true });
  const fd = openSync(path, "wx", 0o600);
  try {
    const zeros = Buffer.alloc(CHUNK_BYTES);
    for (let left = bytes; left > 0;) left -= writeSync(fd, zeros, 0, Math.min(left, CHUNK_BYTES));
  } finally {
    closeSync(fd);
  }
}

/** Maps a file's first bytes for as long as this process lives. */
export function mapFile(path: string, bytes: number): ArrayBuffer {
  const fd = openSync(path, "r+");
  try {
    const at = libraryMmap()(null, bytes, READ_AND_WRITE, SHARED, fd, 0);
    return koffi.view(at, bytes);
  } finally {
    closeSync(fd);
  }
}
