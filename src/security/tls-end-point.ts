/** tls-server-end-point (RFC 5929): the hash of the server's certificate to which SCRAM-SHA-256-PLUS binds a connection. */
import { createHash, X509Certificate } from "node:crypto";
import { contextTag, readDer, Tag, type DerValue } from "./der.ts";

/**
 * Hash by signature algorithm, as the DER bytes of its object identifier in hexadecimal. Where the signature is made with MD5 or SHA-1
 * the RFC demands SHA-256.
 */
const hashOfSignature: Readonly<Record<string, string>> = {
  "2a864886f70d010104": "sha256", // md5WithRSAEncryption
  "2a864886f70d010105": "sha256", // sha1WithRSAEncryption
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a864886f70d01010e": "sha224",
  "2a8648ce3d0401": "sha256", // ecdsa-with-SHA1
  "2a8648ce3d040301": "sha224",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

const rsaPss = "2a864886f70d01010a";

const hashByIdentifier: Readonly<Record<string, string>> = {
  "2b0e03021a": "sha256", // SHA-1
  "608648016503040201": "sha256",
  "608648016503040202": "sha384",
  "608648016503040203": "sha512",
  "608648016503040204": "sha224",
};

const hex = (value: DerValue | undefined): string => value?.body.toString("hex") ?? "";

/** RSASSA-PSS names its hash in the parameters, [0] AlgorithmIdentifier; without it SHA-1. */
function hashOfPss(parameters: DerValue | undefined): string | undefined {
  const fields = parameters === undefined ? [] : readDer(parameters.body);
  const hash = fields.find((field) => field.tag === contextTag(0, "values"));
  if (hash === undefined) return "sha256";
  const [algorithm] = readDer(hash.body);
  return algorithm === undefined ? undefined : hashByIdentifier[hex(readDer(algorithm.body)[0])];
}

/**
 * undefined: the signature has no hash of its own (Ed25519) or is not known, so that channel binding cannot be offered.
 * `certificate` is PEM (its first certificate counts) or DER.
 */
export function tlsServerEndPoint(certificate: string | Buffer): Buffer | undefined {
  const raw = new X509Certificate(certificate).raw;
  try {
    const [outer] = readDer(raw);
    const algorithm = outer === undefined ? undefined : readDer(outer.body)[1];
    if (algorithm?.tag !== Tag.sequence) return undefined;
    const [identifier, parameters] = readDer(algorithm.body);
    const signature = hex(identifier);
    const hash = signature === rsaPss ? hashOfPss(parameters) : hashOfSignature[signature];
    return hash === undefined ? undefined : createHash(hash).update(raw).digest();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
