/**
 * One record for every client connection of a node, as all its processes see it: whose it is, what opens its cancel, and how far
 * the conversation has come. Only the listener allots and frees records; only the process that owns one writes to the rest.
 */
import { Conversation } from "./conversation.ts";
import { randomBytes, randomInt, timingSafeEqual } from "node:crypto";

const RECORD_INTS = 32;
const INT_BYTES = 4;

/** Where in a record; `owner` is the life of the owning process, the key takes the fields from `key` on. */
const Field = { state: 0, generation: 1, owner: 2, keyBytes: 3, key: 4 } as const;
type Field = (typeof Field)[keyof typeof Field];

const KEY_BYTES_MAX = 32;

/** State of a record. */
export const SessionState = {
  free: 0,
  /** A connection that has not logged in. */
  arriving: 1,
  active: 2,
  /** Its process is done with it: the record may be freed. */
  closed: 3,
  /** Active, and its process has let go of it, so that another may have it. */
  released: 4,
  /** The same, and the listener has chosen the next one. */
  assigned: 5,
} as const;

export type SessionState = (typeof SessionState)[keyof typeof SessionState];

const LOGGED_IN: ReadonlySet<number> = new Set([
  SessionState.active,
  SessionState.released,
  SessionState.assigned,
]);

/** Before the records; as many as keep the records' doubles where doubles may be. */
const HEAD_INTS = 16;

export const sessionInts = (capacity: number): number => HEAD_INTS + capacity * RECORD_INTS;

export class SessionTable {
  /** First the number of active sessions, then the records. */
  private readonly ints: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Buffer;
  readonly capacity: number;
  private searchFrom = 0;

  constructor(ints: Int32Array) {
    this.ints = ints;
    this.doubles = new Float64Array(ints.buffer, ints.byteOffset, ints.length >> 1);
    this.bytes = Buffer.from(ints.buffer, ints.byteOffset, ints.byteLength);
    this.capacity = Math.floor((ints.length - HEAD_INTS) / RECORD_INTS);
  }

  /** A record for a new connection; undefined when all are taken. What is given is the connection's number: positive, and no other living one's. */
  allot(): number | undefined {
    for (let tried = 0; tried < this.capacity; tried++) {
      const slot = this.searchFrom;
      this.searchFrom = (slot + 1) % this.capacity;
      if (this.get(slot, Field.state) !== SessionState.free) continue;
      // A client that kept an old session's number must not find the record's next owner.
      this.set(slot, Field.generation, nextGeneration(this.get(slot, Field.generation), this.capacity));
      this.set(slot, Field.keyBytes, 0);
      this.set(slot, Field.owner, 0);
      const id = this.idOf(slot);
      this.conversation(id).reset();
      this.set(slot, Field.state, SessionState.arriving);
      return id;
    }
    return undefined;
  }

  /** False: another connection has its record, or none. */
  isCurrent(id: number): boolean {
    return this.idOf(this.slotOf(id)) === id && this.state(id) !== SessionState.free;
  }

  /** All that are not free. */
  taken(): number[] {
    const found: number[] = [];
    for (let slot = 0; slot < this.capacity; slot++)
      if (this.get(slot, Field.state) !== SessionState.free) found.push(this.idOf(slot));
    return found;
  }

  free(id: number): void {
    const slot = this.slotOf(id);
    this.set(slot, Field.keyBytes, 0);
    this.set(slot, Field.state, SessionState.free);
  }

  state(id: number): SessionState {
    return this.get(this.slotOf(id), Field.state) as SessionState;
  }

  /** Life of the process that the connection belongs to. */
  owner(id: number): number {
    return this.get(this.slotOf(id), Field.owner);
  }

  setOwner(id: number, life: number): void {
    this.set(this.slotOf(id), Field.owner, life);
  }

  /** Sessions of logged-in clients, in all processes. */
  get active(): number {
    return Atomics.load(this.ints, 0);
  }

  /** The client has logged in. Gives the secret that opens its cancel; undefined: there are `activeMax` sessions. */
  activate(id: number, protocolMinor: 0 | 2, activeMax: number): Buffer | undefined {
    if (Atomics.add(this.ints, 0, 1) >= activeMax) {
      Atomics.sub(this.ints, 0, 1);
      return undefined;
    }
    const slot = this.slotOf(id);
    const key = randomBytes(protocolMinor === 0 ? 4 : KEY_BYTES_MAX);
    key.copy(this.bytes, this.at(slot, Field.key) * INT_BYTES);
    this.set(slot, Field.keyBytes, key.length);
    this.set(slot, Field.state, SessionState.active);
    return key;
  }

  /** Is its client logged in, whoever serves it? */
  isLoggedIn(id: number): boolean {
    return LOGGED_IN.has(this.state(id));
  }

  /** By its process: from now on it is the listener's to say whose it is. */
  release(id: number): void {
    this.set(this.slotOf(id), Field.state, SessionState.released);
  }

  /** By the listener, once for each release: false when it is not released. */
  beginAssignment(id: number): boolean {
    return this.change(id, SessionState.released, SessionState.assigned);
  }

  /** By its new process, which goes on with it. */
  resume(id: number): void {
    this.change(id, SessionState.assigned, SessionState.active);
  }

  private change(id: number, from: SessionState, to: SessionState): boolean {
    return Atomics.compareExchange(this.ints, this.at(this.slotOf(id), Field.state), from, to) === from;
  }

  /** The session is over: its key opens nothing any more. A second call does nothing, not even to the record's next owner. */
  close(id: number): void {
    if (!this.isCurrent(id)) return;
    const slot = this.slotOf(id);
    const before = Atomics.exchange(this.ints, this.at(slot, Field.state), SessionState.closed);
    this.set(slot, Field.keyBytes, 0);
    if (LOGGED_IN.has(before)) Atomics.sub(this.ints, 0, 1);
  }

  conversation(id: number): Conversation {
    return new Conversation(this.ints, this.doubles, this.at(this.slotOf(id), 0));
  }

  /** Whether this key may cancel that session: the number finds the record, the secret gives the right. */
  mayCancel(id: number, key: Buffer): boolean {
    if (id <= 0) return false;
    const slot = this.slotOf(id);
    if (this.idOf(slot) !== id || this.get(slot, Field.state) !== SessionState.active) return false;
    const bytes = this.get(slot, Field.keyBytes);
    if (bytes === 0 || bytes !== key.length) return false;
    const at = this.at(slot, Field.key) * INT_BYTES;
    return timingSafeEqual(this.bytes.subarray(at, at + bytes), key);
  }

  /** Connections that belong to the process of this life. */
  ownedBy(life: number): number[] {
    return this.taken().filter((id) => this.owner(id) === life);
  }

  private idOf(slot: number): number {
    return this.get(slot, Field.generation) * this.capacity + slot + 1;
  }

  private slotOf(id: number): number {
    return (id - 1) % this.capacity;
  }

  private at(slot: number, field: number): number {
    return HEAD_INTS + slot * RECORD_INTS + field;
  }

  private get(slot: number, field: Field): number {
    return Atomics.load(this.ints, this.at(slot, field));
  }

  private set(slot: number, field: Field, value: number): void {
    Atomics.store(this.ints, this.at(slot, field), value);
  }
}

/** Generations start anywhere, so that a key from before a restart rarely finds a record. */
function nextGeneration(generation: number, capacity: number): number {
  const max = Math.floor(0x7fffffff / capacity) - 1;
  return generation === 0 ? randomInt(1, max) : (generation % max) + 1;
}
