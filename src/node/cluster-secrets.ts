/** What a cluster makes once for its clients' log-in and encryption, and keeps in its data directory: the supervisor makes it, workers read it. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PleiadConfig } from "../config/schema.ts";
import { ownCertificate, type ServerCertificate } from "../security/certificate.ts";

const DIRECTORY = "tls";
const SECRET_BYTES = 32;

/** The certificate for clients where none is configured. */
export function clusterCertificate({ data, host }: PleiadConfig): Promise<ServerCertificate> {
  return ownCertificate(join(data, DIRECTORY), [host, "localhost"]);
}

/** The same random bytes at every start of this cluster, readable by nobody else. */
export function clusterSecret(dataDirectory: string): Buffer {
  const directory = join(dataDirectory, DIRECTORY);
  const file = join(directory, "login-secret");
  try {
    const found = readFileSync(file);
    if (found.length === SECRET_BYTES) return found;
  } catch {
    // The first start.
  }
  const secret = randomBytes(SECRET_BYTES);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(file, secret, { mode: 0o600 });
  return secret;
}
