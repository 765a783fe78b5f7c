/** Writes a graph of objects as bytes (graph-format.ts). */
import { ConnectionError, PgError } from "../errors/pg-error.ts";
import * as format from "./graph-format.ts";
import type { EncodeOptions } from "./graph-options.ts";

/** Something in the graph cannot be written. */
export class NotEncodable extends Error {}

/** Deeper graphs are left alone: whoever reads them has a stack, too. */
const DEPTH_MAX = 1_000;
const LATIN1 = /^[\0-\xff]*$/;
const INT32_MIN = -0x80000000;
const INT32_MAX = 0x7fffffff;

/** What the last writer wrote to, for the next one; undefined while one is at work. */
let spare: Buffer | undefined;
const SPARE_BYTES_MAX = 1024 * 1024;
const FIRST_BYTES = 16 * 1024;

export class GraphWriter {
  private readonly options: EncodeOptions;
  private bytes: Buffer;
  private at = format.HEADER_BYTES;
  private depth = 0;
  private readonly seen = new Map<object, number>();
  private readonly strings = new Map<string, number>();
  private readonly latin1: string[] = [];
  private readonly wide: string[] = [];
  private readonly shapes = new Map<string, number>();

  constructor(options: EncodeOptions) {
    this.options = options;
    this.bytes = spare ?? Buffer.allocUnsafe(FIRST_BYTES);
    spare = undefined;
  }

  /** The graph of `root`. Throws NotEncodable. */
  write(root: unknown): Buffer {
    this.value(root);
    const tableAt = this.at;
    this.table(this.latin1, "latin1");
    this.table(this.wide, "utf16le");
    this.bytes.writeUInt8(format.FORMAT, 0);
    this.bytes.writeUInt32LE(tableAt, 1);
    const result = Buffer.from(this.bytes.subarray(0, this.at));
    if (this.bytes.length <= SPARE_BYTES_MAX) spare = this.bytes;
    return result;
  }

  private value(value: unknown): void {
    switch (typeof value) {
      case "undefined":
        return this.byte(format.UNDEFINED);
      case "boolean":
        return this.byte(value ? format.TRUE : format.FALSE);
      case "number":
        return this.number(value);
      case "string":
        return this.string(value);
      case "symbol":
        return this.symbol(value);
      case "object":
        return value === null ? this.byte(format.NULL) : this.object(value);
      case "function":
      case "bigint":
        throw new NotEncodable();
    }
  }

  private number(value: number): void {
    if (!Number.isInteger(value) || value < INT32_MIN || value > INT32_MAX || Object.is(value, -0)) {
      this.byte(format.DOUBLE);
      this.double(value);
    } else if (value >= 0 && value < format.SMALL_INTEGERS) this.byte(format.SMALL_INTEGER + value);
    else {
      this.byte(format.INTEGER);
      this.varint(((value << 1) ^ (value >> 31)) >>> 0);
    }
  }

  private string(value: string): void {
    let place = this.strings.get(value);
    if (place === undefined) {
      const isWide = !LATIN1.test(value);
      const list = isWide ? this.wide : this.latin1;
      place = isWide ? -1 - list.length : list.length;
      list.push(value);
      this.strings.set(value, place);
    }
    if (place < 0) {
      this.byte(format.WIDE_STRING);
      this.varint(-1 - place);
    } else if (place < format.FIRST_STRINGS_COUNT) this.byte(format.FIRST_STRINGS + place);
    else {
      this.byte(format.LATIN1_STRING);
      this.varint(place);
    }
  }

  private symbol(value: symbol): void {
    const place = this.options.symbols?.indexOf(value) ?? -1;
    if (place < 0) throw new NotEncodable();
    this.byte(format.SYMBOL);
    this.varint(place);
  }

  private object(value: object): void {
    const number = this.seen.get(value);
    if (number !== undefined) {
      this.byte(format.SEEN);
      this.varint(number);
      return;
    }
    this.seen.set(value, this.seen.size);
    if (++this.depth > DEPTH_MAX) throw new NotEncodable();
    const replacement = this.options.replace?.(value);
    if (replacement === undefined) this.own(value);
    else {
      this.byte(format.REPLACEMENT);
      this.varint(replacement.kind);
      this.value(replacement.value);
    }
    this.depth--;
  }

  /** An object as it is. */
  private own(value: object): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) this.plain(value as Readonly<Record<string, unknown>>);
    else if (Array.isArray(value)) {
      this.head(format.ARRAY, value.length);
      for (const element of value as readonly unknown[]) this.value(element);
    } else if (value instanceof Uint8Array) {
      this.head(format.BYTES, value.length);
      this.reserve(value.length);
      this.bytes.set(value, this.at);
      this.at += value.length;
    } else if (prototype === Map.prototype) {
      const map = value as ReadonlyMap<unknown, unknown>;
      this.head(format.MAP, map.size);
      for (const [key, entry] of map) {
        this.value(key);
        this.value(entry);
      }
    } else if (prototype === Set.prototype) {
      const set = value as ReadonlySet<unknown>;
      this.head(format.SET, set.size);
      for (const element of set) this.value(element);
    } else if (prototype === Date.prototype) {
      this.byte(format.DATE);
      this.double((value as Date).getTime());
    } else if (prototype === PgError.prototype || prototype === ConnectionError.prototype) {
      this.byte(prototype === PgError.prototype ? format.ERROR : format.CONNECTION_ERROR);
      this.value((value as PgError).fields);
    } else throw new NotEncodable();
  }

  private plain(value: Readonly<Record<string, unknown>>): void {
    const keys = Object.keys(value);
    if (keys.length === 0) return this.byte(format.EMPTY_OBJECT);
    const shape = keys.join(format.KEY_SEPARATOR);
    const known = this.shapes.get(shape);
    this.head(format.OBJECT, known ?? this.shapes.size);
    if (known === undefined) {
      // Assigned to, __proto__ is no key.
      if (keys.includes("__proto__") || shape.split(format.KEY_SEPARATOR).length !== keys.length)
        throw new NotEncodable();
      this.shapes.set(shape, this.shapes.size);
      this.string(shape);
    }
    for (const key of keys) this.value(value[key]);
  }

  private table(strings: readonly string[], encoding: "latin1" | "utf16le"): void {
    this.varint(strings.length);
    for (const string of strings) this.varint(string.length);
    const all = strings.join("");
    const length = encoding === "latin1" ? all.length : 2 * all.length;
    this.reserve(length);
    this.at += this.bytes.write(all, this.at, length, encoding);
  }

  private head(tag: number, count: number): void {
    this.byte(tag);
    this.varint(count);
  }

  private byte(value: number): void {
    if (this.at === this.bytes.length) this.reserve(1);
    this.bytes[this.at++] = value;
  }

  private varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  private double(value: number): void {
    this.reserve(8);
    this.at = this.bytes.writeDoubleLE(value, this.at);
  }

  private reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}
