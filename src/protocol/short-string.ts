/** Names and tags come again and again in messages: the same bytes give the same string, mostly without a new one being made. */

const BYTES_MAX = 32;
/** A power of two. */
const SLOTS = 1024;
const known: string[] = Array.from({ length: SLOTS }, () => "");

/** The UTF-8 string in buffer[start, end). */
export function shortString(buffer: Buffer, start: number, end: number): string {
  if (start === end) return "";
  if (end - start > BYTES_MAX) return buffer.toString("utf8", start, end);
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + buffer[i]!) | 0;
  const slot = hash & (SLOTS - 1);
  const candidate = known[slot]!;
  if (isWritten(candidate, buffer, start, end)) return candidate;
  return (known[slot] = buffer.toString("utf8", start, end));
}

/** Are these the bytes of the string? Of ASCII only: other strings are never found. */
function isWritten(candidate: string, buffer: Buffer, start: number, end: number): boolean {
  if (candidate.length !== end - start) return false;
  for (let i = 0; i < candidate.length; i++) {
    const byte = buffer[start + i]!;
    if (byte >= 0x80 || candidate.charCodeAt(i) !== byte) return false;
  }
  return true;
}
