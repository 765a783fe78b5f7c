/**
 * PostgreSQL itself checks a statement: the catalog node prepares it over the shells (nothing runs) under the client's
 * role and settings, and says the types of parameters and results, or the error that the client gets.
 */
import type { Receiver } from "../backend/backend-connection.ts";
import { readParameterDescription, readRowDescription, type Field } from "../protocol/backend-messages.ts";
import { bindWithTail, describeStatement, parse, sync } from "../protocol/frontend-messages.ts";
import { Backend } from "../protocol/message-types.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";
import type { Description } from "./planned-statement.ts";

/** A Bind that is not followed by an Execute: the catalog node says whether PostgreSQL would take its values and formats. Nothing runs. */
export function checkBind(
  transaction: SessionTransaction,
  text: Buffer,
  parameterTypes: readonly number[],
  bindTail: Buffer,
): Promise<void> {
  return ask(transaction, [parse("", text, parameterTypes), bindWithTail("", "", bindTail), sync]);
}

/** Throws the server's error; its position counts in `text`. */
export async function describeText(
  transaction: SessionTransaction,
  text: Buffer,
  parameterTypes: readonly number[],
): Promise<Description> {
  let types: number[] = [];
  let fields: Field[] | undefined;
  await ask(
    transaction,
    [parse("", text, parameterTypes), describeStatement(""), sync],
    (type, buffer, start, end) => {
      if (type === Backend.parameterDescription) types = readParameterDescription(buffer, start, end);
      else if (type === Backend.rowDescription) fields = readRowDescription(buffer, start, end);
    },
  );
  return { parameterTypes: types, fields };
}

async function ask(
  transaction: SessionTransaction,
  messages: readonly Buffer[],
  onFrame?: Receiver["frame"],
): Promise<void> {
  const lease = await transaction.leaseToAsk();
  try {
    await lease.connection.exchange(Buffer.concat(messages), onFrame);
    if (lease.preludeError !== undefined) throw lease.preludeError;
  } catch (error) {
    // Settings that could not be put in force come first: they are the cause.
    throw lease.preludeError ?? error;
  } finally {
    lease.release();
  }
}
