/**
 * What a client sends before anything else: a packet without type byte. Either a request (TLS, GSSAPI, cancel) or the startup packet
 * proper with the version of the protocol and the session's parameters.
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import { pgError, type PgError } from "../errors/pg-error.ts";
import { negotiateProtocolVersion } from "./authentication-messages.ts";
import { MessageReader } from "./message-reader.ts";

/** PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH), without the length word. */
export const startupPacketBytesMax = 10_000;

/** A name in PostgreSQL has at most this many bytes (NAMEDATALEN - 1). */
const nameBytesMax = 63;
const cancelSecretBytesMax = 256;

const Code = {
  cancel: (1234 << 16) | 5678,
  tls: (1234 << 16) | 5679,
  gss: (1234 << 16) | 5680,
} as const;

export interface StartupPacket {
  /** The minor version of protocol 3 that will be spoken. 3.2: cancel secrets of 32 bytes. */
  readonly protocolMinor: 0 | 2;
  /** To be sent before any other answer when the client asked for more than there is. */
  readonly negotiation: Buffer | undefined;
  /** Empty: the client named none. */
  readonly user: string;
  readonly database: string;
  /** The `options` parameter: command-line switches. */
  readonly switches: string | undefined;
  readonly replication: string | undefined;
  /** All other parameters: settings of the session. */
  readonly settings: ReadonlyMap<string, string>;
}

export type FirstPacket =
  | { readonly kind: "tls-request" }
  | { readonly kind: "gss-request" }
  | { readonly kind: "cancel"; readonly processId: number; readonly secret: Buffer }
  /** A cancel request without a possible key. Those who ask for a cancel are never answered. */
  | { readonly kind: "nonsense" }
  | { readonly kind: "startup"; readonly startup: StartupPacket };

const fatal = (code: string, message: string): PgError => pgError(code, message, { severity: "FATAL" });

/** `body` is the packet without its length. `encrypted`: a request for encryption makes no sense any more. */
export function readFirstPacket(body: Buffer, encrypted: boolean): FirstPacket {
  const code = body.readUInt32BE(0);
  if (code === Code.tls && !encrypted) return { kind: "tls-request" };
  if (code === Code.gss && !encrypted) return { kind: "gss-request" };
  if (code === Code.cancel) {
    const secret = body.subarray(8);
    if (secret.length < 4 || secret.length > cancelSecretBytesMax) return { kind: "nonsense" };
    return { kind: "cancel", processId: body.readInt32BE(4), secret };
  }
  const major = code >>> 16;
  const minor = code & 0xffff;
  if (major !== 3) {
    throw fatal("0A000", `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.2`);
  }
  return { kind: "startup", startup: readStartup(body, minor) };
}

function readStartup(body: Buffer, minor: number): StartupPacket {
  const layout = fatal("08P01", "invalid startup packet layout: expected terminator as last byte");
  const reader = new MessageReader(body, 4, body.length);
  const settings = new Map<string, string>();
  const unknownOptions: string[] = [];
  const known: Record<"user" | "database" | "options" | "replication", string | undefined> = {
    user: undefined,
    database: undefined,
    options: undefined,
    replication: undefined,
  };
  try {
    for (let name = reader.string(); name !== ""; name = reader.string()) {
      const value = reader.string();
      if (name.startsWith("_pq_.")) unknownOptions.push(name);
      else if (Object.hasOwn(known, name)) known[name as keyof typeof known] = value;
      else settings.set(name.toLowerCase(), value);
    }
  } catch {
    throw layout;
  }
  if (reader.remaining !== 0) throw layout;

  // 3.1 was never given out, so who asks for it gets what was before it.
  const protocolMinor = minor >= 2 ? 2 : 0;
  const user = clipName(known.user ?? "");
  return {
    protocolMinor,
    negotiation:
      minor === protocolMinor && unknownOptions.length === 0
        ? undefined
        : negotiateProtocolVersion(protocolMinor, unknownOptions),
    user,
    database: clipName(known.database ?? "") || user,
    switches: known.options,
    replication: known.replication,
    settings,
  };
}

/** Longer names are cut as in CREATE ROLE and CREATE DATABASE: at the last character that fits whole. */
function clipName(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= nameBytesMax) return name;
  let end = nameBytesMax;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
