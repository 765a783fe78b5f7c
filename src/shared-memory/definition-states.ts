/**
 * For every logical database: the version of its definitions, who commits new ones right now, and how many open transactions
 * change some. All processes of a node look here before they use a snapshot or a plan. Databases share a fixed number of
 * entries by their names' hashes: two that meet there cost each other a needless look at the catalog, never a stale one.
 */
import { hashOf } from "./hash.ts";

const ENTRIES = 1024;
const FREE = 0;

/**
 * Rows of entries: versions, lives that commit, open transactions that define, other coordinators that commit or have such transactions,
 * changes to be told to them, open transactions that define of each process.
 */
const Row = {
  version: 0,
  committing: 1,
  defining: 2,
  othersCommitting: 3,
  othersDefining: 4,
  changes: 5,
  ofProcess: 6,
} as const;

export const definitionInts = (processes: number): number => ENTRIES * (Row.ofProcess + processes);

/** The entry of one database, as one process uses it. */
export class DefinitionState {
  private readonly ints: Int32Array;
  /** The same in all coordinators. */
  readonly entry: number;
  private readonly process: number;
  private readonly life: number;

  constructor(ints: Int32Array, entry: number, process: number, life: number) {
    this.ints = ints;
    this.entry = entry;
    this.process = process;
    this.life = life;
  }

  /** Grows when a definition begins to be committed, and when it has been. */
  get version(): number {
    return Atomics.load(this.ints, this.at(Row.version));
  }

  advance(): void {
    Atomics.add(this.ints, this.at(Row.version), 1);
  }

  /** Definitions have changed outside a commit: other coordinators have to hear of it. */
  noteChange(): void {
    Atomics.add(this.ints, this.at(Row.changes), 1);
    this.advance();
  }

  /** By whatever process of whatever coordinator. */
  get committing(): boolean {
    return (
      Atomics.load(this.ints, this.at(Row.committing)) !== FREE ||
      Atomics.load(this.ints, this.at(Row.othersCommitting)) !== 0
    );
  }

  /** False while another process of this coordinator commits definitions. */
  beginCommit(): boolean {
    return Atomics.compareExchange(this.ints, this.at(Row.committing), FREE, this.life) === FREE;
  }

  endCommit(): void {
    Atomics.compareExchange(this.ints, this.at(Row.committing), this.life, FREE);
  }

  /** Open transactions that change definitions, in all processes; any number of another coordinator's counts as one. */
  get defining(): number {
    return (
      Atomics.load(this.ints, this.at(Row.defining)) + Atomics.load(this.ints, this.at(Row.othersDefining))
    );
  }

  /** One more of them in this process, or one less. */
  countDefining(change: 1 | -1): void {
    // Killed in between, the process leaves the sum too great for a while, never too small.
    const rows = [Row.defining, Row.ofProcess + this.process];
    for (const row of change === 1 ? rows : rows.toReversed()) Atomics.add(this.ints, this.at(row), change);
  }

  private at(row: number): number {
    return row * ENTRIES + this.entry;
  }
}

/** What other coordinators have to know of an entry. */
export interface EntryState {
  readonly committing: boolean;
  readonly defining: boolean;
  readonly changes: number;
}

export class DefinitionStates {
  private readonly ints: Int32Array;

  constructor(ints: Int32Array) {
    this.ints = ints;
  }

  of(database: string, process: number, life: number): DefinitionState {
    return new DefinitionState(this.ints, entryOf(database), process, life);
  }

  /** Of this coordinator's processes. */
  own(entry: number): EntryState {
    return {
      committing: Atomics.load(this.ints, Row.committing * ENTRIES + entry) !== FREE,
      defining: Atomics.load(this.ints, Row.defining * ENTRIES + entry) !== 0,
      changes: Atomics.load(this.ints, Row.changes * ENTRIES + entry),
    };
  }

  /** Entries of which others have something to know. */
  busy(): number[] {
    const entries = Array.from({ length: ENTRIES }, (_, entry) => entry);
    return entries.filter((entry) => {
      const { committing, defining, changes } = this.own(entry);
      return committing || defining || changes !== 0;
    });
  }

  /** How many other coordinators commit definitions, and how many have open transactions that change some. */
  setOthers(entry: number, committing: number, defining: number): void {
    Atomics.store(this.ints, Row.othersCommitting * ENTRIES + entry, committing);
    Atomics.store(this.ints, Row.othersDefining * ENTRIES + entry, defining);
  }

  advance(entry: number): void {
    Atomics.add(this.ints, Row.version * ENTRIES + entry, 1);
  }

  /** Nothing that was planned is known to hold. */
  advanceAll(): void {
    for (let entry = 0; entry < ENTRIES; entry++) this.advance(entry);
  }

  /** The transactions of a process that has ended are being undone. */
  forgetProcess(process: number): void {
    for (let entry = 0; entry < ENTRIES; entry++) {
      const open = Atomics.exchange(this.ints, (Row.ofProcess + process) * ENTRIES + entry, 0);
      if (open !== 0) Atomics.sub(this.ints, Row.defining * ENTRIES + entry, open);
    }
  }

  /** What a process that has ended was committing is settled. */
  release(life: number): void {
    for (let entry = 0; entry < ENTRIES; entry++) {
      this.advance(entry);
      Atomics.compareExchange(this.ints, Row.committing * ENTRIES + entry, life, FREE);
    }
  }
}

const entryOf = (database: string): number => hashOf(database) % ENTRIES;
