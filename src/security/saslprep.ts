/**
 * SASLprep (RFC 4013) of a password as PostgreSQL does it, so that the same password gives the same keys on both sides. What
 * SASLprep forbids is not an error for PostgreSQL: such a password counts byte by byte as it was typed.
 */
import {
  leftToRight,
  mappedToNothing,
  nonAsciiSpace,
  prohibited,
  rightToLeft,
  unassigned,
} from "./saslprep-tables.ts";

/** A character class of a regular expression that matches one code point of the table. */
function oneOf(...tables: readonly string[]): RegExp {
  const ranges = tables.join(" ").trim().split(/\s+/);
  const members = ranges.map((range) => {
    const [first, last] = range.split("-");
    return last === undefined ? `\\u{${first}}` : `\\u{${first}}-\\u{${last}}`;
  });
  return new RegExp(`[${members.join("")}]`, "u");
}

const every = (one: RegExp): RegExp => new RegExp(one.source, "gu");

const spaces = every(oneOf(nonAsciiSpace));
const nothings = every(oneOf(mappedToNothing));
const forbidden = oneOf(prohibited, unassigned);
const rightToLeftLetter = oneOf(rightToLeft);
const leftToRightLetter = oneOf(leftToRight);
const rightToLeftEnds = new RegExp(`^${rightToLeftLetter.source}(?:.*${rightToLeftLetter.source})?$`, "su");

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes from which the keys are derived. */
export function saslprep(password: string | Buffer): Buffer {
  const raw = Buffer.from(password);
  if (raw.every((byte) => byte < 0x80)) return raw;
  let text: string;
  try {
    text = utf8.decode(raw);
  } catch {
    return raw;
  }
  // U+200B is in both tables; PostgreSQL asks for spaces first.
  const mapped = text.replaceAll(spaces, " ").replaceAll(nothings, "");
  if (mapped === "" || forbidden.test(mapped)) return raw;
  if (rightToLeftLetter.test(mapped)) {
    if (leftToRightLetter.test(mapped) || !rightToLeftEnds.test(mapped)) return raw;
  }
  return Buffer.from(mapped.normalize("NFKC"));
}
