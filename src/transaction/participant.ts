/** One node's part in a session's transaction. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { pgError, type PgError } from "../errors/pg-error.ts";

export interface Participant {
  readonly connection: BackendConnection;
  /** It may have changed rows or definitions: it has a say in the commit. */
  wrote: boolean;
}

export function lostNode(node: string): PgError {
  return pgError("08006", `node "${node}" was lost during the transaction`, {
    hint: "Roll back and run the transaction again.",
  });
}
