/**
 * Makes the certificate that a Pleiad without a configured one encrypts with: X.509 v3, ECDSA P-256, signed by itself. It keeps
 * listeners out; who wants to know whom he talks to copies it as his sslrootcert, or configures a real one.
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { contextTag, der, derBitString, derObjectIdentifier, Tag } from "./der.ts";
import { addressBytes } from "./ip-address.ts";

const Oid = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

const signatureAlgorithm = der(Tag.sequence, derObjectIdentifier(Oid.ecdsaWithSha256));

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  // RFC 5280: two-digit years up to 2049, four digits from then on.
  return date.getUTCFullYear() < 2050
    ? der(Tag.utcTime, Buffer.from(digits.slice(2)))
    : der(Tag.generalizedTime, Buffer.from(digits));
}

function name(commonName: string): Buffer {
  const attribute = der(
    Tag.sequence,
    derObjectIdentifier(Oid.commonName),
    der(Tag.utf8String, Buffer.from(commonName)),
  );
  return der(Tag.sequence, der(Tag.set, attribute));
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(Tag.boolean, Buffer.from([0xff]))] : [];
  return der(Tag.sequence, derObjectIdentifier(oid), ...flag, der(Tag.octetString, value));
}

function alternativeName(host: string): Buffer {
  return isIP(host) === 0
    ? der(contextTag(2, "bytes"), Buffer.from(host))
    : der(contextTag(7, "bytes"), addressBytes(host)!);
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** Valid for `hosts` (names and addresses) from a day before `now`, so that a client with a slow clock is served too. */
export function makeSelfSignedCertificate(
  hosts: readonly string[],
  now: Date,
  days: number,
): { certificate: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const dayMs = 86_400_000;
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40; // positive, and of full length
  const extensions = der(
    Tag.sequence,
    extension(Oid.basicConstraints, true, der(Tag.sequence)),
    extension(Oid.keyUsage, true, derBitString(Buffer.from([0x80]), 7)),
    extension(Oid.extendedKeyUsage, false, der(Tag.sequence, derObjectIdentifier(Oid.serverAuth))),
    extension(Oid.subjectAltName, false, der(Tag.sequence, ...hosts.map(alternativeName))),
  );
  const toBeSigned = der(
    Tag.sequence,
    der(contextTag(0, "values"), der(Tag.integer, Buffer.from([2]))),
    der(Tag.integer, serial),
    signatureAlgorithm,
    name("Pleiad"),
    der(Tag.sequence, time(new Date(now.getTime() - dayMs)), time(new Date(now.getTime() + days * dayMs))),
    name("Pleiad"),
    publicKey.export({ type: "spki", format: "der" }),
    der(contextTag(3, "values"), extensions),
  );
  const signature = sign("sha256", toBeSigned, privateKey);
  return {
    certificate: pem(der(Tag.sequence, toBeSigned, signatureAlgorithm, derBitString(signature))),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
