/** What the client sends during COPY FROM STDIN, and the errors of that conversation. */
import { ConnectionError, pgError, type PgError } from "../../errors/pg-error.ts";

/** The client's messages, as the session hands them over. */
export interface CopySource {
  /** The next message (`start` and `end` enclose its body); undefined when the client has gone, or after interrupt(). */
  take(): ClientFrame | Promise<ClientFrame | undefined> | undefined;
  /** Lets a take() that waits return at once. */
  interrupt(): void;
}

export interface ClientFrame {
  readonly type: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

export function clientGone(): PgError {
  return new ConnectionError({
    severity: "ERROR",
    code: "08006",
    message: "unexpected EOF on client connection with an open transaction",
  });
}

export function unexpectedMessage(type: number): PgError {
  return new ConnectionError({
    severity: "ERROR",
    code: "08P01",
    message: `unexpected message type 0x${type.toString(16).toUpperCase()} during COPY from stdin`,
  });
}

export function failedByClient(reason: string): PgError {
  return pgError("57014", `COPY from stdin failed: ${reason}`);
}
