/**
 * Answers of reads, kept in the node's shared memory for whoever asks the same again: sessions that have set pleiad.result_cache. An
 * answer holds as long as nothing was written since before it was asked for, by whatever process (shared-memory/writer-states.ts).
 */
import { createHash } from "node:crypto";
import type { Coordination } from "../shared-memory/coordination.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import type { DatabaseWriters, WriterStates, WrittenMark } from "../shared-memory/writer-states.ts";

/** Larger answers are not kept. */
export const ANSWER_BYTES_MAX = 1024 * 1024;
/** Of the store. */
const SHARE_MAX = 0.25;
/** Version of the definitions, the mark, bytes of the tag. */
const HEADER_BYTES = 16;

/** Up to when an answer holds. */
export interface Moment {
  /** Of the definitions. */
  readonly version: number;
  readonly mark: WrittenMark;
}

export interface KeptAnswer {
  /** What the client gets, with what goes before the rows. */
  readonly bytes: Buffer;
  readonly tag: string;
}

export class ResultCache {
  private readonly answers: SharedDatabase;
  private readonly bytesMax: number;
  private readonly writers: WriterStates;
  private readonly coordination: Coordination;
  found = 0;
  kept = 0;
  /** Statements that asked for it and could not use it. */
  refused = 0;

  /** `storeBytes`: of the store in which `answers` is. */
  constructor(
    answers: SharedDatabase,
    storeBytes: number,
    writers: WriterStates,
    coordination: Coordination,
  ) {
    this.answers = answers;
    this.bytesMax = storeBytes * SHARE_MAX;
    this.writers = writers;
    this.coordination = coordination;
  }

  /** Now; undefined while somebody writes, or may do so without being seen here. */
  moment(writers: DatabaseWriters, version: number): Moment | undefined {
    const { coordination } = this;
    const mark = writers.mark;
    // Asked behind it: another coordinator writes nothing before this one has heard of it, or has lost its lease.
    const isKnown =
      this.writers.knownSince === coordination.epoch && coordination.leased && coordination.hasBeenAlone;
    return isKnown && mark !== undefined ? { version, mark } : undefined;
  }

  find(key: string, moment: Moment): KeptAnswer | undefined {
    const value = this.answers.get(key);
    if (value === undefined || value.length < HEADER_BYTES) return undefined;
    const kept: Moment = {
      version: value.readInt32LE(0),
      mark: [value.readInt32LE(4), value.readInt32LE(8)],
    };
    if (!isSameMoment(kept, moment)) return undefined;
    const bytesAt = HEADER_BYTES + value.readInt32LE(12);
    return { bytes: value.subarray(bytesAt), tag: value.toString("utf8", HEADER_BYTES, bytesAt) };
  }

  keep(key: string, { version, mark }: Moment, { bytes, tag }: KeptAnswer): void {
    const value = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(tag) + bytes.length);
    value.writeInt32LE(version, 0);
    value.writeInt32LE(mark[0], 4);
    value.writeInt32LE(mark[1], 8);
    value.writeInt32LE(Buffer.byteLength(tag), 12);
    value.write(tag, HEADER_BYTES);
    bytes.copy(value, HEADER_BYTES + Buffer.byteLength(tag));
    if (this.answers.usedBytes + value.length > this.bytesMax) this.answers.clear();
    if (this.answers.put(key, value)) this.kept++;
  }
}

export function isSameMoment(a: Moment, b: Moment): boolean {
  return a.version === b.version && a.mark[0] === b.mark[0] && a.mark[1] === b.mark[1];
}

/** One key for the same parts in the same order. */
export function resultKey(database: string, parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    hash.update(`${bytes.length}.`).update(bytes);
  }
  return `${database.slice(0, 200)}\0${hash.digest("base64")}`;
}
