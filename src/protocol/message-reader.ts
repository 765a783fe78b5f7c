/** Reads the fields of one message body; every read is checked, so that a malformed message is a protocol error and nothing else. */
import { shortString } from "./short-string.ts";
import { pgError, type PgError } from "../errors/pg-error.ts";

export class MessageReader {
  private at: number;
  private readonly buffer: Buffer;
  private readonly end: number;

  /** Body in buffer[start, end). */
  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  private short(): PgError {
    return pgError("08P01", "insufficient data left in message");
  }

  get offset(): number {
    return this.at;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  byte(): number {
    if (this.at >= this.end) throw this.short();
    return this.buffer[this.at++]!;
  }

  int16(): number {
    if (this.at + 2 > this.end) throw this.short();
    const value = this.buffer.readInt16BE(this.at);
    this.at += 2;
    return value;
  }

  /** A count that PostgreSQL declares as Int16 but reads as unsigned (65,535 parameters are legal). */
  uint16(): number {
    return this.int16() & 0xffff;
  }

  int32(): number {
    if (this.at + 4 > this.end) throw this.short();
    const value = this.buffer.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  bytes(count: number): Buffer {
    if (count < 0 || this.at + count > this.end) throw this.short();
    const value = this.buffer.subarray(this.at, this.at + count);
    this.at += count;
    return value;
  }

  /** The bytes of a zero-terminated string, without the zero. */
  stringBytes(): Buffer {
    const zero = this.endOfString(this.buffer.indexOf(0, this.at));
    const value = this.buffer.subarray(this.at, zero);
    this.at = zero + 1;
    return value;
  }

  /** A name: short, and soon to be read again. */
  string(): string {
    let end = this.at;
    while (end < this.end && this.buffer[end] !== 0) end++;
    const zero = this.endOfString(end);
    const value = shortString(this.buffer, this.at, zero);
    this.at = zero + 1;
    return value;
  }

  private endOfString(zero: number): number {
    if (zero < 0 || zero >= this.end) throw pgError("08P01", "invalid string in message");
    return zero;
  }

  finish(): void {
    if (this.at !== this.end) throw pgError("08P01", "invalid message format");
  }
}
