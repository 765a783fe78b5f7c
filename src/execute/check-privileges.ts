/**
 * The rows of a general plan are moved by Pleiad's own role: before that, the catalog node checks the client's rights on
 * every table and column of the statement, by explaining it over the shells under the client's role. Nothing is executed.
 */
import type { ReadPlan } from "../plan/plan.ts";
import { PgError } from "../errors/pg-error.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { bindWithTail, execute, parse, sync, textBindTail } from "../protocol/frontend-messages.ts";
import { Backend } from "../protocol/message-types.ts";
import type { BackendConnection } from "../backend/backend-connection.ts";
import { clientError } from "./client-error.ts";
import type { ExecutionContext, Run } from "./run.ts";

/** Settings keys (role included) under which a plan was found permitted. */
const permitted = new WeakMap<ReadPlan, Set<string>>();
const EXPLAIN = Buffer.from("EXPLAIN ");

export async function checkPrivileges(context: ExecutionContext, plan: ReadPlan, run: Run): Promise<void> {
  const key = `${context.transaction.user}\0${context.transaction.settings.key}`;
  let keys = permitted.get(plan);
  if (keys?.has(key)) return;
  const { transaction } = context;
  const lease = await transaction.leaseToAsk();
  try {
    const error = await explain(lease.connection, plan.statement.text, run.parameterTypes);
    if (lease.preludeError !== undefined) throw lease.preludeError;
    if (error !== undefined)
      throw clientError(error, plan.statement, [{ start: 0, end: 0, text: "EXPLAIN " }]);
  } finally {
    lease.release();
  }
  if (keys === undefined) permitted.set(plan, (keys = new Set()));
  keys.add(key);
}

function explain(
  connection: BackendConnection,
  text: Buffer,
  parameterTypes: readonly number[],
): Promise<PgError | undefined> {
  return new Promise((resolve) => {
    let error: PgError | undefined;
    connection.send(
      Buffer.concat([
        parse("", Buffer.concat([EXPLAIN, text]), parameterTypes),
        bindWithTail("", "", textBindTail(parameterTypes.map(() => null))),
        execute(""),
        sync,
      ]),
      {
        frame: (type, buffer, start, end) => {
          if (type === Backend.errorResponse) error ??= new PgError(parseErrorFields(buffer, start + 5, end));
        },
        ready: () => resolve(error),
        lost: (lost) => resolve(lost),
      },
    );
  });
}
