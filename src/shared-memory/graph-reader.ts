/** Reads a graph of objects that graph-writer.ts has written. */
import { ConnectionError, PgError, type PgErrorFields } from "../errors/pg-error.ts";
import * as format from "./graph-format.ts";
import type { DecodeOptions } from "./graph-options.ts";

/** Keys by key list, for all readers: the strings that objects have for keys are looked up once, not once per graph. */
const shapes = new Map<string, readonly string[]>();
const SHAPES_MAX = 5_000;

export class GraphReader {
  private readonly bytes: Buffer;
  private readonly options: DecodeOptions;
  private at = format.HEADER_BYTES;
  private readonly objects: object[] = [];
  private readonly latin1: readonly string[];
  private readonly wide: readonly string[];
  private readonly keys: (readonly string[])[] = [];

  constructor(bytes: Buffer, options: DecodeOptions) {
    this.bytes = bytes;
    this.options = options;
    this.at = bytes.readUInt32LE(1);
    this.latin1 = this.table("latin1", 1);
    this.wide = this.table("utf16le", 2);
    this.at = format.HEADER_BYTES;
  }

  value(): unknown {
    const tag = this.bytes[this.at++]!;
    if (tag >= format.FIRST_STRINGS) return this.latin1[tag - format.FIRST_STRINGS];
    if (tag >= format.SMALL_INTEGER) return tag - format.SMALL_INTEGER;
    switch (tag) {
      case format.UNDEFINED:
        return undefined;
      case format.NULL:
        return null;
      case format.TRUE:
        return true;
      case format.FALSE:
        return false;
      case format.INTEGER: {
        const bits = this.varint();
        return (bits >>> 1) ^ -(bits & 1);
      }
      case format.DOUBLE:
        return this.double();
      case format.LATIN1_STRING:
        return this.latin1[this.varint()];
      case format.WIDE_STRING:
        return this.wide[this.varint()];
      case format.SYMBOL:
        return this.options.symbols?.[this.varint()];
      case format.SEEN:
        return this.objects[this.varint()];
      default:
        return this.object(tag);
    }
  }

  private object(tag: number): object {
    switch (tag) {
      case format.OBJECT:
        return this.plain();
      case format.ARRAY:
        return this.array();
      case format.EMPTY_OBJECT:
        return this.met({});
      case format.BYTES: {
        const length = this.varint();
        this.at += length;
        return this.met(this.bytes.subarray(this.at - length, this.at));
      }
      case format.MAP: {
        const map = this.met(new Map<unknown, unknown>());
        for (let left = this.varint(); left > 0; left--) {
          const key = this.value();
          map.set(key, this.value());
        }
        return map;
      }
      case format.SET: {
        const set = this.met(new Set<unknown>());
        for (let left = this.varint(); left > 0; left--) set.add(this.value());
        return set;
      }
      case format.DATE:
        return this.met(new Date(this.double()));
      case format.ERROR:
      case format.CONNECTION_ERROR:
        return this.later(() => pgError(tag, this.value() as PgErrorFields));
      case format.REPLACEMENT:
        return this.later(() => {
          const kind = this.varint();
          return this.options.revive!(kind, this.value());
        });
      default:
        throw new RangeError(`no graph: tag ${tag} at byte ${this.at - 1}`);
    }
  }

  private plain(): object {
    const object = this.met<Record<string, unknown>>({});
    const place = this.varint();
    const keys = this.keys[place] ?? this.newKeys(place);
    for (let i = 0; i < keys.length; i++) object[keys[i]!] = this.value();
    return object;
  }

  private newKeys(place: number): readonly string[] {
    const shape = this.value() as string;
    let keys = shapes.get(shape);
    if (keys === undefined) {
      if (shapes.size >= SHAPES_MAX) shapes.clear();
      shapes.set(shape, (keys = shape.split(format.KEY_SEPARATOR)));
    }
    this.keys[place] = keys;
    return keys;
  }

  private array(): object {
    const array = this.met<unknown[]>([]);
    for (let left = this.varint(); left > 0; left--) array.push(this.value());
    return array;
  }

  private met<T extends object>(object: T): T {
    this.objects.push(object);
    return object;
  }

  /** An object that is only there when what it is made from has been read. */
  private later(make: () => object): object {
    const number = this.objects.length;
    this.objects.length++;
    const object = make();
    this.objects[number] = object;
    return object;
  }

  private table(encoding: "latin1" | "utf16le", width: number): readonly string[] {
    const lengths: number[] = [];
    let total = 0;
    for (let left = this.varint(); left > 0; left--) {
      const length = this.varint();
      total += length;
      lengths.push(length);
    }
    const all = this.bytes.toString(encoding, this.at, this.at + total * width);
    this.at += total * width;
    let at = 0;
    return lengths.map((length) => all.slice(at, (at += length)));
  }

  private varint(): number {
    let byte = this.bytes[this.at++]!;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let shift = 7;
    do {
      byte = this.bytes[this.at++]!;
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    return value >>> 0;
  }

  private double(): number {
    const value = this.bytes.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }
}

function pgError(tag: number, fields: PgErrorFields): PgError {
  // The stack of the reader says nothing of the error, and takes longer to make than the error.
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return tag === format.ERROR ? new PgError(fields) : new ConnectionError(fields);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
