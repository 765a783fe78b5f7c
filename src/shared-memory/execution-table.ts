/**
 * What the sessions of a node do: the text of the statement that runs, or ran last, since when, in which phase, and how many rows it
 * has sent. One record for every record of the table of sessions. Written by the process that serves the session with plain stores,
 * since this is on the hot path; read by whoever asks for it.
 */
import { SharedText, sharedTextInts } from "./shared-text.ts";

/** Of a statement's text; the rest is not shown. */
const TEXT_BYTES_MAX = 1024;
const HEAD_INTS = 14;
const RECORD_INTS = HEAD_INTS + sharedTextInts(TEXT_BYTES_MAX);

export const executionInts = (capacity: number): number => capacity * RECORD_INTS;

/** What a session's process does with its statement. */
export const Phase = {
  idle: 0,
  planning: 1,
  running: 2,
  "waiting for admission": 3,
  "waiting for a connection": 4,
  "waiting for definitions": 5,
  "moving data": 6,
  committing: 7,
} as const;
export type Phase = keyof typeof Phase;
const PHASES = Object.keys(Phase) as Phase[];

/** Where in a record. The doubles are times in ms since 1970, 0 where there is none, and a number of rows. */
const Int = { id: 0, phase: 1 } as const;
const Double = { session: 1, statement: 2, state: 3, transaction: 4, rows: 5 } as const;

/** What a record says. Times in ms since 1970. */
export interface ExecutionEntry {
  readonly phase: Phase;
  readonly sessionSince: number;
  /** Undefined: no statement yet. */
  readonly statementSince: number | undefined;
  /** When the session last began to work, or to wait for its client. */
  readonly stateSince: number;
  /** Undefined: not in a transaction. */
  readonly transactionSince: number | undefined;
  /** Sent to the client by the statement. */
  readonly rows: number;
  /** Undefined: no statement yet, or its text cannot be read. */
  readonly text: string | undefined;
}

interface Memory {
  readonly ints: Int32Array;
  readonly doubles: Float64Array;
}

/** The record of one session, for the process that serves it. */
export class Execution {
  private readonly ints: Int32Array;
  private readonly doubles: Float64Array;
  private readonly text: SharedText;
  private readonly at: number;
  private readonly atDoubles: number;
  /** Whose text is in the record: a prepared statement's. */
  private kept: Buffer | undefined;

  /** A session begins, or goes on in another process: its last statement stays. */
  constructor({ ints, doubles }: Memory, at: number, id: number) {
    this.ints = ints;
    this.doubles = doubles;
    this.at = at;
    this.atDoubles = at / 2;
    this.text = textAt(ints, at);
    const now = Date.now();
    if (ints[at + Int.id] === id) this.text.takeOver();
    else {
      this.text.clear();
      for (const field of Object.values(Double)) doubles[this.atDoubles + field] = 0;
      doubles[this.atDoubles + Double.session] = now;
    }
    ints[at + Int.phase] = Phase.idle;
    doubles[this.atDoubles + Double.state] = now;
    ints[at + Int.id] = id;
  }

  /** A statement begins whose text is only lent. */
  begin(text: Buffer): void {
    this.kept = undefined;
    this.text.write(text);
    this.begun();
  }

  /** The same where the text stays as long as the session may run it again: it is written once. */
  beginKept(text: Buffer): void {
    if (text !== this.kept) {
      this.text.write(text);
      this.kept = text;
    }
    this.begun();
  }

  private begun(): void {
    const now = Date.now();
    this.ints[this.at + Int.phase] = Phase.planning;
    this.doubles[this.atDoubles + Double.statement] = now;
    this.doubles[this.atDoubles + Double.state] = now;
    this.doubles[this.atDoubles + Double.rows] = 0;
  }

  get phase(): Phase {
    return PHASES[this.ints[this.at + Int.phase]!]!;
  }

  enter(phase: Phase): void {
    this.ints[this.at + Int.phase] = Phase[phase];
  }

  /** Rows that were sent since the statement began. */
  sent(rows: number): void {
    this.doubles[this.atDoubles + Double.rows] = rows;
  }

  /** When the statement began, in ms since 1970. */
  get since(): number {
    return this.doubles[this.atDoubles + Double.statement]!;
  }

  /** The session waits for its client. */
  end(inTransaction: boolean): void {
    this.ints[this.at + Int.phase] = Phase.idle;
    this.doubles[this.atDoubles + Double.state] = Date.now();
    const transaction = this.atDoubles + Double.transaction;
    if (!inTransaction) this.doubles[transaction] = 0;
    else if (this.doubles[transaction] === 0) this.doubles[transaction] = this.since;
  }
}

export class ExecutionTable {
  private readonly memory: Memory;
  private readonly capacity: number;

  constructor(ints: Int32Array) {
    this.memory = { ints, doubles: new Float64Array(ints.buffer, ints.byteOffset, ints.length >> 1) };
    this.capacity = ints.length / RECORD_INTS;
  }

  /** For the process that serves the connection of this number. */
  of(id: number): Execution {
    return new Execution(this.memory, this.at(id), id);
  }

  /** Undefined: the session has not begun, or another has its record. */
  read(id: number): ExecutionEntry | undefined {
    const { ints, doubles } = this.memory;
    const at = this.at(id);
    const double = (field: number) => doubles[at / 2 + field]!;
    const entry: ExecutionEntry = {
      phase: PHASES[ints[at + Int.phase]!]!,
      sessionSince: double(Double.session),
      statementSince: double(Double.statement) || undefined,
      stateSince: double(Double.state),
      transactionSince: double(Double.transaction) || undefined,
      rows: double(Double.rows),
      text: textAt(ints, at).read(),
    };
    return ints[at + Int.id] === id ? entry : undefined;
  }

  private at(id: number): number {
    return ((id - 1) % this.capacity) * RECORD_INTS;
  }
}

const textAt = (ints: Int32Array, at: number): SharedText =>
  new SharedText(ints, at + HEAD_INTS, TEXT_BYTES_MAX);
