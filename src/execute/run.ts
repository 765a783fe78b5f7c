/** What the executor is given besides the plan: who asks, over which connections, and how the answer is to be delivered. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Pools } from "../backend/pool.ts";
import type { Snapshot } from "../catalog/snapshot.ts";
import type { Field } from "../protocol/backend-messages.ts";
import type { BindMessage } from "../protocol/frontend-messages.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";
import type { ClientOutput } from "./client-output.ts";
import type { DependentTasks } from "./dependent-task.ts";
import type { SessionLanes } from "./session-lanes.ts";
import type { DefinitionCheck, Definitions } from "./stale-plan.ts";

/** Hears how far a statement has come, for who looks at the session. */
export interface Progress {
  enter(phase: "running" | "moving data"): void;
}

/** What of the catalog has to be known where rows are moved. */
export type SnapshotPart = Pick<Snapshot, "dataNodes" | "userTypes">;

/** What a workplace of the general plan needs of the session: it is there in an executor too. */
export interface WorkplaceContext {
  readonly pools: Pools;
  /** Superuser as which Pleiad moves rows, after the client's rights were checked. */
  readonly internalRole: string;
  readonly transaction: SessionTransaction;
  readonly output: ClientOutput;
  readonly progress: Progress;
  /** By server: what passes the gate (catalog/install-gate.ts). */
  readonly gateSecrets: ReadonlyMap<string, string>;
  /** Compute nodes by name. */
  readonly computeNodes: readonly string[];
  /** The catalog as this session sees it now (its own uncommitted DDL included). */
  snapshot(): SnapshotPart;
  /** Says whether the running statement is still what it was planned to be. */
  readonly definitions: DefinitionCheck;
  /** Hears which backend connections work for the session right now, so that a cancel request finds them. */
  readonly running: Set<{ cancel(): Promise<void> }>;
  /** Set by a cancel request: what comes after the current step does not start. */
  cancelled: boolean;
}

/** The session for which statements run. */
export interface ExecutionContext extends WorkplaceContext {
  readonly lanes: SessionLanes;
  readonly tasks: DependentTasks;
  /**
   * To be awaited before the statement's first connection of its own is taken; undefined: it may run at once. Throws, or rejects with,
   * GivenUp. `cheap`: it does not wait.
   */
  admit(cheap: boolean): Promise<void> | undefined;
  snapshot(): Snapshot;
  readonly definitions: Definitions;
}

/** Waits for work on a connection; meanwhile a cancel request of the client finds it. */
export async function whileRunning<T>(
  { running }: Pick<WorkplaceContext, "running">,
  connection: BackendConnection,
  work: Promise<T>,
): Promise<T> {
  running.add(connection);
  try {
    return await work;
  } finally {
    running.delete(connection);
  }
}

/** One execution of a statement. */
export interface Run {
  /** Values and formats of the extended protocol; undefined for the simple one. */
  readonly bind: BindMessage | undefined;
  /** Described types of the parameters (catalog OIDs). */
  readonly parameterTypes: readonly number[];
  /** Result columns as the catalog node describes them; undefined when the statement returns no rows. */
  readonly fields: readonly Field[] | undefined;
  /** Sent with the first answer: BindComplete and, if asked for, the portal's RowDescription; in the simple protocol the RowDescription. */
  readonly preface: Preface;
  /** Row limit of Execute; 0 = none. */
  readonly rowsMax: number;
  /** Where an Execute with a row limit left off; the executor keeps its place here. */
  readonly portal: PortalState | undefined;
}

/** The server side of a client's portal that was not read to its end. */
export interface PortalState {
  /** Fetches the next rows; set by the executor after a first Execute that was suspended. */
  resume: ((rowsMax: number) => Promise<Outcome>) | undefined;
  /** Gives back what the portal holds. */
  close: (() => void) | undefined;
}

export interface Outcome {
  /** Command tag, e.g. "SELECT 3"; undefined when the portal was suspended. */
  readonly tag: string | undefined;
}

/** Messages that go before a statement's answer, once, as soon as a server has accepted the statement. */
export class Preface {
  private bytes: Buffer | undefined;
  /** Something of the answer was sent, or is being sent. */
  sent = false;

  constructor(bytes: Buffer | undefined) {
    this.bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.bytes === undefined;
  }

  /** What is still to be sent. */
  get left(): Buffer | undefined {
    return this.bytes;
  }

  sendTo(output: ClientOutput): void {
    this.sent = true;
    if (this.bytes === undefined) return;
    output.push(this.bytes);
    this.bytes = undefined;
  }

  /** The server did not accept the Bind: no BindComplete. */
  drop(): void {
    this.bytes = undefined;
  }
}

/** A run of Pleiad's own making: without parameters, and no client waits for a description of `fields`. */
export function ownRun(fields?: readonly Field[]): Run {
  return {
    bind: undefined,
    parameterTypes: [],
    fields,
    preface: new Preface(undefined),
    rowsMax: 0,
    portal: undefined,
  };
}

/** The same values for a statement whose answer is not, or not as it is, the client's. */
export function innerRun(run: Run): Run {
  return { ...run, preface: new Preface(undefined), rowsMax: 0, portal: undefined };
}
