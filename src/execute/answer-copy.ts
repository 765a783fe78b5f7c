/** A copy of an answer on its way to the client, as far as it is small. */
import { Backend } from "../protocol/message-types.ts";

const HEADER_BYTES = 5;

export class AnswerCopy {
  private readonly bytesMax: number;
  private parts: Buffer[] | undefined = [];
  private bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  add(buffer: Buffer, start: number, end: number): void {
    if (this.parts === undefined) return;
    this.bytes += end - start;
    if (this.bytes > this.bytesMax) this.parts = undefined;
    // The bytes are only lent.
    else this.parts.push(Buffer.from(buffer.subarray(start, end)));
  }

  /** Undefined: it is too large, or not just `preface`, rows and their tag: a notice, say, is not part of an answer. */
  whole(preface: Buffer): Buffer | undefined {
    if (this.parts === undefined) return undefined;
    const all = Buffer.concat(this.parts, this.bytes);
    if (!all.subarray(0, preface.length).equals(preface)) return undefined;
    let at = preface.length;
    while (all[at] === Backend.dataRow) at += messageBytes(all, at);
    return all[at] === Backend.commandComplete && at + messageBytes(all, at) === all.length ? all : undefined;
  }
}

function messageBytes(buffer: Buffer, at: number): number {
  return at + HEADER_BYTES > buffer.length ? HEADER_BYTES : 1 + buffer.readUInt32BE(at + 1);
}
