/**
 * The messages of authentication and of version negotiation, both sides: requests (R) and NegotiateProtocolVersion (v) of a
 * server, responses (p) of a client. What goes on inside SASL is security/'s.
 */
import { MessageReader } from "./message-reader.ts";
import { Backend, Frontend } from "./message-types.ts";

const Request = { ok: 0, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

/** What a server asks for in an Authentication message. `unsupported`: a method (its
 * number) that Pleiad does not speak, such as a password in clear or as MD5. */
export type AuthenticationRequest =
  | { readonly kind: "ok" }
  | { readonly kind: "sasl"; readonly mechanisms: readonly string[] }
  | { readonly kind: "sasl-continue"; readonly data: Buffer }
  | { readonly kind: "sasl-final"; readonly data: Buffer }
  | { readonly kind: "unsupported"; readonly code: number };

export interface SaslInitialResponse {
  readonly mechanism: string;
  /** undefined: the client sent none and waits for an empty challenge. */
  readonly data: Buffer | undefined;
}

function frame(type: number, ...parts: readonly Buffer[]): Buffer {
  const head = Buffer.allocUnsafe(5);
  const body = Buffer.concat(parts);
  head[0] = type;
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

function int32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4);
  buffer.writeInt32BE(value, 0);
  return buffer;
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);

export const authenticationOk = frame(Backend.authentication, int32(Request.ok));

export function authenticationSasl(mechanisms: readonly string[]): Buffer {
  return frame(Backend.authentication, int32(Request.sasl), ...mechanisms.map(text), Buffer.from([0]));
}

export function authenticationSaslContinue(data: Buffer): Buffer {
  return frame(Backend.authentication, int32(Request.saslContinue), data);
}

export function authenticationSaslFinal(data: Buffer): Buffer {
  return frame(Backend.authentication, int32(Request.saslFinal), data);
}

/** The newest minor version of protocol 3 that this connection will speak, and the `_pq_.` options that are not known. */
export function negotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  return frame(
    Backend.negotiateProtocolVersion,
    int32((3 << 16) | minor),
    int32(unknownOptions.length),
    ...unknownOptions.map(text),
  );
}

/** Body of an Authentication message in buffer[start, end), that is without type byte and length. */
export function readAuthenticationRequest(buffer: Buffer, start: number, end: number): AuthenticationRequest {
  const reader = new MessageReader(buffer, start, end);
  const code = reader.int32();
  switch (code) {
    case Request.ok:
      return { kind: "ok" };
    case Request.sasl: {
      const mechanisms: string[] = [];
      for (let name = reader.string(); name !== ""; name = reader.string()) mechanisms.push(name);
      return { kind: "sasl", mechanisms };
    }
    case Request.saslContinue:
      return { kind: "sasl-continue", data: reader.bytes(reader.remaining) };
    case Request.saslFinal:
      return { kind: "sasl-final", data: reader.bytes(reader.remaining) };
    default:
      return { kind: "unsupported", code };
  }
}

/** Body of a client's first p message after AuthenticationSASL; buffer[start, end) is without type byte and length. */
export function readSaslInitialResponse(buffer: Buffer, start: number, end: number): SaslInitialResponse {
  const reader = new MessageReader(buffer, start, end);
  const mechanism = reader.string();
  const length = reader.int32();
  const data = length === -1 ? undefined : reader.bytes(length);
  reader.finish();
  return { mechanism, data };
}

export function saslInitialResponse(mechanism: string, data: Buffer): Buffer {
  return frame(Frontend.password, text(mechanism), int32(data.length), data);
}

export function saslResponse(data: Buffer): Buffer {
  return frame(Frontend.password, data);
}
