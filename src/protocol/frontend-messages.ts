/** The messages that a client sends: reading them (a session) and writing them (a backend connection). */
import { MessageReader } from "./message-reader.ts";
import { Frontend } from "./message-types.ts";

/** Formats of values: 0 text, 1 binary. No entries: all text; one: for all; otherwise one per value. */
export type Formats = readonly number[];

export const formatOf = (formats: Formats, index: number): number =>
  formats.length === 0 ? 0 : formats.length === 1 ? formats[0]! : (formats[index] ?? 0);

export interface ParseMessage {
  readonly name: string;
  readonly query: Buffer;
  /** OID per declared parameter; 0 = unspecified. */
  readonly parameterTypes: readonly number[];
}

export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** The body from the parameter formats to the end, as it came: passes through unread when the plan needs no value. */
  readonly tail: Buffer;
  readonly parameterFormats: Formats;
  readonly values: readonly (Buffer | null)[];
  readonly resultFormats: Formats;
}

export interface DescribeMessage {
  readonly kind: "statement" | "portal";
  readonly name: string;
}

export interface ExecuteMessage {
  readonly portal: string;
  /** 0 = no limit. */
  readonly rowsMax: number;
}

const KIND_STATEMENT = 0x53; // S
const KIND_PORTAL = 0x50; // P

export function readParse(buffer: Buffer, start: number, end: number): ParseMessage {
  const reader = new MessageReader(buffer, start, end);
  const name = reader.string();
  const query = reader.stringBytes();
  const count = reader.uint16();
  const parameterTypes: number[] = [];
  for (let i = 0; i < count; i++) parameterTypes.push(reader.uint32());
  reader.finish();
  return { name, query, parameterTypes };
}

export function readBind(buffer: Buffer, start: number, end: number): BindMessage {
  const reader = new MessageReader(buffer, start, end);
  const portal = reader.string();
  const statement = reader.string();
  const tailStart = reader.offset;
  const parameterFormats = readFormats(reader);
  const count = reader.uint16();
  const values: (Buffer | null)[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.int32();
    values.push(length === -1 ? null : reader.bytes(length));
  }
  const resultFormats = readFormats(reader);
  reader.finish();
  return {
    portal,
    statement,
    tail: buffer.subarray(tailStart, end),
    parameterFormats,
    values,
    resultFormats,
  };
}

const ALL_TEXT: Formats = [];

function readFormats(reader: MessageReader): Formats {
  const count = reader.uint16();
  if (count === 0) return ALL_TEXT;
  const formats: number[] = [];
  for (let i = 0; i < count; i++) formats.push(reader.int16());
  return formats;
}

export function readDescribe(buffer: Buffer, start: number, end: number): DescribeMessage | undefined {
  const reader = new MessageReader(buffer, start, end);
  const kind = reader.byte();
  const name = reader.string();
  reader.finish();
  if (kind === KIND_STATEMENT) return { kind: "statement", name };
  if (kind === KIND_PORTAL) return { kind: "portal", name };
  return undefined;
}

export function readExecute(buffer: Buffer, start: number, end: number): ExecuteMessage {
  const reader = new MessageReader(buffer, start, end);
  const portal = reader.string();
  const rowsMax = reader.int32();
  reader.finish();
  return { portal, rowsMax: Math.max(0, rowsMax) };
}

function message(type: number, bodyBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(5 + bodyBytes);
  buffer[0] = type;
  buffer.writeInt32BE(4 + bodyBytes, 1);
  return buffer;
}

export function query(sql: string | Buffer): Buffer {
  const bytes = typeof sql === "string" ? Buffer.byteLength(sql) : sql.length;
  const buffer = message(Frontend.query, bytes + 1);
  if (typeof sql === "string") buffer.write(sql, 5);
  else sql.copy(buffer, 5);
  buffer[5 + bytes] = 0;
  return buffer;
}

export function parse(name: string, sql: string | Buffer, parameterTypes: readonly number[] = []): Buffer {
  const nameBytes = Buffer.byteLength(name);
  const sqlBytes = typeof sql === "string" ? Buffer.byteLength(sql) : sql.length;
  const buffer = message(Frontend.parse, nameBytes + 1 + sqlBytes + 1 + 2 + 4 * parameterTypes.length);
  let at = 5 + buffer.write(name, 5);
  buffer[at++] = 0;
  at += typeof sql === "string" ? buffer.write(sql, at) : sql.copy(buffer, at);
  buffer[at++] = 0;
  at = buffer.writeUInt16BE(parameterTypes.length, at);
  for (const oid of parameterTypes) at = buffer.writeUInt32BE(oid, at);
  return buffer;
}

/** Bind with the client's own formats and values: `tail` of a BindMessage. */
export function bindWithTail(portal: string, statement: string, tail: Buffer): Buffer {
  const portalBytes = Buffer.byteLength(portal);
  const statementBytes = Buffer.byteLength(statement);
  const buffer = message(Frontend.bind, portalBytes + 1 + statementBytes + 1 + tail.length);
  let at = 5 + buffer.write(portal, 5);
  buffer[at++] = 0;
  at += buffer.write(statement, at);
  buffer[at++] = 0;
  tail.copy(buffer, at);
  return buffer;
}

/** A whole request in one buffer: Bind with the client's own formats and values, Execute, Sync. The names are Pleiad's own: ASCII. */
export function bindExecuteSync(portal: string, statement: string, tail: Buffer, rowsMax: number): Buffer {
  const bindBytes = 4 + portal.length + 1 + statement.length + 1 + tail.length;
  const executeBytes = 4 + portal.length + 1 + 4;
  const buffer = Buffer.allocUnsafe(1 + bindBytes + 1 + executeBytes + sync.length);
  buffer[0] = Frontend.bind;
  let at = buffer.writeInt32BE(bindBytes, 1);
  at = writeName(buffer, portal, at);
  at = writeName(buffer, statement, at);
  buffer.set(tail, at);
  at += tail.length;
  buffer[at++] = Frontend.execute;
  at = buffer.writeInt32BE(executeBytes, at);
  at = writeName(buffer, portal, at);
  at = buffer.writeInt32BE(rowsMax, at);
  buffer.set(sync, at);
  return buffer;
}

/** Gives the place behind it and its zero. */
function writeName(buffer: Buffer, name: string, at: number): number {
  if (name !== "") at += buffer.write(name, at, "latin1");
  buffer[at] = 0;
  return at + 1;
}

/** Tail of a Bind whose values are all in text form. */
export function textBindTail(
  values: readonly (string | Buffer | null)[],
  resultFormats: Formats = ALL_TEXT,
): Buffer {
  const encoded = values.map((value) => (typeof value === "string" ? Buffer.from(value) : value));
  const valueBytes = encoded.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 0);
  const tail = Buffer.allocUnsafe(4 + valueBytes + 2 + 2 * resultFormats.length);
  let at = tail.writeInt16BE(0, 0);
  at = tail.writeUInt16BE(encoded.length, at);
  for (const value of encoded) {
    at = tail.writeInt32BE(value === null ? -1 : value.length, at);
    if (value !== null) tail.set(value, at);
    at += value?.length ?? 0;
  }
  at = tail.writeUInt16BE(resultFormats.length, at);
  for (const format of resultFormats) at = tail.writeInt16BE(format, at);
  return tail;
}

function named(type: number, kind: number, name: string): Buffer {
  const bytes = Buffer.byteLength(name);
  const buffer = message(type, 1 + bytes + 1);
  buffer[5] = kind;
  buffer.write(name, 6);
  buffer[6 + bytes] = 0;
  return buffer;
}

export const describeStatement = (name: string): Buffer => named(Frontend.describe, KIND_STATEMENT, name);
export const closeStatement = (name: string): Buffer => named(Frontend.close, KIND_STATEMENT, name);

export function execute(portal: string, rowsMax = 0): Buffer {
  const bytes = Buffer.byteLength(portal);
  const buffer = message(Frontend.execute, bytes + 1 + 4);
  buffer.write(portal, 5);
  buffer[5 + bytes] = 0;
  buffer.writeInt32BE(rowsMax, 6 + bytes);
  return buffer;
}

export const sync = Buffer.from([Frontend.sync, 0, 0, 0, 4]);
export const terminate = Buffer.from([Frontend.terminate, 0, 0, 0, 4]);
export const copyDone = Buffer.from([Frontend.copyDone, 0, 0, 0, 4]);

export function copyFail(reason: string): Buffer {
  const bytes = Buffer.byteLength(reason);
  const buffer = message(Frontend.copyFail, bytes + 1);
  buffer.write(reason, 5);
  buffer[5 + bytes] = 0;
  return buffer;
}

export function copyData(data: Buffer): Buffer {
  const buffer = message(Frontend.copyData, data.length);
  data.copy(buffer, 5);
  return buffer;
}

/** StartupMessage, protocol 3.0. */
export function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.from(
    Object.entries(parameters)
      .map(([name, value]) => `${name}\0${value}\0`)
      .join("") + "\0",
  );
  const head = Buffer.allocUnsafe(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(0x0003_0000, 4);
  return Buffer.concat([head, body]);
}

/** CancelRequest for the given backend key. */
export function cancelRequest(processId: number, secret: Buffer): Buffer {
  const buffer = Buffer.allocUnsafe(12 + secret.length);
  buffer.writeInt32BE(12 + secret.length, 0);
  buffer.writeInt32BE(80877102, 4);
  buffer.writeInt32BE(processId, 8);
  secret.copy(buffer, 12);
  return buffer;
}
