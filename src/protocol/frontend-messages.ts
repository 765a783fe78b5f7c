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
  const formats = (): number[] => {
    const count = reader.uint16();
    const list: number[] = [];
    for (let i = 0; i < count; i++) list.push(reader.int16());
    return list;
  };
  const parameterFormats = formats();
  const count = reader.uint16();
  const values: (Buffer | null)[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.int32();
    values.push(length === -1 ? null : reader.bytes(length));
  }
  const resultFormats = formats();
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

/** Tail of a Bind whose values are all in text form. */
export function textBindTail(
  values: readonly (string | Buffer | null)[],
  resultFormats: Formats = [],
): Buffer {
  const parts: Buffer[] = [];
  const head = Buffer.allocUnsafe(4);
  head.writeInt16BE(0, 0);
  head.writeUInt16BE(values.length, 2);
  parts.push(head);
  for (const value of values) {
    const length = Buffer.allocUnsafe(4);
    const bytes = value === null ? undefined : typeof value === "string" ? Buffer.from(value) : value;
    length.writeInt32BE(bytes === undefined ? -1 : bytes.length, 0);
    parts.push(length);
    if (bytes !== undefined) parts.push(bytes);
  }
  const formats = Buffer.allocUnsafe(2 + 2 * resultFormats.length);
  formats.writeUInt16BE(resultFormats.length, 0);
  resultFormats.forEach((format, i) => formats.writeInt16BE(format, 2 + 2 * i));
  parts.push(formats);
  return Buffer.concat(parts);
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
