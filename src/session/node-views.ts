/** What a coordinator shows of itself in the schema pleiad, read from the node's shared memory when it is asked for. */
import { Status } from "../protocol/message-types.ts";
import type { ExecutionEntry, Phase } from "../shared-memory/execution-table.ts";
import type { NodeMemory } from "../shared-memory/node-memory.ts";
import { COUNTERS } from "../shared-memory/process-counters.ts";
import { SessionState } from "../shared-memory/session-table.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import type { SharedStore } from "../shared-memory/store.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { readKeptState } from "./kept-session.ts";

/** A view's rows: each a list of SQL expressions with their types. */
type Row = readonly string[];

/** Whether the one who asks may see what a session of this role does; a role that is not known is not. */
export type MaySee = (role: string | undefined) => boolean;

const text = (value: string | undefined): string =>
  value === undefined ? "NULL::text" : `${quoteLiteral(value)}::text`;
const int4 = (value: number | undefined): string => `${value ?? "NULL"}::int4`;
const int8 = (value: number | undefined): string => `${value ?? "NULL"}::int8`;
const time = (ms: number | undefined): string =>
  `${ms === undefined ? "NULL" : quoteLiteral(new Date(ms).toISOString())}::timestamptz`;

/** A process of this node: what it is, and how many clients it serves. */
export function processRows({ processes }: NodeMemory): Row[] {
  return processes
    .entries()
    .map(({ kind, pid, state, restarts, sessions }) => [
      text(kind),
      int4(pid),
      text(state),
      int4(restarts),
      int4(sessions),
    ]);
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
    .filter((id) => sessions.state(id) === SessionState.active)
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
export function activityRows(memory: NodeMemory, kept: SharedDatabase, maySee: MaySee): Row[] {
  return sessionsSeen(memory, kept).map((session) => {
    const seen = maySee(session.user);
    const execution = seen ? session.execution : undefined;
    // What a process that died was about is not what its session does.
    const phase = session.process === undefined ? undefined : execution?.phase;
    const [waitType, waitEvent] = (phase && WAITS[phase]) ?? [];
    return [
      int4(session.id),
      text(session.user),
      text(session.database),
      text(session.applicationName),
      int4(session.process),
      time(execution?.sessionSince),
      time(execution?.transactionSince),
      time(execution?.statementSince),
      time(execution?.stateSince),
      text(waitType),
      text(waitEvent),
      text(seen ? session.state : undefined),
      text(phase),
      int8(execution?.rows),
      text(seen ? (execution?.text ?? "") : HIDDEN),
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
export function taskRows(memory: NodeMemory, kept: SharedDatabase, maySee: MaySee): Row[] {
  const pids = new Map(memory.processes.entries().map(({ life, pid }) => [life, pid]));
  const statements = sessionsSeen(memory, kept).flatMap(
    ({ id, user, database, process, execution }): Row[] => {
      if (execution === undefined || execution.phase === "idle" || process === undefined) return [];
      const detail = maySee(user) ? execution.text : HIDDEN;
      const { phase, statementSince } = execution;
      return [taskRow("statement", process, id, user, database, phase, statementSince, detail)];
    },
  );
  const system = memory.tasks
    .entries()
    .map(({ kind, owner, state, since, detail }) =>
      taskRow(kind, pids.get(owner), undefined, undefined, undefined, state, since, detail),
    );
  return [...statements, ...system];
}

function taskRow(
  kind: string,
  process: number | undefined,
  session: number | undefined,
  user: string | undefined,
  database: string | undefined,
  state: string,
  since: number | undefined,
  detail: string | undefined,
): Row {
  return [
    text(kind),
    int4(process),
    int4(session),
    text(user),
    text(database),
    text(state),
    time(since),
    text(detail),
  ];
}

/** The parts of the mapped file, and the databases of the store. */
export function sharedMemoryRows(memory: NodeMemory, store: SharedStore): Row[] {
  const regions = memory
    .regions()
    .map(({ name, bytes, entries, used }) => [
      text("mapped"),
      text(name),
      int8(bytes),
      int8(entries),
      int8(used),
    ]);
  const databases = store
    .contents()
    .map(({ name, bytes, entries }) => [
      text("store"),
      text(name),
      int8(bytes),
      int8(undefined),
      int8(entries),
    ]);
  return [...regions, ...databases];
}

export const STATISTICS_COLUMNS: string = ["kind", "process", ...COUNTERS].join(", ");

/** What each session worker has counted. */
export function statisticsRows({ processes, counters }: NodeMemory): Row[] {
  return processes
    .entries()
    .filter(({ kind }) => kind === "worker")
    .map(({ kind, pid, slot }) => [text(kind), int4(pid), ...counters.of(slot).map(int8)]);
}
