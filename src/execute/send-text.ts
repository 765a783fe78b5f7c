/** Sends a text to a server by the protocol that the client used, and passes the answer on. */
import { query } from "../protocol/frontend-messages.ts";
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Lease } from "../transaction/lease.ts";
import { Answer, type AnswerScope } from "./answer.ts";
import { binaryValues, hasBinaryOids, resultFormat, type ResultFormat } from "./binary-values.ts";
import { clientError } from "./client-error.ts";
import { preparedKey, type NodeText } from "./node-text.ts";
import { forgetPrepared, preparedRequest } from "./prepared-request.ts";
import { StalePlan } from "./stale-plan.ts";
import { WatchedReceiver } from "./watched-receiver.ts";
import { runForText } from "./run-for-text.ts";
import { whileRunning, type Run, type WorkplaceContext } from "./run.ts";

/** The bytes that run a text once, with the run's parameters and without keeping anything. */
export function requestOnce(connection: BackendConnection, sql: Buffer, run: Run): Buffer {
  return run.bind === undefined
    ? query(sql)
    : preparedRequest(connection, undefined, sql, run.parameterTypes, run.bind.tail, "", 0);
}

/**
 * Runs a text on a server, to its end or, if a `portal` is named, for as many rows as the run asks for. Throws the error in the
 * client's terms; a BindComplete that no server has given is then not sent either. `watched`: throws StalePlan where the text found
 * other tables than it was planned for.
 */
export async function sendText(
  context: WorkplaceContext,
  lease: Lease,
  text: NodeText,
  run: Run,
  scope: AnswerScope,
  {
    portal = "",
    watched = true,
    result = resultFormat(run),
  }: { readonly portal?: string; readonly watched?: boolean; readonly result?: ResultFormat } = {},
): Promise<Answer> {
  const { connection } = lease;
  const binary = hasBinaryOids(run, result) ? await binaryValues(context, lease, run, result) : undefined;
  const answer = new Answer(connection, scope.output, scope, binary?.row);
  const key = preparedKey(text, context.transaction.settings);
  // A text that is kept is the whole statement; another may be a part of it.
  const { bind, parameterTypes } = key === undefined ? runForText(run, text.sql) : run;
  const rowsMax = portal === "" ? 0 : run.rowsMax;
  connection.send(
    bind === undefined
      ? query(text.sql)
      : preparedRequest(
          connection,
          key,
          text.sql,
          parameterTypes,
          binary?.tail ?? bind.tail,
          portal,
          rowsMax,
        ),
    watched ? new WatchedReceiver(answer, context.definitions, connection) : answer,
  );
  await whileRunning(context, connection, answer.done);
  const error = lease.preludeError ?? answer.error;
  if (error === undefined) return answer;
  if (error instanceof StalePlan) throw error;
  if (bind !== undefined) {
    forgetPrepared(connection, key, error);
    if (!answer.bound) run.preface.drop();
  }
  throw clientError(error, text.statement, text.splices);
}
