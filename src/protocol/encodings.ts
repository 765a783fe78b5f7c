/** Names of client encodings, as clients write them. */

const SAME_BYTES: ReadonlySet<string> = new Set(["utf8", "unicode", "sqlascii"]);

/** Are the bytes of text in this encoding those that UTF-8 servers store? Names are compared as PostgreSQL does: letters and digits only. */
export function isUtf8(encoding: string): boolean {
  return SAME_BYTES.has(encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, ""));
}
