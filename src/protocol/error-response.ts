/**
 * ErrorResponse and NoticeResponse: the same body, a list of (letter, string) pairs ended by a zero byte. Written for what
 * Pleiad itself reports, read from what a server says.
 */
import type { PgErrorFields } from "../errors/pg-error.ts";
import { Backend } from "./message-types.ts";

type TextField = Exclude<keyof PgErrorFields, "severity" | "position" | "internalPosition">;

/** In the order in which PostgreSQL itself writes them; severity (S, V) goes before. */
const textFields: readonly (readonly [letter: string, field: TextField])[] = [
  ["C", "code"],
  ["M", "message"],
  ["D", "detail"],
  ["H", "hint"],
  ["W", "where"],
  ["s", "schema"],
  ["t", "table"],
  ["c", "column"],
  ["d", "dataType"],
  ["n", "constraint"],
  ["q", "internalQuery"],
  ["F", "file"],
  ["L", "line"],
  ["R", "routine"],
];

const fieldOfLetter = new Map(textFields);

function reportBody(type: number, fields: PgErrorFields): Buffer {
  const parts: string[] = [];
  // A zero byte inside a value would end the field early and make the rest another field.
  const add = (letter: string, value: string) => parts.push(letter, value.replaceAll("\0", ""), "\0");
  add("S", fields.severity);
  add("V", fields.severity);
  for (const [letter, field] of textFields) {
    const value = fields[field];
    if (value !== undefined) add(letter, value);
  }
  if (fields.position !== undefined) add("P", String(fields.position));
  if (fields.internalPosition !== undefined) add("p", String(fields.internalPosition));
  parts.push("\0");
  const text = parts.join("");
  const buffer = Buffer.allocUnsafe(5 + Buffer.byteLength(text));
  buffer[0] = type;
  buffer.writeInt32BE(buffer.length - 1, 1);
  buffer.write(text, 5);
  return buffer;
}

export function errorResponse(fields: PgErrorFields): Buffer {
  return reportBody(Backend.errorResponse, fields);
}

export function noticeResponse(fields: PgErrorFields): Buffer {
  return reportBody(Backend.noticeResponse, fields);
}

/**
 * Reads the body of an ErrorResponse or NoticeResponse in buffer[start, end), that is without type byte and length. Never throws:
 * an error about an error helps nobody, so what is missing gets a value and what is unknown is passed over.
 */
export function parseErrorFields(buffer: Buffer, start: number, end: number): PgErrorFields {
  const fields: PgErrorFields = { severity: "ERROR", code: "XX000", message: "" };
  let nonLocalized: string | undefined;
  let at = start;
  while (at < end && buffer[at] !== 0) {
    const letter = String.fromCharCode(buffer[at]!);
    let zero = buffer.indexOf(0, at + 1);
    if (zero < 0 || zero > end) zero = end;
    const value = buffer.toString("utf8", at + 1, zero);
    at = zero + 1;
    const field = fieldOfLetter.get(letter);
    if (field !== undefined) fields[field] = value;
    else if (letter === "S") fields.severity = value;
    else if (letter === "V") nonLocalized = value;
    else if (letter === "P") fields.position = Number(value);
    else if (letter === "p") fields.internalPosition = Number(value);
  }
  // S is in the language of the server's lc_messages; V (since PostgreSQL 9.6) is what can be compared.
  if (nonLocalized !== undefined) fields.severity = nonLocalized;
  return fields;
}
