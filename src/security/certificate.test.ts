import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadCertificate, ownCertificate } from "./certificate.ts";
import { makeSelfSignedCertificate } from "./self-signed-certificate.ts";
import { tlsServerEndPoint } from "./tls-end-point.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "certificate-"));
});

afterEach(() => rm(directory, { recursive: true }));

const now = new Date("2026-01-01T00:00:00Z");

describe("own certificate", () => {
  test("is a valid X.509 certificate for the given hosts", () => {
    const made = makeSelfSignedCertificate(["localhost", "db.example.org", "127.0.0.1", "::1"], now, 3650);
    const parsed = new X509Certificate(made.certificate);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.subject).toBe("CN=Pleiad");
    expect(parsed.ca).toBe(false);
    expect(parsed.checkHost("db.example.org")).toBe("db.example.org");
    expect(parsed.checkHost("other.example.org")).toBeUndefined();
    expect(parsed.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(parsed.subjectAltName).toContain("IP Address:0:0:0:0:0:0:0:1");
    expect(new Date(parsed.validFrom)).toEqual(new Date("2025-12-31T00:00:00Z"));
    expect(new Date(parsed.validTo)).toEqual(new Date("2035-12-30T00:00:00Z"));
    const late = new X509Certificate(makeSelfSignedCertificate(["x"], now, 20_000).certificate);
    expect(new Date(late.validTo).getUTCFullYear()).toBe(2080);
  });

  test("X2: is kept, with nobody else able to read the key", async () => {
    const place = join(directory, "tls");
    const first = await ownCertificate(place, ["localhost"], now);
    expect((await readdir(place)).toSorted()).toEqual(["server.crt", "server.key"]);
    expect((await stat(join(place, "server.key"))).mode & 0o777).toBe(0o600);
    expect(await ownCertificate(place, ["localhost"], now)).toEqual(first);
  });

  test("is made again when half of it is missing or it runs out", async () => {
    const first = await ownCertificate(directory, ["localhost"], now);
    await unlink(join(directory, "server.key"));
    const second = await ownCertificate(directory, ["localhost"], now);
    expect(second.certificate).not.toBe(first.certificate);
    const late = new Date(now.getTime() + 3640 * 86_400_000);
    const third = await ownCertificate(directory, ["localhost"], late);
    expect(third.certificate).not.toBe(second.certificate);
    expect(await readFile(join(directory, "server.crt"), "utf8")).toBe(third.certificate);
  });
});

describe("configured certificate", () => {
  const place = (name: string) => join(directory, name);

  beforeEach(async () => {
    const made = makeSelfSignedCertificate(["localhost"], now, 10);
    await writeFile(place("c.pem"), made.certificate);
    await writeFile(place("k.pem"), made.key, { mode: 0o600 });
  });

  test("is loaded", async () => {
    const loaded = await loadCertificate(place("c.pem"), place("k.pem"));
    expect(loaded.endPoint).toEqual(
      createHash("sha256").update(new X509Certificate(loaded.certificate).raw).digest(),
    );
  });

  test("X2: a key that others can read is refused", async () => {
    await chmod(place("k.pem"), 0o644);
    await expect(loadCertificate(place("c.pem"), place("k.pem"))).rejects.toThrow(/group or world access/);
  });

  test("what does not fit is refused with the file's name", async () => {
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    await writeFile(place("other.pem"), other.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    await expect(loadCertificate(place("c.pem"), place("other.pem"))).rejects.toThrow(/not the private key/);
    await expect(loadCertificate(place("k.pem"), place("k.pem"))).rejects.toThrow(/k\.pem/);
    await expect(loadCertificate(place("c.pem"), place("none.pem"))).rejects.toThrow(/none\.pem.*ENOENT/);
  });
});

describe("tls-server-end-point", () => {
  const openssl = (...options: string[]) =>
    execFileSync(
      "openssl",
      ["req", "-x509", "-nodes", "-subj", "/CN=x", "-keyout", "/dev/null", ...options],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
  const hasOpenssl = (() => {
    try {
      execFileSync("openssl", ["version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  })();

  // The hash is that of the signature; SHA-1 is replaced by SHA-256 (RFC 5929, section 4.1).
  test.runIf(hasOpenssl).each([
    ["sha256", ["-newkey", "rsa:2048", "-sha256"]],
    ["sha384", ["-newkey", "rsa:2048", "-sha384"]],
    ["sha512", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha512"]],
    ["sha256", ["-newkey", "rsa:2048", "-sha1"]],
    ["sha384", ["-newkey", "rsa:2048", "-sha384", "-sigopt", "rsa_padding_mode:pss"]],
    [undefined, ["-newkey", "ed25519"]],
  ])("hash %s for a certificate made with %j", (hash, options) => {
    const pem = openssl(...options);
    const expected =
      hash === undefined ? undefined : createHash(hash).update(new X509Certificate(pem).raw).digest();
    expect(tlsServerEndPoint(pem)).toEqual(expected);
  });
});
