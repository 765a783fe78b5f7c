/**
 * The client's query strings while standard_conforming_strings is off: planned and sent with E'…' for literals that have a
 * backslash; places of errors are the client's.
 */
import { refusal } from "../errors/refusal.ts";
import { PgError } from "../errors/pg-error.ts";
import { noticeResponse } from "../protocol/error-response.ts";
import { escapeStrings, originalPosition, type EscapeWarning } from "../sql/escape-strings.ts";
import type { Session } from "./session.ts";

const WARNINGS: Readonly<Record<EscapeWarning["kind"], { message: string; hint: string }>> = {
  backslash: {
    message: "nonstandard use of \\\\ in a string literal",
    hint: "Use the escape string syntax for backslashes, e.g., E'\\\\'.",
  },
  quote: {
    message: "nonstandard use of \\' in a string literal",
    hint: "Use '' to write quotes in strings, or use the escape string syntax (E'...').",
  },
  other: {
    message: "nonstandard use of escape in a string literal",
    hint: "Use the escape string syntax for escapes, e.g., E'\\r\\n'.",
  },
};

const NO_WARNINGS = new Set(["error", "log", "fatal", "panic"]);

/** The places of the E's in the message that is served now. */
const insertions = new WeakMap<Session, readonly number[]>();

/** The text of a query string as servers shall read it; to be called for each that arrives. */
export function escapedText(session: Session, text: Buffer): Buffer {
  insertions.delete(session);
  const { settings } = session.transaction;
  if (settings.get("standard_conforming_strings") !== "off" || !text.includes("\\")) return text;
  const escaped = escapeStrings(text);
  if (escaped === undefined) throw refusal("nonstandard-national-string");
  const level = settings.get("client_min_messages")?.toLowerCase() ?? "notice";
  if (settings.get("escape_string_warning") !== "off" && !NO_WARNINGS.has(level))
    for (const { kind, position } of escaped.warnings)
      session.output.push(
        noticeResponse({ severity: "WARNING", code: "22P06", ...WARNINGS[kind], position: position + 1 }),
      );
  insertions.set(session, escaped.inserted);
  return escaped.text;
}

/** The error with its place in the text that the client sent. */
export function inOriginalText(session: Session, error: PgError): PgError {
  const inserted = insertions.get(session);
  const { position } = error.fields;
  if (inserted === undefined || position === undefined) return error;
  return new PgError({ ...error.fields, position: originalPosition(inserted, position) });
}
