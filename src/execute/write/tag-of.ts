/** Runs SQL of Pleiad's own that writes, and gives its command tag. Notices go to the client. */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { readCommandTag } from "../../protocol/backend-messages.ts";
import { query } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import type { ExecutionContext } from "../run.ts";

export async function tagOf(
  connection: BackendConnection,
  sql: string,
  context: ExecutionContext,
): Promise<string | undefined> {
  let tag: string | undefined;
  await connection.exchange(query(sql), (type, buffer, start, end) => {
    if (type === Backend.commandComplete) tag = readCommandTag(buffer, start, end);
    else if (type === Backend.noticeResponse) context.output.push(Buffer.from(buffer.subarray(start, end)));
  });
  return tag;
}
