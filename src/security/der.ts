/** The little of ASN.1's DER (X.690) that a certificate needs: writing nested values, and reading their outline. */

export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A context-specific tag: [number], holding further values or bytes. */
export const contextTag = (number: number, holds: "values" | "bytes"): number =>
  (holds === "values" ? 0xa0 : 0x80) | number;

export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256);
  const head = body.length < 0x80 ? [tag, body.length] : [tag, 0x80 | size.length, ...size];
  return Buffer.concat([Buffer.from(head), body]);
}

export function derObjectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...others].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
    return digits;
  });
  return der(Tag.objectIdentifier, Buffer.from(bytes));
}

export function derBitString(bytes: Buffer, unusedBits = 0): Buffer {
  return der(Tag.bitString, Buffer.from([unusedBits]), bytes);
}

export interface DerValue {
  readonly tag: number;
  readonly body: Buffer;
}

/** The values that follow one another in `bytes`, not those inside them. Throws RangeError when they do not fit. */
export function readDer(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at++);
    let length = bytes.readUInt8(at++);
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4) throw new RangeError("DER length out of range");
      length = bytes.readUIntBE(at, count);
      at += count;
    }
    if (at + length > bytes.length) throw new RangeError("DER value longer than what holds it");
    values.push({ tag, body: bytes.subarray(at, at + length) });
    at += length;
  }
  return values;
}
