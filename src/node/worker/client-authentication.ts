/**
 * Finds out whether a client is who it says it is, by the method that the host rules demand. The conversation with the client is
 * here, the cryptography in security/.
 */
import type { Socket } from "node:net";
import { PgError, pgError } from "../../errors/pg-error.ts";
import {
  authenticationOk,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  readSaslInitialResponse,
} from "../../protocol/authentication-messages.ts";
import { Frontend } from "../../protocol/message-types.ts";
import type { HostRules } from "../../security/host-rules.ts";
import { ScramServer, scramMechanisms } from "../../security/scram-server.ts";
import { fakeScramVerifier, parseScramVerifier } from "../../security/scram-verifier.ts";
import { readBytes } from "./startup-bytes.ts";

/** What the catalog knows of a role. */
export interface RoleLogin {
  /** pg_authid.rolpassword. */
  readonly verifier: string | null;
  /** pg_authid.rolcanlogin. */
  readonly canLogin: boolean;
  /** pg_authid.rolvaliduntil: from then on no password is accepted. */
  readonly validUntil?: Date | undefined;
}

export interface AuthenticationSetup {
  readonly rules: HostRules;
  readonly lookupVerifier: (user: string) => Promise<RoleLogin | undefined>;
  /** The cluster's own random bytes, the same at every start: from them come the challenges for users who do not exist. */
  readonly fakeVerifierSecret: Buffer;
}

export interface Claim {
  readonly user: string;
  readonly database: string;
  /** undefined: Unix socket. */
  readonly address: string | undefined;
  readonly tls: boolean;
  readonly endPoint: Buffer | undefined;
}

/** As PostgreSQL: a SASL message has no reason to be longer. */
const saslBytesMax = 1024;

/** Thrown when there is nobody left to talk to. */
export class ClientGone extends Error {
  constructor() {
    super("the client closed the connection during authentication");
  }
}

const fatal = (code: string, message: string) => pgError(code, message, { severity: "FATAL" });

async function readResponse(socket: Socket): Promise<Buffer> {
  const head = await readBytes(socket, 5);
  if (head === undefined) throw new ClientGone();
  if (head[0] !== Frontend.password) {
    throw fatal("08P01", `expected SASL response, got message type ${head[0]}`);
  }
  const length = head.readInt32BE(1) - 4;
  if (length < 0 || length > saslBytesMax) throw fatal("08P01", "invalid message length");
  const body = await readBytes(socket, length);
  if (body === undefined) throw new ClientGone();
  return body;
}

/** Returns the last message for the client, that is not sent yet; undefined when the password was wrong. */
async function scram(
  socket: Socket,
  claim: Claim,
  role: RoleLogin | undefined,
  secret: Buffer,
): Promise<Buffer | undefined> {
  const expired = role?.validUntil !== undefined && role.validUntil.getTime() < Date.now();
  const stored = role?.verifier == null || expired ? undefined : parseScramVerifier(role.verifier);
  const mechanisms = scramMechanisms(claim.endPoint);
  socket.write(authenticationSasl(mechanisms));

  const first = await readResponse(socket);
  const { mechanism, data } = readSaslInitialResponse(first, 0, first.length);
  if (!mechanisms.includes(mechanism)) {
    throw fatal("08P01", "client selected an invalid SASL authentication mechanism");
  }
  const server = new ScramServer({
    mechanism,
    verifier: stored ?? fakeScramVerifier(claim.user, secret),
    fake: stored === undefined,
    endPoint: claim.endPoint,
  });
  let message = data;
  if (message === undefined) {
    // The mechanism was chosen without a first message: it comes after an empty challenge.
    socket.write(authenticationSaslContinue(Buffer.alloc(0)));
    message = await readResponse(socket);
  }
  let answer = server.respond(message);
  while (answer.kind === "challenge") {
    socket.write(authenticationSaslContinue(answer.data));
    answer = server.respond(await readResponse(socket));
  }
  return answer.kind === "accepted" ? authenticationSaslFinal(answer.data) : undefined;
}

/** Returns after AuthenticationOk was sent. Otherwise throws: ClientGone, or the PgError that the client is to be told. */
export async function authenticate(socket: Socket, claim: Claim, setup: AuthenticationSetup): Promise<void> {
  const decision = setup.rules.decide(claim);
  if (decision.method === "reject") throw decision.error;
  const role = await setup.lookupVerifier(claim.user);
  const messages = [authenticationOk];
  if (decision.method === "scram-sha-256") {
    const final = await scram(socket, claim, role, setup.fakeVerifierSecret);
    if (final === undefined) {
      throw fatal("28P01", `password authentication failed for user "${claim.user}"`);
    }
    messages.unshift(final);
  }
  if (role === undefined) throw fatal("28000", `role "${claim.user}" does not exist`);
  if (!role.canLogin) throw fatal("28000", `role "${claim.user}" is not permitted to log in`);
  socket.write(Buffer.concat(messages));
}

/** The error as it goes to a client that is not logged in yet: whatever it is, it ends the connection. */
export function asFatal(error: unknown): PgError {
  if (error instanceof PgError) return new PgError({ ...error.fields, severity: "FATAL" });
  return fatal("XX000", "internal error during the start of the connection");
}
