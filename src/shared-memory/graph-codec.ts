/**
 * Graphs of plain data as bytes, to be shared between processes. What structured cloning carries goes over (objects, arrays, Maps,
 * Sets, Dates, undefined, cycles; one object that is reached on two ways is one again), and besides it Buffers, PgErrors, agreed
 * symbols, and objects that the reader has already. Made for reading: a graph is written once and read by every process. node:v8 takes
 * two to three times as long to read one, and four times the bytes.
 */
import { FORMAT, HEADER_BYTES } from "./graph-format.ts";
import type { DecodeOptions, EncodeOptions } from "./graph-options.ts";
import { GraphReader } from "./graph-reader.ts";
import { GraphWriter, NotEncodable } from "./graph-writer.ts";

/**
 * The bytes of a graph; undefined when it holds what cannot be written: a function, an instance of another class, another symbol,
 * a bigint, or more than a thousand objects within each other.
 */
export function encodeGraph(root: unknown, options: EncodeOptions = {}): Buffer | undefined {
  try {
    return new GraphWriter(options).write(root);
  } catch (error) {
    if (error instanceof NotEncodable) return undefined;
    throw error;
  }
}

/**
 * A graph deeply equal to the one that was encoded. Its Buffers are views of `bytes`, which must not change any more. Throws a
 * RangeError for bytes that encodeGraph() of this version did not make.
 */
export function decodeGraph(bytes: Buffer, options: DecodeOptions = {}): unknown {
  if (bytes.length < HEADER_BYTES || bytes[0] !== FORMAT) throw new RangeError("no graph of this format");
  return new GraphReader(bytes, options).value();
}
