/** Lets a server word the error of a COPY FROM that cannot be: nothing is sent, and what it would accept is taken back. */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { copyFail, query } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";

/** Undefined when the server would take the data. */
export function refusedCopy(connection: BackendConnection, sql: Buffer): Promise<PgError | undefined> {
  return new Promise((resolve) => {
    let error: PgError | undefined;
    let accepted = false;
    connection.send(query(sql), {
      frame: (type, buffer, start, end) => {
        if (type === Backend.copyInResponse) {
          accepted = true;
          connection.write(copyFail("refused"));
        } else if (type === Backend.errorResponse)
          error ??= new PgError(parseErrorFields(buffer, start + 5, end));
      },
      ready: () => resolve(accepted ? undefined : error),
      lost: resolve,
    });
  });
}
