/**
 * How far the conversation with one client has come, kept where a process that takes over from one that was killed finds it: how many
 * bytes were read and written, which requests wait for their answer, and what the transaction was. Written by the owner of the
 * connection only, with plain stores, at every message: this is on the hot path.
 */

/** Requests that end with ReadyForQuery, and those after which more must come. */
export type Request = "answered by itself" | "until Sync";

/** Where the fields are, from the beginning of the record; the last ones are doubles. */
const Int = {
  dirty: 12,
  status: 13,
  flags: 14,
  uncertain: 15,
  asked: 16,
  unsynced: 17,
  heldBytes: 18,
  heldNeeded: 19,
  heldHead: 20,
  answeredBefore: 21,
  answered: 22,
  /** Status in the low byte, and whether what runs may be committed: before the last write. */
  before: 23,
} as const;
const Double = { read: 12, writtenBefore: 13, written: 14 } as const;

const Flag = { tls: 1, holds: 2 } as const;

/** An incomplete message at the end of what was read. */
export interface HeldMessage {
  readonly bytes: number;
  /** Full size; 0 while its header is incomplete. */
  readonly needed: number;
  /** Its first bytes, four at most. */
  readonly head: Buffer;
}

/** What a record says, at one moment. */
export interface ConversationState {
  /** The owner was in the middle of a change: nothing here is to be trusted. */
  readonly dirty: boolean;
  /** As in the last ReadyForQuery. */
  readonly status: number;
  readonly tls: boolean;
  /** The session has something on a server that ends with its connection there: temporary tables, advisory locks, LISTEN, held cursors. */
  readonly holds: boolean;
  /** What runs may have been committed. */
  readonly uncertain: boolean;
  /** The same two before the last write: what they were when the client last heard something, if nothing of it went out. */
  readonly statusBefore: number;
  readonly uncertainBefore: boolean;
  /** Bytes read from the socket. */
  readonly read: number;
  /** Bytes written to it, all whole messages; and before the last write. */
  readonly written: number;
  readonly writtenBefore: number;
  /** Requests whose ReadyForQuery is owed, after the last write; and before it. */
  readonly owed: number;
  readonly owedBefore: number;
  /** Messages of the extended protocol came behind the last Sync. */
  readonly unsynced: boolean;
  readonly held: HeldMessage;
}

const NOTHING_HELD: HeldMessage = { bytes: 0, needed: 0, head: Buffer.alloc(0) };

export class Conversation {
  private readonly ints: Int32Array;
  private readonly doubles: Float64Array;
  private readonly at: number;
  private readonly atDoubles: number;
  /** ReadyForQuery messages that the next write contains, and what the last of them says. */
  private ready = 0;
  private readyStatus = 0;
  private readyHolds = false;

  /** `at`: of the record, counted in integers; even. */
  constructor(ints: Int32Array, doubles: Float64Array, at: number) {
    this.ints = ints;
    this.doubles = doubles;
    this.at = at;
    this.atDoubles = at / 2;
  }

  /** A new connection has the record; what it says is not to be trusted before the session begins. */
  reset(): void {
    for (const field of Object.values(Int)) this.ints[this.at + field] = field === Int.dirty ? 1 : 0;
    for (const field of Object.values(Double)) this.doubles[this.atDoubles + field] = 0;
  }

  /** The session begins: what was said so far is read, and its answer is owed. */
  begin(read: number, written: number, status: number, tls: boolean): void {
    this.goOn({ read, written, status, owed: 1, unsynced: false, held: NOTHING_HELD, uncertain: false });
    this.ints[this.at + Int.flags] = tls ? Flag.tls : 0;
  }

  /** Another process goes on with the session. */
  goOn({
    read,
    written,
    status,
    owed,
    unsynced,
    held,
    uncertain,
  }: Pick<
    ConversationState,
    "read" | "written" | "status" | "owed" | "unsynced" | "held" | "uncertain"
  >): void {
    this.reset();
    this.ints[this.at + Int.status] = status;
    this.ints[this.at + Int.uncertain] = uncertain ? 1 : 0;
    this.ints[this.at + Int.before] = beforeOf(status, uncertain ? 1 : 0);
    this.ints[this.at + Int.asked] = owed;
    this.ints[this.at + Int.unsynced] = unsynced ? 1 : 0;
    this.doubles[this.atDoubles + Double.read] = read;
    this.doubles[this.atDoubles + Double.written] = written;
    this.doubles[this.atDoubles + Double.writtenBefore] = written;
    const head = Buffer.alloc(4);
    held.head.copy(head);
    this.understood(held.bytes, held.needed, head.readInt32BE());
  }

  /** Bytes have come; what they mean is said before `understood`. */
  received(bytes: number): void {
    this.ints[this.at + Int.dirty] = 1;
    this.doubles[this.atDoubles + Double.read]! += bytes;
  }

  requested(request: Request): void {
    if (request === "until Sync") this.ints[this.at + Int.unsynced] = 1;
    else {
      this.ints[this.at + Int.asked]!++;
      this.ints[this.at + Int.unsynced] = 0;
    }
  }

  /** A request turned out to be part of the one before it: of a COPY. One of the extended protocol still waits for its Sync. */
  requestIgnored(): void {
    this.ints[this.at + Int.asked]!--;
    if (this.ints[this.at + Int.asked] === this.ints[this.at + Int.answered])
      this.ints[this.at + Int.unsynced] = 1;
  }

  /** `head`: the first bytes of the incomplete message, from the highest byte down. */
  understood(heldBytes: number, needed: number, head: number): void {
    this.ints[this.at + Int.heldBytes] = heldBytes;
    if (heldBytes > 0) {
      this.ints[this.at + Int.heldNeeded] = needed;
      this.ints[this.at + Int.heldHead] = head;
    }
    this.ints[this.at + Int.dirty] = 0;
  }

  /** From now on what runs may be committed without the client's knowing. */
  mayCommit(): void {
    this.ints[this.at + Int.uncertain] = 1;
  }

  /** ReadyForQuery goes out with the next write. */
  answers(status: number, holds: boolean): void {
    this.ready++;
    this.readyStatus = status;
    this.readyHolds = holds;
  }

  /** So many bytes are about to be written. */
  writes(bytes: number): void {
    const { ints, doubles, at, atDoubles } = this;
    ints[at + Int.dirty] = 1;
    doubles[atDoubles + Double.writtenBefore] = doubles[atDoubles + Double.written]!;
    doubles[atDoubles + Double.written]! += bytes;
    ints[at + Int.answeredBefore] = ints[at + Int.answered]!;
    ints[at + Int.before] = beforeOf(ints[at + Int.status]!, ints[at + Int.uncertain]!);
    if (this.ready > 0) {
      ints[at + Int.answered]! += this.ready;
      this.ready = 0;
      ints[at + Int.status] = this.readyStatus;
      ints[at + Int.uncertain] = 0;
      ints[at + Int.flags] = (ints[at + Int.flags]! & Flag.tls) | (this.readyHolds ? Flag.holds : 0);
    }
    ints[at + Int.dirty] = 0;
  }

  /** Bytes written so far. */
  get written(): number {
    return this.doubles[this.atDoubles + Double.written]!;
  }

  /** Requests of the client since its session is with this process. */
  get requests(): number {
    return this.ints[this.at + Int.asked]!;
  }

  /** Neither encrypted nor with anything on a server, as of the last ReadyForQuery. */
  get isFree(): boolean {
    return this.ints[this.at + Int.flags] === 0;
  }

  state(): ConversationState {
    const int = (field: number) => this.ints[this.at + field]!;
    const double = (field: number) => this.doubles[this.atDoubles + field]!;
    const head = Buffer.alloc(4);
    head.writeInt32BE(int(Int.heldHead));
    const heldBytes = int(Int.heldBytes);
    return {
      dirty: int(Int.dirty) !== 0,
      status: int(Int.status),
      tls: (int(Int.flags) & Flag.tls) !== 0,
      holds: (int(Int.flags) & Flag.holds) !== 0,
      uncertain: int(Int.uncertain) !== 0,
      statusBefore: int(Int.before) & 0xff,
      uncertainBefore: int(Int.before) >> 8 !== 0,
      read: double(Double.read),
      written: double(Double.written),
      writtenBefore: double(Double.writtenBefore),
      owed: int(Int.asked) - int(Int.answered),
      owedBefore: int(Int.asked) - int(Int.answeredBefore),
      unsynced: int(Int.unsynced) !== 0,
      held: {
        bytes: heldBytes,
        needed: heldBytes > 0 ? int(Int.heldNeeded) : 0,
        head: head.subarray(0, Math.min(4, heldBytes)),
      },
    };
  }
}

function beforeOf(status: number, uncertain: number): number {
  return status | (uncertain << 8);
}
