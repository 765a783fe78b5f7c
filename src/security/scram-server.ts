/**
 * The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) as PostgreSQL speaks it: two messages in, two out,
 * no sockets. A user who does not exist goes the whole way with a fake verifier and fails where a wrong password fails.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { pgError } from "../errors/pg-error.ts";
import { isPrintable, malformed, ScramMessage, shown } from "./scram-message.ts";
import { decodeBase64, hmacSha256, scramKeyBytes, sha256, type ScramVerifier } from "./scram-verifier.ts";

export const scramSha256 = "SCRAM-SHA-256";
export const scramSha256Plus = "SCRAM-SHA-256-PLUS";

export type ScramAnswer =
  | { readonly kind: "challenge"; readonly data: Buffer }
  | { readonly kind: "accepted"; readonly data: Buffer }
  /** Wrong password, or the verifier was a fake. */
  | { readonly kind: "denied" };

export interface ScramServerSetup {
  /** The mechanism that the client chose of those that `scramMechanisms` offered. */
  readonly mechanism: string;
  readonly verifier: ScramVerifier;
  /** The verifier is a fake: whatever the client proves, it is denied. */
  readonly fake: boolean;
  /** Hash of the server's certificate (tls-server-end-point) on an encrypted connection. */
  readonly endPoint: Buffer | undefined;
  /** Only for tests with known vectors. */
  readonly nonce?: string;
}

const nonceBytes = 18;

/** In order of preference. Channel binding is offered whenever the connection is encrypted. */
export function scramMechanisms(endPoint: Buffer | undefined): string[] {
  return endPoint === undefined ? [scramSha256] : [scramSha256Plus, scramSha256];
}

/** What the client must repeat, base64, in the c attribute of its last message. */
export function channelBindingInput(flag: "n" | "y" | "p", endPoint: Buffer | undefined): string {
  if (flag !== "p") return Buffer.from(`${flag},,`).toString("base64");
  return Buffer.concat([Buffer.from("p=tls-server-end-point,,"), endPoint ?? Buffer.alloc(0)]).toString(
    "base64",
  );
}

export class ScramServer {
  private readonly setup: ScramServerSetup;
  private state: "first" | "final" | "over" = "first";
  private flag: "n" | "y" | "p" = "n";
  private clientFirstBare = "";
  private serverFirst = "";
  private nonce = "";

  constructor(setup: ScramServerSetup) {
    this.setup = setup;
  }

  /** Throws what PostgreSQL would report when the message breaks the protocol. */
  respond(message: Buffer): ScramAnswer {
    const state = this.state;
    this.state = "over";
    if (state === "first") {
      const data = this.challenge(new ScramMessage(message));
      this.state = "final";
      return { kind: "challenge", data };
    }
    if (state === "final") return this.judge(new ScramMessage(message));
    throw pgError("08P01", "invalid SCRAM exchange state");
  }

  private challenge(message: ScramMessage): Buffer {
    this.readChannelBindingFlag(message);
    if (message.peek() === "a") {
      throw pgError("0A000", "client uses authorization identity, but it is not supported");
    }
    if (message.peek() !== ",") {
      throw malformed(`Unexpected attribute "${shown(message.peek())}" in client-first-message.`);
    }
    message.skip();
    this.clientFirstBare = message.text.slice(message.offset);
    if (message.peek() === "m") {
      throw pgError("0A000", "client requires an unsupported SCRAM extension");
    }
    // The name in here is not used: it is the one of the startup packet that counts.
    message.attribute("n");
    const clientNonce = message.attribute("r");
    if (!isPrintable(clientNonce)) throw pgError("08P01", "non-printable characters in SCRAM nonce");
    while (!message.atEnd) message.anyAttribute();

    const { salt, iterations } = this.setup.verifier;
    this.nonce = clientNonce + (this.setup.nonce ?? randomBytes(nonceBytes).toString("base64"));
    this.serverFirst = `r=${this.nonce},s=${salt.toString("base64")},i=${iterations}`;
    return Buffer.from(this.serverFirst, "latin1");
  }

  private readChannelBindingFlag(message: ScramMessage): void {
    const bound = this.setup.mechanism === scramSha256Plus;
    const flag = message.peek();
    if (flag === "p") {
      if (!bound) {
        throw malformed(
          "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.",
        );
      }
      const type = message.attribute("p");
      if (type !== "tls-server-end-point") {
        const name = Array.from(type, shown).join("");
        throw pgError("08P01", `unsupported SCRAM channel-binding type "${name}"`);
      }
    } else if (flag === "n" || flag === "y") {
      if (bound) {
        throw malformed(
          "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.",
        );
      }
      if (flag === "y" && this.setup.endPoint !== undefined) {
        // It was offered, so somebody between us took it out of the list.
        throw pgError("28000", "SCRAM channel binding negotiation error", {
          detail:
            "The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.",
        });
      }
      message.skip();
      message.expectComma();
    } else {
      throw malformed(`Unexpected channel-binding flag "${shown(flag)}".`);
    }
    this.flag = flag;
  }

  private judge(message: ScramMessage): ScramAnswer {
    const binding = message.attribute("c");
    if (binding !== channelBindingInput(this.flag, this.setup.endPoint)) {
      throw this.flag === "p"
        ? pgError("28000", "SCRAM channel binding check failed")
        : pgError("08P01", "unexpected SCRAM channel-binding attribute in client-final-message");
    }
    const nonce = message.attribute("r");
    let last;
    let proofAt;
    do {
      proofAt = message.offset - 1;
      last = message.anyAttribute();
    } while (last.name !== "p");
    const proof = decodeBase64(last.value);
    if (proof?.length !== scramKeyBytes) throw malformed("Malformed proof in client-final-message.");
    if (!message.atEnd) throw malformed("Garbage found at the end of client-final-message.");
    if (nonce !== this.nonce) {
      throw pgError("08P01", "invalid SCRAM response", { detail: "Nonce does not match." });
    }

    const { storedKey, serverKey } = this.setup.verifier;
    const signed = `${this.clientFirstBare},${this.serverFirst},${message.text.slice(0, proofAt)}`;
    const authMessage = Buffer.from(signed, "latin1");
    const clientKey = hmacSha256(storedKey, authMessage);
    for (let i = 0; i < scramKeyBytes; i++) clientKey[i]! ^= proof[i]!;
    const proven = timingSafeEqual(sha256(clientKey), storedKey);
    if (!proven || this.setup.fake) return { kind: "denied" };
    const signature = hmacSha256(serverKey, authMessage).toString("base64");
    return { kind: "accepted", data: Buffer.from(`v=${signature}`) };
  }
}
