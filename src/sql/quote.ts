/**
 * The only places where a name or a value becomes SQL text (failure mode X4). What comes out is one token, whatever
 * standard_conforming_strings says.
 */
import { pgError } from "../errors/pg-error.ts";
import { keywords } from "./keywords.ts";

const plain = /^[a-z_][a-z0-9_$]*$/;

/** A name as an identifier: bare when it is plain lower case and no keyword of any kind, else in double quotes. */
export function quoteIdentifier(name: string): string {
  if (plain.test(name) && !keywords.has(name)) return name;
  refuseNul(name);
  if (name === "") throw pgError("42601", "zero-length identifier");
  return `"${name.replaceAll('"', '""')}"`;
}

/** schema.name, each quoted by its own need. */
export function quoteQualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** A text as a string literal; with a backslash in it as E'…', which means the same under every setting. */
export function quoteLiteral(value: string): string {
  refuseNul(value);
  const doubled = value.replaceAll("'", "''");
  return value.includes("\\") ? `E'${doubled.replaceAll("\\", "\\\\")}'` : `'${doubled}'`;
}

function refuseNul(text: string): void {
  if (text.includes("\0")) throw pgError("22021", 'invalid byte sequence for encoding "UTF8": 0x00');
}
