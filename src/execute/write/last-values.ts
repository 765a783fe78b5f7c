/**
 * currval() and lastval() belong to a session, but the numbers of an INSERT that stands alone are drawn over a connection that
 * many sessions use. What they were is kept here, until the session has a connection of its own that knows better.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import type { SessionTransaction } from "../../transaction/session-transaction.ts";

export interface LastValues {
  /** By the OID of the sequence. */
  readonly values: Readonly<Record<string, string>>;
  /** The sequence that lastval() is about. */
  readonly last: string | undefined;
  /** Numbers were drawn that nobody has kept: only what was drawn since is known. */
  readonly lost: boolean;
  /** What the session's own connection knows may be older than what was lost. */
  readonly stale: boolean;
}

const NONE: LastValues = { values: {}, last: undefined, lost: false, stale: false };
const known = new WeakMap<SessionTransaction, LastValues>();

export function lastValuesOf(transaction: SessionTransaction): LastValues {
  return known.get(transaction) ?? NONE;
}

export function noteDrawn(transaction: SessionTransaction, sequence: string, value: string): void {
  const before = lastValuesOf(transaction);
  known.set(transaction, {
    ...before,
    values: { ...before.values, [sequence]: value },
    last: sequence,
  });
}

export function noteLost(transaction: SessionTransaction): void {
  known.set(transaction, { ...NONE, lost: true, stale: true });
}

/** To be called before the session's own connection to the catalog node is asked. */
export async function discardStale(transaction: SessionTransaction, own: BackendConnection): Promise<void> {
  const before = lastValuesOf(transaction);
  if (!before.stale) return;
  await own.query("DISCARD SEQUENCES");
  known.set(transaction, { ...before, stale: false });
}

/** They come from another process. */
export function restoreLastValues(transaction: SessionTransaction, values: LastValues): void {
  known.set(transaction, values);
}

/** DISCARD SEQUENCES. */
export function forgetLastValues(transaction: SessionTransaction): void {
  known.delete(transaction);
}
