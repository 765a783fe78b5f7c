/** The client's half of SCRAM-SHA-256 (RFC 5802, 7677) without channel binding. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

export class ScramClient {
  readonly #password: string;
  readonly #nonce = randomBytes(18).toString("base64");
  #serverSignature = "";

  constructor(password: string) {
    this.#password = password;
  }

  first(): string {
    return `n,,n=,r=${this.#nonce}`;
  }

  /** Answer to the server's challenge. */
  final(challenge: string): string {
    const fields = attributes(challenge);
    const nonce = fields.get("r") ?? "";
    if (!nonce.startsWith(this.#nonce)) throw new Error("SCRAM: the server changed the client's nonce");
    const salted = pbkdf2Sync(
      this.#password,
      Buffer.from(fields.get("s") ?? "", "base64"),
      Number(fields.get("i")),
      32,
      "sha256",
    );
    const clientKey = hmac(salted, "Client Key");
    const storedKey = createHash("sha256").update(clientKey).digest();
    const withoutProof = `c=biws,r=${nonce}`;
    const signed = `n=,r=${this.#nonce},${challenge},${withoutProof}`;
    const signature = hmac(storedKey, signed);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
    this.#serverSignature = hmac(hmac(salted, "Server Key"), signed).toString("base64");
    return `${withoutProof},p=${proof.toString("base64")}`;
  }

  verify(last: string): void {
    if (attributes(last).get("v") !== this.#serverSignature) throw new Error("SCRAM: wrong server signature");
  }
}

function attributes(text: string): Map<string, string> {
  return new Map(text.split(",").map((part) => [part.slice(0, 1), part.slice(2)]));
}
