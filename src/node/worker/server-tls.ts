/** Encryption of client connections: one secure context per coordinator, and the handshake on a socket. */
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket, type SecureContext } from "node:tls";
import type { ServerCertificate } from "../../security/certificate.ts";

export interface ServerTls {
  readonly context: SecureContext;
  /** Hash of the certificate for channel binding; undefined: not offered. */
  readonly endPoint: Buffer | undefined;
}

/** The name of the protocol in TLS' ALPN extension, since PostgreSQL 17. */
const alpnProtocol = "postgresql";

export function serverTls(certificate: ServerCertificate): ServerTls {
  const context = createSecureContext({
    cert: certificate.certificate,
    key: certificate.key,
    minVersion: "TLSv1.2",
    // As PostgreSQL: a session that is resumed or renegotiated would carry an old handshake's properties.
    secureOptions:
      constants.SSL_OP_NO_TICKET |
      constants.SSL_OP_NO_RENEGOTIATION |
      constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
  });
  return { context, endPoint: certificate.endPoint };
}

/**
 * undefined: the handshake failed or the client went away. `alpnRequired`: without a negotiation before it, only ALPN tells that
 * the client means this protocol and was not led here by somebody (RFC 9325, cross-protocol attacks).
 */
export function encrypt(
  socket: Socket,
  tls: ServerTls,
  alpnRequired: boolean,
): Promise<TLSSocket | undefined> {
  const encrypted = new TLSSocket(socket, {
    isServer: true,
    secureContext: tls.context,
    ALPNProtocols: [alpnProtocol],
  });
  return new Promise((resolve) => {
    const settle = (result: TLSSocket | undefined) => {
      encrypted.off("secure", secure).off("close", lost);
      resolve(result);
    };
    const secure = () =>
      settle(alpnRequired && encrypted.alpnProtocol !== alpnProtocol ? undefined : encrypted);
    const lost = () => settle(undefined);
    encrypted.once("secure", secure).once("close", lost);
    // Every error is followed by close; nobody must die of it before or after the hand-over.
    encrypted.on("error", () => {});
  });
}
