/** What a coordinator shows of itself: pleiad.processes and pleiad.activity, read from the node's shared memory when they are asked for. */
import { Status } from "../protocol/message-types.ts";
import type { NodeMemory } from "../shared-memory/node-memory.ts";
import { SessionState } from "../shared-memory/session-table.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { readKeptState } from "./kept-session.ts";

/** A process of this node: what it is, and how many clients it serves. */
export function processRows({ processes }: NodeMemory): string[] {
  return processes
    .entries()
    .map(
      ({ kind, pid, state, restarts, sessions }) =>
        `${quoteLiteral(kind)}::text, ${pid}::int4, ${quoteLiteral(state)}::text, ${restarts}::int4, ${sessions}::int4`,
    );
}

/** A session of this node: its client, the process that serves it, and what it does, in the words of pg_stat_activity. */
export function activityRows({ sessions, processes }: NodeMemory, kept: SharedDatabase): string[] {
  const pids = new Map(processes.entries().map(({ life, pid }) => [life, pid]));
  return sessions
    .taken()
    .filter((id) => sessions.state(id) === SessionState.active)
    .map((id) => {
      const state = readKeptState(kept, id);
      const text = (value: string | undefined) =>
        value === undefined ? "NULL::text" : `${quoteLiteral(value)}::text`;
      const process = pids.get(sessions.owner(id));
      return [
        `${id}::int4`,
        text(state?.user),
        text(state?.database),
        text(state?.settings.get("application_name") ?? ""),
        `${process ?? "NULL"}::int4`,
        text(doing(sessions.conversation(id).state())),
      ].join(", ");
    });
}

function doing({ owed, unsynced, status }: { owed: number; unsynced: boolean; status: number }): string {
  if (owed > 0 || unsynced) return "active";
  if (status === Status.idle) return "idle";
  return status === Status.failed ? "idle in transaction (aborted)" : "idle in transaction";
}
