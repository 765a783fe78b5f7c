/** What goes to a server before a statement, in the same stream and without waiting for its answer: settings, BEGIN, savepoints. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { PgError } from "../errors/pg-error.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { query } from "../protocol/frontend-messages.ts";
import { Backend } from "../protocol/message-types.ts";
import type { Lease } from "./session-transaction.ts";

export function sendPrelude(
  connection: BackendConnection,
  sql: string,
  lease: Lease,
  done?: () => void,
): void {
  let failed = false;
  lease.prelude = new Promise((resolve) => {
    connection.send(query(sql), {
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
