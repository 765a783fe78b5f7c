/** A snapshot as bytes: loaded by one process, used by all. */
import { decodeGraph, encodeGraph } from "../shared-memory/graph-codec.ts";
import { DEFAULT_SLICE, MAXVALUE, type Snapshot } from "./snapshot.ts";

/** What graphs with distributions hold besides plain data. */
export const SNAPSHOT_SYMBOLS: readonly symbol[] = [MAXVALUE, DEFAULT_SLICE];

export function encodeSnapshot(snapshot: Snapshot): Buffer {
  const bytes = encodeGraph(snapshot, { symbols: SNAPSHOT_SYMBOLS });
  if (bytes === undefined) throw new Error("a snapshot holds something that is no plain data");
  return bytes;
}

/** Deeply equal to the encoded one; what was one object there is one here. Throws a RangeError for bytes of another version. */
export function decodeSnapshot(bytes: Buffer): Snapshot {
  return decodeGraph(bytes, { symbols: SNAPSHOT_SYMBOLS }) as Snapshot;
}
