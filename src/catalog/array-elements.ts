/** Elements of a one-dimensional array value as Bind carries it, for routing `= ANY ($1)`; anything unusual is not understood. */
import type { KeyDatum } from "./shard-filter.ts";

/** More elements than this concern all shards anyway. */
const ELEMENTS_MAX = 10_000;

/** Undefined: the form is not understood, or there are too many elements. Binary layout: array_send in PostgreSQL's arrayfuncs.c. */
export function arrayElementsOf(bytes: Buffer, format: "text" | "binary"): readonly KeyDatum[] | undefined {
  return format === "binary" ? fromBinary(bytes) : fromText(bytes.toString());
}

function fromBinary(bytes: Buffer): readonly KeyDatum[] | undefined {
  if (bytes.length < 12) return undefined;
  const dimensions = bytes.readInt32BE(0);
  if (dimensions === 0) return [];
  if (dimensions !== 1 || bytes.length < 20) return undefined;
  const count = bytes.readInt32BE(12);
  if (count < 0 || count > ELEMENTS_MAX) return undefined;
  const elements: KeyDatum[] = [];
  let at = 20;
  for (let i = 0; i < count; i++) {
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length === -1) elements.push(null);
    else {
      if (at + length > bytes.length) return undefined;
      elements.push({ bytes: bytes.subarray(at, at + length), format: "binary" });
      at += length;
    }
  }
  return elements;
}

/** Only what needs no quoting rules: {1,2,NULL}, {abc,"d e"} without backslashes or nested braces. */
function fromText(text: string): readonly KeyDatum[] | undefined {
  const match = /^\{(.*)\}$/s.exec(text);
  if (match === null || /[\\{}]/.test(match[1]!)) return undefined;
  const inner = match[1]!;
  if (inner === "") return [];
  const elements: KeyDatum[] = [];
  const pattern = /"([^"]*)"|([^",]+)/gy;
  for (let at = 0; ;) {
    pattern.lastIndex = at;
    const element = pattern.exec(inner);
    if (element === null || elements.length >= ELEMENTS_MAX) return undefined;
    const plain = element[2];
    if (plain !== undefined && plain.toUpperCase() === "NULL") elements.push(null);
    else if (plain !== undefined && plain.trim() !== plain) return undefined;
    else elements.push({ bytes: Buffer.from(element[1] ?? plain!), format: "text" });
    at = pattern.lastIndex;
    if (at === inner.length) return elements;
    if (inner[at] !== ",") return undefined;
    at++;
  }
}
