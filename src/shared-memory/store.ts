/**
 * Values that the processes of one host share: an LMDB environment in a directory of shared memory. Every process reads without a
 * lock what any of them has put; writers wait for each other. A process may be killed at any moment: a value is there whole or
 * not at all, and the lock of a writer that died goes to the next one (LMDB's mutex is a robust one).
 */
import { mkdirSync, statfsSync } from "node:fs";
import { open, type RootDatabase } from "lmdb";
import { SharedDatabase, type DatabaseKind } from "./shared-database.ts";

export interface StoreOptions {
  /** How large the store may become; gaps may make it a third larger. A value of more than a quarter of it is not taken. */
  readonly sizeBytes: number;
}

const DATABASES_MAX = 16;
const VALUE_MAX = 0.25;
/** Of the bound, when it is reached: the rest is for pages that are being replaced, and for gaps between those in use. */
const USED_MAX = 0.6;
/** Long values need pages in a row. When the file has grown by so much for want of them, caches are emptied early: that joins the gaps. */
const GROWN = 1.2;
const USED_MAX_GROWN = 0.25;
/** Of the bound, for what is kept. */
const KEPT_MAX = 0.75;

/**
 * What is left free of the file system. A write that finds it full must not happen: lmdb-js 3.5.6 words that error into too small a
 * piece of memory, and the process dies of it soon after.
 */
const FREE_BYTES_MIN = 8 * 1024 * 1024;

const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

/** Whether so many bytes more may be written into a store in this directory. */
export function hasRoomForStore(directory: string, bytes: number): boolean {
  const { bsize, bavail, blocks } = statfsSync(directory);
  // One without a bound says that it has no blocks at all.
  return blocks === 0 || bavail * bsize >= bytes + FREE_BYTES_MIN;
}

export class SharedStore {
  private readonly directory: string;
  private readonly root: RootDatabase<unknown, Buffer>;
  private readonly sizeBytes: number;
  private readonly databases = new Map<string, SharedDatabase>();

  /** Opens the store in a directory, making both when there are none. Throws when the directory cannot be used, or is full. */
  constructor(directory: string, { sizeBytes }: StoreOptions) {
    this.directory = directory;
    this.sizeBytes = sizeBytes;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!hasRoomForStore(directory, 0))
      throw new Error(`no room for a store of shared values in ${directory}`);
    this.root = open({
      ...BINARY,
      path: directory,
      noSubdir: false,
      // Of the address space, and no bound: lmdb-js makes the map larger when it is full. The bound is kept by makeRoom().
      mapSize: 2 * sizeBytes,
      maxDbs: DATABASES_MAX,
      // Nothing in shared memory outlives the machine, so there is no disk to wait for. What a killed process has written is with the
      // kernel; the page that makes a transaction valid is written last, by one call.
      noSync: true,
      // useWritemap stays off: a stray pointer of one process cannot spoil what the others read, and no signal kills a process for
      // which there is no page left.
    });
  }

  /** A database of the store; a cache is emptied when the store is full. All processes should open the same ones. */
  database(name: string, kind: DatabaseKind): SharedDatabase {
    let database = this.databases.get(name);
    if (database === undefined) {
      const values = this.root.openDB<unknown, Buffer>({ ...BINARY, name });
      database = new SharedDatabase(values, kind, {
        make: (bytes) => this.makeRoom(bytes),
        forChange: () => hasRoomForStore(this.directory, 0),
      });
      this.databases.set(name, database);
    }
    return database;
  }

  /** What the store takes of the memory. */
  get fileBytes(): number {
    const [any] = this.databases.values();
    const counts = any?.pages();
    return counts === undefined ? 0 : (counts.lastPageNumber + 1) * counts.pageSize;
  }

  /** Before a value is put. False: it cannot be taken. */
  private makeRoom(bytes: number): boolean {
    if (bytes > this.sizeBytes * VALUE_MAX || !hasRoomForStore(this.directory, bytes)) return false;
    if (this.fileBytes + bytes <= this.sizeBytes) return true;
    // A process that was killed while it read keeps old pages from being used again.
    this.root.readerCheck();
    const used = this.fileBytes > this.sizeBytes * GROWN ? USED_MAX_GROWN : USED_MAX;
    if (this.usedBytes() + bytes > this.sizeBytes * used)
      for (const database of this.databases.values()) if (database.kind === "cache") database.clear();
    return this.usedBytes() + bytes <= this.sizeBytes * KEPT_MAX;
  }

  private usedBytes(): number {
    let used = 0;
    for (const database of this.databases.values()) used += database.usedBytes;
    return used;
  }

  /** How full each database is. */
  contents(): { readonly name: string; readonly bytes: number; readonly entries: number }[] {
    return Array.from(this.databases, ([name, database]) => ({
      name,
      bytes: database.usedBytes,
      entries: database.pages().entryCount,
    }));
  }

  /** Others go on with the store. */
  async close(): Promise<void> {
    await this.root.close();
  }
}
