/**
 * Frames of the PostgreSQL protocol as a test client needs them: built byte by byte, so that tests can also send what no
 * driver would send, and read without any interpretation that could hide a difference.
 */

export interface Frame {
  /** One character, as in the protocol's documentation: "T" RowDescription, "D" DataRow, … */
  readonly type: string;
  readonly body: Buffer;
}

export function frame(type: string, ...parts: readonly (Buffer | string | number)[]): Buffer {
  const body = Buffer.concat(parts.map(encodePart));
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Strings end with a zero byte, as everywhere in the protocol; numbers are Int16 (what most fields are). */
function encodePart(part: Buffer | string | number): Buffer {
  if (typeof part === "string") return Buffer.from(`${part}\0`);
  if (typeof part === "number") return int16(part);
  return part;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [`${name}\0`, `${value}\0`]);
  const body = Buffer.concat([int32(196608), Buffer.from(`${pairs.join("")}\0`)]);
  return Buffer.concat([int32(body.length + 4), body]);
}

export const query = (sql: string): Buffer => frame("Q", sql);
export const sync = (): Buffer => frame("S");
export const flush = (): Buffer => frame("H");
export const parse = (name: string, sql: string, types: readonly number[] = []): Buffer =>
  frame("P", name, sql, types.length, ...types.map(int32));
/** Parameters as text; `resultFormats`: 0 text, 1 binary, none: all text. */
export const bind = (
  portal: string,
  statement: string,
  values: readonly (string | null)[] = [],
  resultFormats: readonly number[] = [],
): Buffer =>
  frame(
    "B",
    portal,
    statement,
    0,
    values.length,
    ...values.map(encodeValue),
    resultFormats.length,
    ...resultFormats,
  );
export const describe = (kind: "S" | "P", name: string): Buffer => frame("D", Buffer.from(kind), name);
export const execute = (portal: string, rowsMax = 0): Buffer => frame("E", portal, int32(rowsMax));
export const close = (kind: "S" | "P", name: string): Buffer => frame("C", Buffer.from(kind), name);
export const copyData = (data: Buffer): Buffer => frame("d", data);
export const copyDone = (): Buffer => frame("c");
export const copyFail = (reason: string): Buffer => frame("f", reason);
export const terminate = (): Buffer => frame("X");

function encodeValue(value: string | null): Buffer {
  if (value === null) return int32(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([int32(bytes.length), bytes]);
}

/** Cuts a byte stream into frames; keeps what is incomplete for the next chunk. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= 5) {
      const length = bytes.readInt32BE(at + 1);
      if (bytes.length - at < length + 1) break;
      frames.push({
        type: String.fromCharCode(bytes[at] ?? 0),
        body: bytes.subarray(at + 5, at + 1 + length),
      });
      at += length + 1;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }
}
