/** Lets a server word the error of a COPY FROM that cannot be: nothing is sent, and what it would accept is taken back. */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import { copyFail, query } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";

/** Undefined when the server would take the data. */
export async function refusedCopy(connection: BackendConnection, sql: Buffer): Promise<PgError | undefined> {
  let accepted = false;
  try {
    await connection.exchange(query(sql), (type) => {
      if (type !== Backend.copyInResponse) return;
      accepted = true;
      connection.write(copyFail("refused"));
    });
  } catch (error) {
    // Taken back, it fails with the word that was sent; a connection that is lost is another matter.
    if (!(error instanceof PgError) || (accepted && !connection.closed)) return undefined;
    return error;
  }
  return undefined;
}
