/**
 * Who writes right now, and how often something was written: what the result cache needs to know of writes. For every logical
 * database, and once for what may concern all of them (definitions, roles, whatever is not known better), the memory holds a
 * version and the number of writers. A writer counts itself before anything of it is sent to a server; when it is certain that
 * nothing of it happens any more the version grows, and only then it is counted no longer. So whoever finds no writer, and
 * then the version that it remembers, knows that nothing was written in between. Databases that share an entry cost each other
 * answers that would still hold, never one that does not.
 */
import { hashOf } from "./hash.ts";

const ENTRIES = 256;
/** Of what may concern every database. */
const EVERYWHERE = 0;

/** Who keeps answers of which registration, see `open`. */
const HEADER_INTS = 2;

/** Rows of entries: versions, writers of all kinds, those whose end nobody has seen, writers of each process. */
const Row = { version: 0, writing: 1, unsure: 2, ofProcess: 3 } as const;

export const writerInts = (processes: number): number => HEADER_INTS + ENTRIES * (Row.ofProcess + processes);

/** How far a writer may reach. */
export type Reach = "database" | "everywhere";

/** How much was written, of all that concerns a database. */
export type WrittenMark = readonly [everywhere: number, database: number];

/** Writers whose end nobody has seen: number by entry. */
export type UnsureWriters = ReadonlyMap<number, number>;

/** Writers of one process in one database. */
export class DatabaseWriters {
  private readonly ints: Int32Array;
  private readonly database: number;
  private readonly process: number;

  constructor(ints: Int32Array, database: number, process: number) {
    this.ints = ints;
    this.database = database;
    this.process = process;
  }

  /** Undefined while somebody writes. Two equal marks: nothing was written between the first look and the second. */
  get mark(): WrittenMark | undefined {
    // In this order: a version grows before its writer is gone.
    if (this.load(Row.writing, EVERYWHERE) !== 0 || this.load(Row.writing, this.database) !== 0)
      return undefined;
    return [this.load(Row.version, EVERYWHERE), this.load(Row.version, this.database)];
  }

  /** One writer more. */
  begin(reach: Reach): void {
    // Killed in between, here and below, a process leaves too many writers, never too few.
    const entry = this.entry(reach);
    this.add(Row.writing, entry, 1);
    this.add(Row.ofProcess + this.process, entry, 1);
  }

  /** Nothing of it happens any more on any server. */
  end(reach: Reach): void {
    const entry = this.entry(reach);
    this.add(Row.version, entry, 1);
    this.add(Row.ofProcess + this.process, entry, -1);
    this.add(Row.writing, entry, -1);
  }

  /** The process is done with it, but servers may not be. */
  leave(reach: Reach): void {
    const entry = this.entry(reach);
    this.add(Row.ofProcess + this.process, entry, -1);
    this.add(Row.unsure, entry, 1);
  }

  private entry(reach: Reach): number {
    return reach === "database" ? this.database : EVERYWHERE;
  }

  private load(row: number, entry: number): number {
    return Atomics.load(this.ints, row * ENTRIES + entry);
  }

  private add(row: number, entry: number, count: number): void {
    Atomics.add(this.ints, row * ENTRIES + entry, count);
  }
}

export class WriterStates {
  private readonly header: Int32Array;
  private readonly ints: Int32Array;

  constructor(ints: Int32Array) {
    this.header = ints.subarray(0, HEADER_INTS);
    this.ints = ints.subarray(HEADER_INTS);
  }

  of(database: string, process: number): DatabaseWriters {
    return new DatabaseWriters(this.ints, 1 + (hashOf(database) % (ENTRIES - 1)), process);
  }

  /** The registration of this coordinator in which all writers on the servers are known here; 0: not yet. */
  get knownSince(): number {
    return Atomics.load(this.header, 0);
  }

  set knownSince(epoch: number) {
    Atomics.store(this.header, 0, epoch);
  }

  /** A process has ended: its writers may still be at work on the servers. */
  forgetProcess(process: number): void {
    for (let entry = 0; entry < ENTRIES; entry++) {
      const open = Atomics.exchange(this.ints, (Row.ofProcess + process) * ENTRIES + entry, 0);
      if (open !== 0) Atomics.add(this.ints, Row.unsure * ENTRIES + entry, open);
    }
  }

  get unsure(): UnsureWriters {
    const found = new Map<number, number>();
    for (let entry = 0; entry < ENTRIES; entry++) {
      const count = Atomics.load(this.ints, Row.unsure * ENTRIES + entry);
      if (count !== 0) found.set(entry, count);
    }
    return found;
  }

  /** It has turned out that nothing of these happens any more. */
  ended(unsure: UnsureWriters): void {
    for (const [entry, count] of unsure) {
      Atomics.add(this.ints, Row.version * ENTRIES + entry, 1);
      Atomics.sub(this.ints, Row.unsure * ENTRIES + entry, count);
      Atomics.sub(this.ints, Row.writing * ENTRIES + entry, count);
    }
  }
}
