/**
 * Pipes COPY data from several servers into one, unread: CopyData frames of a source are CopyData frames for the target.
 * In binary format each source writes a header and a trailer of its own; the target gets one of each.
 */
import { PgError } from "../errors/pg-error.ts";
import { readCommandTag } from "../protocol/backend-messages.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { copyData, copyDone, copyFail, query } from "../protocol/frontend-messages.ts";
import { Backend } from "../protocol/message-types.ts";
import type { BackendConnection, Receiver } from "./backend-connection.ts";

/** Signature, flags and an empty extension: https://www.postgresql.org/docs/18/sql-copy.html (Binary Format). */
const BINARY_HEADER = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
const BINARY_TRAILER = Buffer.from([0xff, 0xff]);

export class CopyRelay {
  private readonly sources: readonly BackendConnection[];
  private readonly sourceSql: (source: BackendConnection) => string;
  private readonly target: BackendConnection;
  private readonly targetSql: string;
  private readonly binary: boolean;
  private error: PgError | undefined;
  private targetError: PgError | undefined;
  private rows = 0;
  /** Size of the data that went to the target. */
  bytes = 0;
  private paused = false;
  private targetDone = false;

  constructor(
    sources: readonly BackendConnection[],
    sourceSql: (source: BackendConnection) => string,
    target: BackendConnection,
    targetSql: string,
    binary: boolean,
  ) {
    this.sources = sources;
    this.sourceSql = sourceSql;
    this.target = target;
    this.targetSql = targetSql;
    this.binary = binary;
  }

  /** Gives the number of rows that the target took. Throws the error of whichever side failed first; all connections are in step afterwards. */
  async run(): Promise<number> {
    const finished = this.openTarget();
    if (this.binary) this.target.write(copyData(BINARY_HEADER));
    await Promise.all(this.sources.map((source) => this.read(source)));
    // The last bytes may have filled the target's buffer: nobody gets a source back that does not read.
    this.target.onDrain = undefined;
    this.resumeSources();
    if (!this.targetDone) {
      if (this.error !== undefined) this.target.write(copyFail("the source failed"));
      else {
        if (this.binary) this.target.write(copyData(BINARY_TRAILER));
        this.target.write(copyDone);
      }
    }
    await finished;
    const error = this.error ?? this.targetError;
    if (error !== undefined) throw error;
    return this.rows;
  }

  private openTarget(): Promise<void> {
    return new Promise((resolve) => {
      this.target.send(query(this.targetSql), {
        frame: (type, buffer, start, end) => {
          if (type === Backend.commandComplete)
            this.rows = Number(readCommandTag(buffer, start, end).split(" ")[1] ?? 0);
          else if (type === Backend.errorResponse) {
            this.targetError ??= new PgError(parseErrorFields(buffer, start + 5, end));
            this.stopSources();
          }
        },
        ready: () => {
          this.targetDone = true;
          resolve();
        },
        lost: (error) => {
          this.targetDone = true;
          this.targetError ??= error;
          this.stopSources();
          resolve();
        },
      });
      this.target.onDrain = () => {
        this.resumeSources();
      };
    });
  }

  private resumeSources(): void {
    if (!this.paused) return;
    this.paused = false;
    for (const source of this.sources) source.resume();
  }

  private stopSources(): void {
    this.resumeSources();
    for (const source of this.sources) if (source.depth > 0) void source.cancel();
  }

  private read(source: BackendConnection): Promise<void> {
    return new Promise((resolve) => {
      source.send(query(this.sourceSql(source)), new SourceReader(this, resolve));
    });
  }

  /** For SourceReader: bytes that are whole CopyData frames. */
  pass(bytes: Buffer): void {
    if (this.targetError !== undefined || this.error !== undefined || this.targetDone) return;
    this.bytes += bytes.length;
    if (!this.target.write(bytes) && !this.paused) {
      this.paused = true;
      for (const source of this.sources) source.pause();
    }
  }

  fail(error: PgError): void {
    if (this.error !== undefined || this.targetError !== undefined) return;
    this.error = error;
    this.stopSources();
  }

  get isBinary(): boolean {
    return this.binary;
  }
}

/** Joins adjacent frames of one chunk into one write. */
class SourceReader implements Receiver {
  private readonly relay: CopyRelay;
  private readonly resolve: () => void;
  private chunk: Buffer | undefined;
  private from = 0;
  private to = 0;
  private first = true;

  constructor(relay: CopyRelay, resolve: () => void) {
    this.relay = relay;
    this.resolve = resolve;
  }

  frame(type: number, buffer: Buffer, start: number, end: number): void {
    if (type === Backend.errorResponse) {
      this.relay.fail(new PgError(parseErrorFields(buffer, start + 5, end)));
      return;
    }
    if (type !== Backend.copyData) return;
    if (this.relay.isBinary) {
      if (this.first) {
        this.first = false;
        const row = buffer.subarray(start + 5 + BINARY_HEADER.length, end);
        if (row.length > BINARY_TRAILER.length) this.relay.pass(copyData(row));
        return;
      }
      // A row begins with its number of columns, which is never -1: two bytes of it are the trailer.
      if (end - start === 5 + BINARY_TRAILER.length && buffer.readInt16BE(start + 5) === -1) return;
    }
    if (this.chunk === buffer && this.to === start) {
      this.to = end;
      return;
    }
    this.passChunk();
    this.chunk = buffer;
    this.from = start;
    this.to = end;
  }

  private passChunk(): void {
    if (this.chunk !== undefined) this.relay.pass(this.chunk.subarray(this.from, this.to));
    this.chunk = undefined;
  }

  ready(): void {
    this.passChunk();
    this.resolve();
  }

  lost(error: PgError): void {
    this.relay.fail(error);
    this.resolve();
  }
}
