/**
 * The coordinator's certificate: the configured one, checked before it is used, or one of our own, made once and kept in the data
 * directory so that clients who noted it find it again.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { pgError, type PgError } from "../errors/pg-error.ts";
import { makeSelfSignedCertificate } from "./self-signed-certificate.ts";
import { tlsServerEndPoint } from "./tls-end-point.ts";

export interface ServerCertificate {
  /** PEM; may hold the chain. */
  readonly certificate: string;
  readonly key: string;
  /** For channel binding; undefined when the certificate's signature does not allow it. */
  readonly endPoint: Buffer | undefined;
}

const generatedDays = 3650;
/** A certificate of ours with less time than this left is replaced at a start. */
const renewBeforeMs = 30 * 86_400_000;

function unusable(file: string, reason: string, hint?: string): PgError {
  return pgError("F0000", `could not use "${file}" for TLS: ${reason}`, hint === undefined ? {} : { hint });
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw unusable(file, (error as Error).message);
  }
}

/** As PostgreSQL: the key is its owner's alone, or root's and then readable by one group. */
async function checkKeyMode(file: string): Promise<void> {
  const { mode, uid } = await stat(file);
  const exposed = uid === 0 ? mode & 0o037 : mode & 0o077;
  if (exposed === 0) return;
  throw unusable(
    file,
    "private key file has group or world access",
    "File must have permissions u=rw (0600) or less if owned by the user of Pleiad, or permissions u=rw,g=r (0640) or less if owned by root.",
  );
}

export async function loadCertificate(certificateFile: string, keyFile: string): Promise<ServerCertificate> {
  const [certificate, key] = await Promise.all([read(certificateFile), read(keyFile)]);
  await checkKeyMode(keyFile);
  let parsed: X509Certificate;
  let privateKey;
  try {
    parsed = new X509Certificate(certificate);
  } catch (error) {
    throw unusable(certificateFile, (error as Error).message);
  }
  try {
    privateKey = createPrivateKey(key);
  } catch (error) {
    const hint = key.includes("ENCRYPTED")
      ? "A key with a passphrase cannot be used: a server starts without a person."
      : undefined;
    throw unusable(keyFile, (error as Error).message, hint);
  }
  if (!parsed.checkPrivateKey(privateKey)) {
    throw unusable(keyFile, `it is not the private key of "${certificateFile}"`);
  }
  return { certificate, key, endPoint: tlsServerEndPoint(certificate) };
}

/** Readable by nobody else from its first byte on; complete or not there. */
async function writeSecret(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  const handle = await open(draft, "w", 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}

/** The certificate in `directory`, made for `hosts` if there is none or it runs out. */
export async function ownCertificate(
  directory: string,
  hosts: readonly string[],
  now: Date = new Date(),
): Promise<ServerCertificate> {
  const certificateFile = join(directory, "server.crt");
  const keyFile = join(directory, "server.key");
  try {
    const found = await loadCertificate(certificateFile, keyFile);
    const end = Date.parse(new X509Certificate(found.certificate).validTo);
    if (end - now.getTime() > renewBeforeMs) return found;
  } catch {
    // None yet, or half of a pair from a start that was killed: the file is ours, so it is simply made again.
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const made = makeSelfSignedCertificate(hosts, now, generatedDays);
  await writeSecret(keyFile, made.key);
  await writeSecret(certificateFile, made.certificate);
  return { ...made, endPoint: tlsServerEndPoint(made.certificate) };
}
