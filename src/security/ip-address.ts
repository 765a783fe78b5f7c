/** IP addresses as bytes, and whether one lies in a range. IPv4 addresses in IPv6 clothes (::ffff:10.0.0.1) count as IPv4. */
import { isIPv4, isIPv6 } from "node:net";

export interface AddressRange {
  readonly bytes: Buffer;
  readonly prefixBits: number;
}

const mappedPrefix = Buffer.from("00000000000000000000ffff", "hex");

function ipv6Bytes(text: string): Buffer {
  // A dotted tail is two groups of sixteen bits.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16);
  const plain =
    dotted === null ? text : `${dotted[1]}${hex(dotted[2]!, dotted[3]!)}:${hex(dotted[4]!, dotted[5]!)}`;
  const [head = "", tail] = plain.split("::");
  const groups = (part: string | undefined) => (part === undefined || part === "" ? [] : part.split(":"));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  const bytes = Buffer.alloc(16);
  [...before, ...zeros, ...after].forEach((group, i) => bytes.writeUInt16BE(parseInt(group, 16), 2 * i));
  return bytes;
}

/** 4 or 16 bytes; undefined: no address. */
export function addressBytes(text: string): Buffer | undefined {
  const zone = text.indexOf("%");
  const address = zone < 0 ? text : text.slice(0, zone);
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  if (!isIPv6(address)) return undefined;
  const bytes = ipv6Bytes(address);
  return bytes.subarray(0, 12).equals(mappedPrefix) ? bytes.subarray(12) : bytes;
}

/** `10.0.0.0/8`, `::1/128`, or a single address. undefined: neither. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [address = "", prefix, ...more] = text.split("/");
  const bytes = addressBytes(address);
  if (bytes === undefined || more.length > 0) return undefined;
  const bits = bytes.length * 8;
  if (prefix === undefined) return { bytes, prefixBits: bits };
  if (!/^\d{1,3}$/.test(prefix)) return undefined;
  // The prefix of a mapped range counts from the beginning of the IPv6 address.
  const prefixBits = bytes.length === 4 && address.includes(":") ? Number(prefix) - 96 : Number(prefix);
  return prefixBits < 0 || prefixBits > bits ? undefined : { bytes, prefixBits };
}

export function inRange(range: AddressRange, address: Buffer): boolean {
  if (address.length !== range.bytes.length) return false;
  const whole = range.prefixBits >> 3;
  if (!address.subarray(0, whole).equals(range.bytes.subarray(0, whole))) return false;
  const restBits = range.prefixBits & 7;
  if (restBits === 0) return true;
  const mask = (0xff << (8 - restBits)) & 0xff;
  return (address[whole]! & mask) === (range.bytes[whole]! & mask);
}
