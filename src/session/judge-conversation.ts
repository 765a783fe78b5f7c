/** What becomes of a client's connection when the process that served it was killed, or lets go of it. Pure: from what is on record to what to do. */
import { pgError, type PgError } from "../errors/pg-error.ts";
import { Status, type TransactionStatus } from "../protocol/message-types.ts";
import type { ConversationState, HeldMessage } from "../shared-memory/conversation.ts";

/** Bytes that the kernel has given to a connection's processes, and taken from them. */
export interface Position {
  readonly read: number;
  readonly written: number;
}

/** What the client has lost, and is still owed. */
export interface Loss {
  /** Requests that get an error and ReadyForQuery. */
  readonly owed: number;
  /** Messages of the extended protocol that get an error; what follows is skipped until Sync. */
  readonly unsynced: boolean;
  /** The transaction that ended may have been committed. */
  readonly uncertain: boolean;
  /** Of the session from now on. A block that is lost goes on as a failed one. */
  readonly status: TransactionStatus;
  /** The client does not know yet that its transaction is no more. */
  readonly unaware: boolean;
  /** A message of which the first bytes were read. */
  readonly held: HeldMessage;
}

export type Verdict =
  /** Nothing can be guaranteed, or the session lived on what is gone. `tell`: the byte stream is in step, so that the client may hear why. */
  { readonly do: "close"; readonly tell: boolean } | { readonly do: "go on"; readonly loss: Loss };

export function judgeConversation(said: ConversationState, actual: Position | undefined): Verdict {
  const silent = { do: "close", tell: false } as const;
  // The keys of an encrypted connection went with the process.
  if (actual === undefined || said.tls || said.dirty || said.read !== actual.read) return silent;
  // Of its last write all went out, or nothing; else a message is cut.
  const whole = actual.written === said.written;
  if (!whole && actual.written !== said.writtenBefore) return silent;
  if (said.holds) return { do: "close", tell: true };
  const owed = whole ? said.owed : said.owedBefore;
  // Of a message whose header is incomplete nothing is lost: it is read again, and answered like any other.
  const running = owed > 0 || said.unsynced || said.held.needed > 0;
  const status = whole ? said.status : said.statusBefore;
  const uncertain = running && (said.uncertain || (!whole && said.uncertainBefore));
  const ended = status === Status.idle || uncertain;
  return {
    do: "go on",
    loss: {
      owed,
      unsynced: said.unsynced,
      uncertain,
      status: ended ? Status.idle : Status.failed,
      unaware: status === Status.inTransaction && !running,
      held: said.held,
    },
  };
}

/** Would the client notice nothing at all? */
export function goesOnUnnoticed(verdict: Verdict): boolean {
  if (verdict.do === "close") return false;
  const { owed, unsynced, status, unaware, held } = verdict.loss;
  return owed === 0 && !unsynced && status === Status.idle && !unaware && held.needed === 0;
}

/** What the client is told of what was running, or of the transaction block that it was in. */
export function lossError(uncertain: boolean): PgError {
  const message = "the process that served this session has died";
  if (uncertain)
    return pgError("08007", `${message}: whether the statement was committed is not known`, {
      hint: "Check whether the changes are there before running it again.",
    });
  return pgError("40001", `${message}: the statement was not completed, and its transaction is rolled back`, {
    hint: "The transaction may be run again.",
  });
}
