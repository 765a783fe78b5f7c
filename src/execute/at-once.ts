/** Work on several servers at once for one statement. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { PgError } from "../errors/pg-error.ts";
import type { ExecutionContext } from "./run.ts";

/** When a part fails, what runs on the other connections is cancelled. Throws when all parts have ended. */
export async function atOnce<T extends { readonly connection: BackendConnection }, R>(
  context: ExecutionContext,
  parts: readonly T[],
  work: (part: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = await Promise.allSettled(
    parts.map((part, i) =>
      work(part, i).catch((error: unknown) => {
        // The others have nothing to work for any more.
        for (const { connection } of parts)
          if (connection !== part.connection && context.running.has(connection)) void connection.cancel();
        throw error;
      }),
    ),
  );
  const failed = results.filter((result) => result.status === "rejected");
  if (failed.length > 0) throw firstCause(failed.map((result) => result.reason as unknown));
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

/** Of several servers' errors the one that came by itself, not by our cancelling the others. */
function firstCause(reasons: readonly unknown[]): unknown {
  return reasons.find((reason) => !(reason instanceof PgError && reason.code === "57014")) ?? reasons[0];
}
