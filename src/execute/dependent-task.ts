/**
 * A general plan as a task of its own: what another process has to know to move its tables, run its text and give the answer. It
 * holds no connection and no object of the session, so it can travel.
 */
import type { GeneralPlan, ReadPlan } from "../plan/plan.ts";
import type { ClientText } from "./client-error.ts";
import type { ExecutionContext, Outcome, SnapshotPart, Preface, Run } from "./run.ts";

export interface DependentTask {
  readonly user: string;
  readonly database: string;
  /** Settings in force, role and session authorization among them. */
  readonly settings: ReadonlyMap<string, string>;
  /** Version of the definitions that it was planned for. */
  readonly version: number;
  readonly snapshot: SnapshotPart;
  readonly statement: ClientText;
  readonly general: GeneralPlan;
  readonly run: Pick<Run, "bind" | "parameterTypes" | "fields">;
}

/** Whoever runs tasks for sessions, apart from the processes that serve these. */
export interface DependentTasks {
  /** Is somebody there who would take one? */
  readonly available: boolean;
  /**
   * Passes the answer on to the session's client, as if it had been made here. Undefined: nobody took the task, and nothing of it was done.
   * Throws what running it here would throw, and 40001 when the process that ran it has died.
   */
  run(
    task: DependentTask,
    session: Pick<ExecutionContext, "output" | "progress" | "running" | "cancelled" | "definitions">,
    preface: Preface,
  ): Promise<Outcome | undefined>;
}

/** Does a statement need nothing that only the session's own connections have, and leave nothing there? */
export function standsAlone(
  { transaction, output }: ExecutionContext,
  { locks, writes }: ReadPlan,
  { tables }: GeneralPlan,
  { rowsMax }: Run,
): boolean {
  return (
    !transaction.active &&
    !transaction.connections.temporary &&
    locks === "no" &&
    !writes &&
    rowsMax === 0 &&
    output.divertTo === undefined &&
    tables.every(({ relation }) => relation.persistence !== "temporary")
  );
}

export function taskOf(
  context: ExecutionContext,
  { statement }: ReadPlan,
  general: GeneralPlan,
  { bind, parameterTypes, fields }: Run,
): DependentTask {
  const { transaction, definitions } = context;
  const { dataNodes, userTypes } = context.snapshot();
  const types = new Set(general.tables.flatMap(({ columns }) => columns.map(({ typeOid }) => typeOid)));
  return {
    user: transaction.user,
    database: transaction.database,
    settings: transaction.settings.values,
    version: definitions.version,
    snapshot: { dataNodes, userTypes: new Map([...userTypes].filter(([oid]) => types.has(oid))) },
    statement: { text: statement.text, charactersBefore: statement.charactersBefore },
    general,
    run: { bind, parameterTypes, fields },
  };
}
