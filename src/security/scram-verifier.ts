/**
 * What a server keeps of a password for SCRAM-SHA-256 (RFC 5802, RFC 7677), in the form of pg_authid.rolpassword:
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
 */
import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { saslprep } from "./saslprep.ts";

export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export const scramKeyBytes = 32;
const saltBytes = 16;
/** PostgreSQL's default of scram_iterations. */
const iterationsDefault = 4096;

const pbkdf2Async = promisify(pbkdf2);

export function hmacSha256(key: Buffer, data: string | Buffer): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

export function sha256(data: Buffer): Buffer {
  return createHash("sha256").update(data).digest();
}

/** Takes milliseconds of a processor, so it runs beside the event loop. */
export async function scramKeys(password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
  const salted = await pbkdf2Async(saslprep(password), salt, iterations, scramKeyBytes, "sha256");
  const clientKey = hmacSha256(salted, "Client Key");
  return { clientKey, storedKey: sha256(clientKey), serverKey: hmacSha256(salted, "Server Key") };
}

export async function buildScramVerifier(
  password: string,
  salt: Buffer = randomBytes(saltBytes),
  iterations: number = iterationsDefault,
): Promise<ScramVerifier> {
  const { storedKey, serverKey } = await scramKeys(password, salt, iterations);
  return { iterations, salt, storedKey, serverKey };
}

export function formatScramVerifier(verifier: ScramVerifier): string {
  const base64 = (bytes: Buffer) => bytes.toString("base64");
  return `SCRAM-SHA-256$${verifier.iterations}:${base64(verifier.salt)}$${base64(verifier.storedKey)}:${base64(verifier.serverKey)}`;
}

/** Strict base64: Node's own decoder passes over what it does not know. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** undefined: no SCRAM verifier (an MD5 hash, for instance), so no password can be checked against it. */
export function parseScramVerifier(stored: string): ScramVerifier | undefined {
  const match = /^SCRAM-SHA-256\$(\d{1,10}):([^$]+)\$([^:]+):(.+)$/.exec(stored);
  if (match === null) return undefined;
  const iterations = Number(match[1]);
  const salt = decodeBase64(match[2]!);
  const storedKey = decodeBase64(match[3]!);
  const serverKey = decodeBase64(match[4]!);
  if (iterations < 1 || iterations > 0x7fffffff || salt === undefined) return undefined;
  if (storedKey?.length !== scramKeyBytes || serverKey?.length !== scramKeyBytes) return undefined;
  return { iterations, salt, storedKey, serverKey };
}

/**
 * The verifier that an unknown user is asked with: the same for the same name each time, as a real one would be, so that nobody
 * learns from the challenge which users exist. No password fits it. `secret` is the cluster's own and never leaves it.
 */
export function fakeScramVerifier(user: string, secret: Buffer): ScramVerifier {
  return {
    iterations: iterationsDefault,
    salt: hmacSha256(secret, user).subarray(0, saltBytes),
    storedKey: Buffer.alloc(scramKeyBytes),
    serverKey: Buffer.alloc(scramKeyBytes),
  };
}
