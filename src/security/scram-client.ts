/**
 * The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: for servers that somebody else runs, over TCP with a password. No
 * sockets: the caller carries the messages.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { pgError } from "../errors/pg-error.ts";
import { isPrintable, malformed, ScramMessage } from "./scram-message.ts";
import { channelBindingInput, scramSha256, scramSha256Plus } from "./scram-server.ts";
import { decodeBase64, hmacSha256, scramKeyBytes, scramKeys } from "./scram-verifier.ts";

export interface ScramClientSetup {
  readonly password: string;
  /** As the server offered them. */
  readonly mechanisms: readonly string[];
  /** Hash of the server's certificate (tls-server-end-point); undefined on a connection that is not encrypted. */
  readonly endPoint: Buffer | undefined;
  /** Only for tests with known vectors. */
  readonly nonce?: string;
  readonly user?: string;
}

const nonceBytes = 18;
/** Far above what anybody configures; a server that asks for more keeps us busy. */
const iterationsMax = 10_000_000;

export class ScramClient {
  readonly mechanism: string;
  private readonly setup: ScramClientSetup;
  private readonly flag: "n" | "y" | "p";
  private readonly nonce: string;
  private readonly firstBare: string;
  private serverSignature: Buffer | undefined;

  constructor(setup: ScramClientSetup) {
    const plus = setup.endPoint !== undefined && setup.mechanisms.includes(scramSha256Plus);
    if (!plus && !setup.mechanisms.includes(scramSha256)) {
      throw pgError("0A000", "none of the server's SASL authentication mechanisms are supported");
    }
    this.setup = setup;
    this.mechanism = plus ? scramSha256Plus : scramSha256;
    // y: we could, and the server did not offer it. The server notices if somebody took its offer away.
    this.flag = plus ? "p" : setup.endPoint === undefined ? "n" : "y";
    this.nonce = setup.nonce ?? randomBytes(nonceBytes).toString("base64");
    // PostgreSQL takes the name from the startup packet; its own client leaves this one empty too.
    this.firstBare = `n=${setup.user ?? ""},r=${this.nonce}`;
  }

  first(): Buffer {
    const header = this.flag === "p" ? "p=tls-server-end-point" : this.flag;
    return Buffer.from(`${header},,${this.firstBare}`, "latin1");
  }

  /** The client's last message, from the server's challenge. */
  async final(challenge: Buffer): Promise<Buffer> {
    const message = new ScramMessage(challenge);
    const nonce = message.attribute("r");
    const salt = decodeBase64(message.attribute("s"));
    const count = message.attribute("i");
    const iterations = /^\d{1,10}$/.test(count) ? Number(count) : 0;
    if (nonce.length <= this.nonce.length || !nonce.startsWith(this.nonce) || !isPrintable(nonce)) {
      throw pgError("08P01", "invalid SCRAM response", { detail: "Nonce does not match." });
    }
    if (salt === undefined || salt.length === 0) throw malformed("Invalid salt.");
    if (iterations < 1 || iterations > iterationsMax) throw malformed("Invalid iteration count.");

    const { clientKey, storedKey, serverKey } = await scramKeys(this.setup.password, salt, iterations);
    const withoutProof = `c=${channelBindingInput(this.flag, this.setup.endPoint)},r=${nonce}`;
    const authMessage = Buffer.from(`${this.firstBare},${message.text},${withoutProof}`, "latin1");
    this.serverSignature = hmacSha256(serverKey, authMessage);
    const proof = hmacSha256(storedKey, authMessage);
    for (let i = 0; i < scramKeyBytes; i++) proof[i]! ^= clientKey[i]!;
    return Buffer.from(`${withoutProof},p=${proof.toString("base64")}`, "latin1");
  }

  /**
   * Whether the server knows the password too. To be called before AuthenticationOk is believed: a server that skips its proof
   * may be somebody else.
   */
  verify(serverFinal: Buffer): void {
    const message = new ScramMessage(serverFinal);
    if (message.peek() === "e") {
      throw pgError("28P01", `error received from server in SCRAM exchange: ${message.attribute("e")}`);
    }
    const signature = decodeBase64(message.attribute("v"));
    const expected = this.serverSignature;
    if (expected === undefined || signature?.length !== expected.length) {
      throw malformed("Invalid server signature.");
    }
    if (!timingSafeEqual(signature, expected)) throw pgError("28000", "incorrect server signature");
  }
}
