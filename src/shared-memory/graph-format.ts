/**
 * How a graph of objects is written as bytes: one byte of format, where the table of strings begins (four bytes, little end first),
 * the values in the order of a walk, the table of strings. A value is a tag and what belongs to it; numbers are written seven bits
 * a byte. Objects are numbered as they are met, so that one that is met again is written as its number. Keys of objects are written
 * once per list of keys, texts once each: definitions and plans repeat both many times.
 */

/** Grows with every change of the format: bytes of another one are not read. */
export const FORMAT = 1;
export const HEADER_BYTES = 5;

export const UNDEFINED = 0;
export const NULL = 1;
export const TRUE = 2;
export const FALSE = 3;
/** 32 bits, the sign in the lowest bit. */
export const INTEGER = 4;
export const DOUBLE = 5;
/** Its place in the table of strings. */
export const LATIN1_STRING = 6;
export const WIDE_STRING = 7;
/** Its place in the list of symbols that both sides have. */
export const SYMBOL = 8;
/** Length, bytes. */
export const BYTES = 9;
/** Length, values. */
export const ARRAY = 10;
/** Place in the list of key lists (a new one is followed by its string), values. */
export const OBJECT = 11;
export const EMPTY_OBJECT = 12;
/** Size, keys and values. */
export const MAP = 13;
/** Size, values. */
export const SET = 14;
/** Milliseconds as a double. */
export const DATE = 15;
/** Fields of a PgError. */
export const ERROR = 16;
export const CONNECTION_ERROR = 17;
/** Number of an object that was met before. */
export const SEEN = 18;
/** Kind and value of what stands for an object. */
export const REPLACEMENT = 19;
/** Tags from here on are the whole numbers 0, 1, … 95. */
export const SMALL_INTEGER = 32;
export const SMALL_INTEGERS = 96;
/** Tags from here on are the first strings of the Latin-1 table. */
export const FIRST_STRINGS = 128;
export const FIRST_STRINGS_COUNT = 128;

/** Stands between the keys of an object in a key list. */
export const KEY_SEPARATOR = "\0";
