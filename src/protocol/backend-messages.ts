/** The messages that a server sends: writing them (to clients) and reading those that Pleiad looks into. */
import { shortString } from "./short-string.ts";
import { MessageReader } from "./message-reader.ts";
import { Backend, type TransactionStatus } from "./message-types.ts";
import { formatOf, type Formats } from "./frontend-messages.ts";

/** One column of a RowDescription, with the catalog node's OIDs. */
export interface Field {
  readonly name: Buffer;
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  readonly typeSize: number;
  readonly typeModifier: number;
}

function bare(type: number): Buffer {
  return Buffer.from([type, 0, 0, 0, 4]);
}

export const parseComplete = bare(Backend.parseComplete);
export const bindComplete = bare(Backend.bindComplete);
export const closeComplete = bare(Backend.closeComplete);
export const noData = bare(Backend.noData);
export const emptyQueryResponse = bare(Backend.emptyQueryResponse);
export const copyDoneMessage = bare(Backend.copyDone);

const readyBuffers = new Map<number, Buffer>();

export function readyForQuery(status: TransactionStatus): Buffer {
  let buffer = readyBuffers.get(status);
  if (buffer === undefined) {
    buffer = Buffer.from([Backend.readyForQuery, 0, 0, 0, 5, status]);
    readyBuffers.set(status, buffer);
  }
  return buffer;
}

function withBody(type: number, body: Buffer): Buffer {
  const buffer = Buffer.allocUnsafe(5 + body.length);
  buffer[0] = type;
  buffer.writeInt32BE(4 + body.length, 1);
  body.copy(buffer, 5);
  return buffer;
}

export function commandComplete(tag: string): Buffer {
  return withBody(Backend.commandComplete, Buffer.from(`${tag}\0`));
}

export function parameterStatus(name: string, value: string): Buffer {
  return withBody(Backend.parameterStatus, Buffer.from(`${name}\0${value}\0`));
}

export function backendKeyData(processId: number, secret: Buffer): Buffer {
  const body = Buffer.allocUnsafe(4 + secret.length);
  body.writeInt32BE(processId, 0);
  secret.copy(body, 4);
  return withBody(Backend.backendKeyData, body);
}

export function parameterDescription(types: readonly number[]): Buffer {
  const body = Buffer.allocUnsafe(2 + 4 * types.length);
  body.writeUInt16BE(types.length, 0);
  types.forEach((oid, i) => body.writeUInt32BE(oid, 2 + 4 * i));
  return withBody(Backend.parameterDescription, body);
}

export function rowDescription(fields: readonly Field[], formats: Formats): Buffer {
  let size = 2;
  for (const field of fields) size += field.name.length + 1 + 18;
  const body = Buffer.allocUnsafe(size);
  let at = body.writeUInt16BE(fields.length, 0);
  fields.forEach((field, i) => {
    at += field.name.copy(body, at);
    body[at++] = 0;
    at = body.writeUInt32BE(field.tableOid, at);
    at = body.writeInt16BE(field.columnNumber, at);
    at = body.writeUInt32BE(field.typeOid, at);
    at = body.writeInt16BE(field.typeSize, at);
    at = body.writeInt32BE(field.typeModifier, at);
    at = body.writeInt16BE(formatOf(formats, i), at);
  });
  return withBody(Backend.rowDescription, body);
}

/** DataRow of text values. */
export function dataRow(values: readonly (string | null)[]): Buffer {
  const parts: Buffer[] = [];
  const count = Buffer.allocUnsafe(2);
  count.writeUInt16BE(values.length, 0);
  parts.push(count);
  for (const value of values) {
    const bytes = value === null ? undefined : Buffer.from(value);
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(bytes === undefined ? -1 : bytes.length, 0);
    parts.push(length);
    if (bytes !== undefined) parts.push(bytes);
  }
  return withBody(Backend.dataRow, Buffer.concat(parts));
}

/** CopyInResponse / CopyOutResponse; `binary` for the whole and for each column. */
export function copyResponse(direction: "in" | "out", binary: boolean, columns: number): Buffer {
  const body = Buffer.alloc(3 + 2 * columns);
  body[0] = binary ? 1 : 0;
  body.writeUInt16BE(columns, 1);
  for (let i = 0; i < columns; i++) body.writeInt16BE(binary ? 1 : 0, 3 + 2 * i);
  return withBody(direction === "in" ? Backend.copyInResponse : Backend.copyOutResponse, body);
}

export function copyDataMessage(data: Buffer): Buffer {
  return withBody(Backend.copyData, data);
}

/** Reads a RowDescription; buffer[start, end) is the whole frame. */
export function readRowDescription(buffer: Buffer, start: number, end: number): Field[] {
  const reader = new MessageReader(buffer, start + 5, end);
  const count = reader.uint16();
  const fields: Field[] = [];
  for (let i = 0; i < count; i++) {
    const name = Buffer.from(reader.stringBytes());
    const tableOid = reader.uint32();
    const columnNumber = reader.int16();
    const typeOid = reader.uint32();
    const typeSize = reader.int16();
    const typeModifier = reader.int32();
    reader.int16();
    fields.push({ name, tableOid, columnNumber, typeOid, typeSize, typeModifier });
  }
  return fields;
}

/** Reads a ParameterDescription; buffer[start, end) is the whole frame. */
export function readParameterDescription(buffer: Buffer, start: number, end: number): number[] {
  const reader = new MessageReader(buffer, start + 5, end);
  const count = reader.uint16();
  const types: number[] = [];
  for (let i = 0; i < count; i++) types.push(reader.uint32());
  return types;
}

/** Reads a DataRow of text values; buffer[start, end) is the whole frame. */
export function readDataRow(buffer: Buffer, start: number, end: number): (Buffer | null)[] {
  const reader = new MessageReader(buffer, start + 5, end);
  const count = reader.uint16();
  const values: (Buffer | null)[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.int32();
    values.push(length === -1 ? null : reader.bytes(length));
  }
  return values;
}

/** The tag of a CommandComplete, for example "INSERT 0 3"; buffer[start, end) is the whole frame. */
export function readCommandTag(buffer: Buffer, start: number, end: number): string {
  return shortString(buffer, start + 5, end - 1);
}
