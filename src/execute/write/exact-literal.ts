/** A value's text as an SQL literal that its column's type reads back. */
import { isUtf8 } from "../../protocol/encodings.ts";
import { quoteLiteral } from "../../sql/quote.ts";

/** Under another client_encoding than UTF-8 characters beyond ASCII are written as escapes, which mean the same everywhere. */
export function exactLiteral(value: string | null, clientEncoding: string): string {
  if (value === null) return "NULL";
  if (isUtf8(clientEncoding) || isAscii(value)) return quoteLiteral(value);
  const escaped = [...value.replaceAll("\\", "\\\\").replaceAll("'", "''")].map((character) => {
    const point = character.codePointAt(0)!;
    if (point < 0x80) return character;
    return point < 0x10000
      ? `\\u${point.toString(16).padStart(4, "0")}`
      : `\\U${point.toString(16).padStart(8, "0")}`;
  });
  return `E'${escaped.join("")}'`;
}

function isAscii(value: string): boolean {
  return Buffer.byteLength(value) === value.length;
}
