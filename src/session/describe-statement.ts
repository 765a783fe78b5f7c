/**
 * PostgreSQL itself checks a statement: the catalog node prepares it over the shells (nothing runs) under the client's
 * role and settings, and says the types of parameters and results, or the error that the client gets.
 */
import { PgError } from "../errors/pg-error.ts";
import { readParameterDescription, readRowDescription, type Field } from "../protocol/backend-messages.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { bindWithTail, describeStatement, parse, sync } from "../protocol/frontend-messages.ts";
import { Backend } from "../protocol/message-types.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";
import type { Description } from "./planned-statement.ts";

/** A Bind that is not followed by an Execute: the catalog node says whether PostgreSQL would take its values and formats. Nothing runs. */
export async function checkBind(
  transaction: SessionTransaction,
  text: Buffer,
  parameterTypes: readonly number[],
  bindTail: Buffer,
): Promise<void> {
  const lease = await transaction.leaseToAsk();
  let error: PgError | undefined;
  await new Promise<void>((resolve) => {
    lease.connection.send(
      Buffer.concat([parse("", text, parameterTypes), bindWithTail("", "", bindTail), sync]),
      {
        frame: (type, buffer, start, end) => {
          if (type === Backend.errorResponse) error ??= new PgError(parseErrorFields(buffer, start + 5, end));
        },
        ready: () => resolve(),
        lost: (lost) => {
          error ??= lost;
          resolve();
        },
      },
    );
  });
  lease.release();
  if (lease.preludeError !== undefined) throw lease.preludeError;
  if (error !== undefined) throw error;
}

/** Throws the server's error; its position counts in `text`. */
export async function describeText(
  transaction: SessionTransaction,
  text: Buffer,
  parameterTypes: readonly number[],
): Promise<Description> {
  const lease = await transaction.leaseToAsk();
  let error: PgError | undefined;
  let types: number[] = [];
  let fields: Field[] | undefined;
  await new Promise<void>((resolve) => {
    lease.connection.send(Buffer.concat([parse("", text, parameterTypes), describeStatement(""), sync]), {
      frame: (type, buffer, start, end) => {
        if (type === Backend.parameterDescription) types = readParameterDescription(buffer, start, end);
        else if (type === Backend.rowDescription) fields = readRowDescription(buffer, start, end);
        else if (type === Backend.errorResponse)
          error ??= new PgError(parseErrorFields(buffer, start + 5, end));
      },
      ready: () => resolve(),
      lost: (lost) => {
        error ??= lost;
        resolve();
      },
    });
  });
  lease.release();
  if (lease.preludeError !== undefined) throw lease.preludeError;
  if (error !== undefined) throw error;
  return { parameterTypes: types, fields };
}
