/** Runs SQL of Pleiad's own that writes, and gives its command tag. Notices go to the client. */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import { readCommandTag } from "../../protocol/backend-messages.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { query } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import type { ExecutionContext } from "../run.ts";

export function tagOf(
  connection: BackendConnection,
  sql: string,
  context: ExecutionContext,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let tag: string | undefined;
    let error: PgError | undefined;
    connection.send(query(sql), {
      frame: (type, buffer, start, end) => {
        if (type === Backend.commandComplete) tag = readCommandTag(buffer, start, end);
        else if (type === Backend.noticeResponse)
          context.output.push(Buffer.from(buffer.subarray(start, end)));
        else if (type === Backend.errorResponse)
          error ??= new PgError(parseErrorFields(buffer, start + 5, end));
      },
      ready: () => (error === undefined ? resolve(tag) : reject(error)),
      lost: reject,
    });
  });
}
