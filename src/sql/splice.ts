/** Replaces byte ranges of a statement's text: the only way in which Pleiad changes what a client wrote. */
import type { Splice } from "./statement.ts";

/** Applies splices (in any order, not overlapping; at equal places in the order given) to a text. */
export function applySplices(text: Buffer, splices: readonly Splice[]): Buffer {
  if (splices.length === 0) return text;
  const parts: Buffer[] = [];
  let at = 0;
  for (const splice of splices.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (splice.start < at || splice.end < splice.start || splice.end > text.length) {
      throw new RangeError(
        `splice [${splice.start}, ${splice.end}) does not fit a text of ${text.length} bytes`,
      );
    }
    parts.push(text.subarray(at, splice.start), Buffer.from(splice.text, "utf8"));
    at = splice.end;
  }
  parts.push(text.subarray(at));
  return Buffer.concat(parts);
}

/** Splices of a text that begins at byte `offset` of another, as splices of that other. */
export function shiftSplices(splices: readonly Splice[], offset: number): Splice[] {
  return splices.map(({ start, end, text }) => ({ start: start + offset, end: end + offset, text }));
}
