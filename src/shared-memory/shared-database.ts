/** One named database of the store: values by keys, the same for all processes. */
import { asBinary, type Database } from "lmdb";
import { PLAIN_KEY_BYTES_MAX, sharedKey, storedValue, valueIn } from "./shared-keys.ts";

/** A cache is emptied when the store is full. */
export type DatabaseKind = "cache" | "kept";

/** No byte of UTF-8 is as large. */
const BEHIND_ALL = Buffer.from([0xff]);

/** What LMDB says of a database's pages, and of the file (its getStats() has no type). */
export interface PageCounts {
  readonly entryCount: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
  readonly lastPageNumber: number;
  readonly pageSize: number;
}

/** Asked before anything is written. */
export interface Room {
  /** Makes room for a value if need be; false: there is none. */
  make(bytes: number): boolean;
  /** Whether a change can be written that needs a few pages. */
  forChange(): boolean;
}

export class SharedDatabase {
  readonly kind: DatabaseKind;
  private readonly values: Database<unknown, Buffer>;
  private readonly room: Room;

  constructor(values: Database<unknown, Buffer>, kind: DatabaseKind, room: Room) {
    this.values = values;
    this.kind = kind;
    this.room = room;
  }

  /**
   * The newest value that any process has put for a key, a copy that is the caller's; undefined: there is none. Of a cache that cannot
   * be read nothing is known; a kept database throws then.
   */
  get(key: string): Buffer | undefined {
    const shared = sharedKey(key);
    try {
      // A view that holds until the next read.
      const stored = this.values.getBinaryFast(shared.name);
      return stored && valueIn(shared, Buffer.from(stored.subarray(0, stored.length)));
    } catch (error) {
      if (this.kind === "kept") throw error;
      return undefined;
    } finally {
      this.letGo();
    }
  }

  /** The values of all keys that begin with a prefix of at most 900 bytes, keys of more than that excepted. Throws when they cannot be read. */
  valuesWithPrefix(prefix: string): Buffer[] {
    const start = Buffer.from(prefix);
    const end = Buffer.concat([start, BEHIND_ALL]);
    try {
      return Array.from(this.values.getRange({ start, end }), ({ value }) => Buffer.from(value as Buffer));
    } finally {
      this.letGo();
    }
  }

  /**
   * Puts a value for all processes: whoever reads after this sees it. False, and the old value stays or is gone with its cache, when
   * the value is too large, the memory is full, or the store cannot be used; the caller of a cache goes on without.
   */
  put(key: string, value: Uint8Array): boolean {
    const shared = sharedKey(key);
    const stored = storedValue(shared, value);
    return this.write(
      () => this.room.make(shared.name.length + stored.length),
      () => this.values.putSync(shared.name, asBinary(stored)),
    );
  }

  /** Removes what was put under a key, if anything was. False: it could not be removed. */
  remove(key: string): boolean {
    const { name } = sharedKey(key);
    return this.change(() => this.values.removeSync(name));
  }

  /**
   * Removes all keys that begin with a prefix, at once for all readers. False: they could not be removed. Throws a RangeError for a
   * prefix of more than 900 bytes.
   */
  removePrefix(prefix: string): boolean {
    const start = Buffer.from(prefix);
    if (start.length > PLAIN_KEY_BYTES_MAX) throw new RangeError("too long a prefix of keys");
    if (start.length === 0) return this.clear();
    const end = Buffer.concat([start, BEHIND_ALL]);
    return this.change(() =>
      this.values.transactionSync(() => {
        const names = Array.from(this.values.getKeys({ start, end }));
        for (const name of names) this.values.removeSync(name);
      }),
    );
  }

  /** Removes everything. False: it could not be removed. */
  clear(): boolean {
    return this.change(() => this.values.clearSync());
  }

  private change(work: () => unknown): boolean {
    return this.write(() => this.room.forChange(), work);
  }

  private write(hasRoom: () => boolean, work: () => unknown): boolean {
    try {
      if (!hasRoom()) return false;
      work();
      return true;
    } catch {
      return false;
    }
  }

  pages(): PageCounts {
    try {
      return this.values.getStats() as PageCounts;
    } finally {
      this.letGo();
    }
  }

  /** What its pages take. */
  get usedBytes(): number {
    const { treeBranchPageCount, treeLeafPageCount, overflowPages, pageSize } = this.pages();
    return (treeBranchPageCount + treeLeafPageCount + overflowPages) * pageSize;
  }

  /**
   * lmdb-js keeps the moment that a read has seen until the event loop turns. It is let go at once: the next read sees what others have
   * put, and no page has to be kept for a process that is busy or stopped.
   */
  private letGo(): void {
    this.values.resetReadTxn();
  }
}
