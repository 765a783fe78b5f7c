/** What a coordinator shows of itself in the schema pleiad, read from the node's shared memory when it is asked for. */
import { Status } from "../protocol/message-types.ts";
import type { ExecutionEntry, Phase } from "../shared-memory/execution-table.ts";
import type { NodeMemory } from "../shared-memory/node-memory.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import type { SharedStore } from "../shared-memory/store.ts";
import { readKeptState } from "./kept-session.ts";

/** A value of a view's row: as JSON has it, undefined for NULL. */
export type ViewValue = string | number | boolean | readonly number[] | undefined;
export type ViewRow = readonly ViewValue[];

/** Whether the one who asks may see what a session of this role does; a role that is not known is not. */
export type MaySee = (role: string | undefined) => boolean;

const time = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

/** A process of this node: what it is, how many clients it serves, and how busy it is. */
export function processRows({ processes }: NodeMemory): ViewRow[] {
  return processes
    .entries()
    .map(({ kind, pid, state, restarts, sessions, load }) => [kind, pid, state, restarts, sessions, load]);
}

/** What a session waits for, in the manner of pg_stat_activity. */
const WAITS: Partial<Record<Phase, readonly [type: string, event: string]>> = {
  idle: ["Client", "ClientRead"],
  "waiting for admission": ["Pleiad", "Admission"],
  "waiting for a connection": ["Pleiad", "Connection"],
  "waiting for definitions": ["Pleiad", "Definitions"],
};

interface SessionSeen {
  readonly id: number;
  readonly user: string | undefined;
  readonly database: string | undefined;
  readonly applicationName: string;
  /** Undefined: it is on its way from a process that died to another. */
  readonly process: number | undefined;
  readonly state: string;
  readonly execution: ExecutionEntry | undefined;
}

function sessionsSeen({ sessions, processes, executions }: NodeMemory, kept: SharedDatabase): SessionSeen[] {
  const pids = new Map(processes.entries().map(({ life, pid }) => [life, pid]));
  return sessions
    .taken()
    .filter((id) => sessions.isLoggedIn(id))
    .map((id) => {
      const state = readKeptState(kept, id);
      return {
        id,
        user: state?.user,
        database: state?.database,
        applicationName: state?.settings.get("application_name") ?? "",
        process: pids.get(sessions.owner(id)),
        state: doing(sessions.conversation(id).state()),
        execution: executions.read(id),
      };
    });
}

/** A session of this node: its client, the process that serves it, and what it does, in the words of pg_stat_activity. */
export function activityRows(memory: NodeMemory, kept: SharedDatabase, maySee: MaySee): ViewRow[] {
  return sessionsSeen(memory, kept).map((session) => {
    const seen = maySee(session.user);
    const execution = seen ? session.execution : undefined;
    // What a process that died was about is not what its session does.
    const phase = session.process === undefined ? undefined : execution?.phase;
    const [waitType, waitEvent] = (phase && WAITS[phase]) ?? [];
    return [
      session.id,
      session.user,
      session.database,
      session.applicationName,
      session.process,
      time(execution?.sessionSince),
      time(execution?.transactionSince),
      time(execution?.statementSince),
      time(execution?.stateSince),
      waitType,
      waitEvent,
      seen ? session.state : undefined,
      phase,
      execution?.rows,
      seen ? (execution?.text ?? "") : HIDDEN,
    ];
  });
}

/** As pg_stat_activity has it. */
const HIDDEN = "<insufficient privilege>";

function doing({ owed, unsynced, status }: { owed: number; unsynced: boolean; status: number }): string {
  if (owed > 0 || unsynced) return "active";
  if (status === Status.idle) return "idle";
  return status === Status.failed ? "idle in transaction (aborted)" : "idle in transaction";
}

/** What the node does right now: statements of its sessions, and what its processes do on their own account. */
export function taskRows(memory: NodeMemory, kept: SharedDatabase, maySee: MaySee): ViewRow[] {
  const pids = new Map(memory.processes.entries().map(({ life, pid }) => [life, pid]));
  const statements = sessionsSeen(memory, kept).flatMap(
    ({ id, user, database, process, execution }): ViewRow[] => {
      if (execution === undefined || execution.phase === "idle" || process === undefined) return [];
      const detail = maySee(user) ? execution.text : HIDDEN;
      const { phase, statementSince } = execution;
      return [["statement", process, id, user, database, phase, time(statementSince), detail]];
    },
  );
  const system = memory.tasks.entries().map(({ kind, owner, state, since, detail }): ViewRow => {
    return [kind, pids.get(owner), undefined, undefined, undefined, state, time(since), detail];
  });
  return [...statements, ...system];
}

/** The parts of the mapped file, and the databases of the store. */
export function sharedMemoryRows(memory: NodeMemory, store: SharedStore): ViewRow[] {
  const regions = memory
    .regions()
    .map(({ name, bytes, entries, used }) => ["mapped", name, bytes, entries, used]);
  const databases = store
    .contents()
    .map(({ name, bytes, entries }) => ["store", name, bytes, undefined, entries]);
  return [...regions, ...databases];
}

/** What each session worker has counted. */
export function statisticsRows({ processes, counters }: NodeMemory): ViewRow[] {
  return processes
    .entries()
    .filter(({ kind }) => kind === "worker")
    .map(({ kind, pid, slot }) => [kind, pid, ...counters.of(slot)]);
}
