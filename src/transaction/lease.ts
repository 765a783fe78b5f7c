/**
 * A backend connection lent for one statement, and its prelude: what goes to the server before the statement, in the same
 * stream and without waiting for its answer (settings, BEGIN, savepoints).
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { PgError } from "../errors/pg-error.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { query } from "../protocol/frontend-messages.ts";
import { Backend } from "../protocol/message-types.ts";

export interface Lease {
  readonly connection: BackendConnection;
  /** Set when something of the prelude failed. */
  preludeError: PgError | undefined;
  /** Set when there is a prelude, resolved when it is answered: a statement that writes waits for it. */
  prelude: Promise<void> | undefined;
  release(): void;
}

export function leaseOf(connection: BackendConnection, release: () => void = () => {}): Lease {
  return { connection, preludeError: undefined, prelude: undefined, release };
}

/** Sends a part of the prelude; `done` is told when it has succeeded. */
export function sendPrelude(lease: Lease, sql: string, done?: () => void): void {
  let failed = false;
  lease.prelude = new Promise((resolve) => {
    lease.connection.send(query(sql), {
      frame: (type, buffer, start, end) => {
        if (type !== Backend.errorResponse) return;
        failed = true;
        lease.preludeError ??= new PgError(parseErrorFields(buffer, start + 5, end));
      },
      ready: () => {
        if (!failed) done?.();
        resolve();
      },
      lost: (error) => {
        lease.preludeError ??= error;
        resolve();
      },
    });
  });
}

/** Waits until the prelude is answered. Throws its error; the lease stays lent. */
export async function preludeDone(lease: Lease): Promise<void> {
  if (lease.prelude !== undefined) await lease.prelude;
  if (lease.preludeError !== undefined) throw lease.preludeError;
}
