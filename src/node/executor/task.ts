/** One task: its general plan runs here, and its answer goes to the worker that asked, as fast as the client reads it. */
import type { Pools, Waiting } from "../../backend/pool.ts";
import { ClientOutput } from "../../execute/client-output.ts";
import type { DependentTask } from "../../execute/dependent-task.ts";
import { runInWorkplace } from "../../execute/general.ts";
import { splicedText } from "../../execute/node-text.ts";
import { Preface, type Outcome, type WorkplaceContext } from "../../execute/run.ts";
import { StalePlan, type DefinitionCheck } from "../../execute/stale-plan.ts";
import { PgError, statementCancelled } from "../../errors/pg-error.ts";
import type { Coordination } from "../../shared-memory/coordination.ts";
import type { DefinitionState } from "../../shared-memory/definition-states.ts";
import { SessionTransaction } from "../../transaction/session-transaction.ts";
import type { CommitLog } from "../../transaction/two-phase-commit.ts";
import {
  decodeTask,
  encodeEnd,
  encodeProgress,
  TaskFrame,
  type TaskEnd,
  type TaskLink,
  type TaskPhase,
} from "../task-link.ts";
import { TaskSettings } from "./task-settings.ts";
import type { SnapshotParts } from "./snapshot-parts.ts";

const NOTHING = Buffer.alloc(0);

/** What the tasks of an executor share. */
export interface TaskHost {
  readonly pools: Pools;
  readonly internalRole: string;
  readonly commitLog: CommitLog;
  readonly gateSecrets: ReadonlyMap<string, string>;
  readonly computeNodes: readonly string[];
  readonly snapshotParts: SnapshotParts;
  definitionsOf(database: string): DefinitionState;
  /** What other coordinators define. */
  readonly coordination: Coordination;
  /** One task more, or less. */
  counted(change: 1 | -1): void;
  defect(error: unknown): void;
}

/** Waits for the task on this link and runs it. Never throws: what fails is told to the worker. */
export function serveTask(host: TaskHost, link: TaskLink): void {
  let task: Task | undefined;
  link.listen((type, buffer, start, end) => {
    if (type === TaskFrame.task) {
      task = new Task(host, link, decodeTask(buffer.subarray(start, end)));
      void task.run();
    } else if (type === TaskFrame.cancel) task?.cancel();
    else if (type === TaskFrame.definitions) task?.definitions.answered(buffer[start] === 1);
  });
  // The worker has died, or its client has gone.
  link.on("close", () => {
    task?.cancel();
    task?.definitions.abandon();
  });
}

class Task {
  private readonly host: TaskHost;
  private readonly link: TaskLink;
  private readonly task: DependentTask;
  private readonly context: WorkplaceContext;
  private readonly preface: AnnouncedPreface;
  readonly definitions: RemoteDefinitions;
  private phase: TaskPhase = "moving data";
  private readonly waits = new TaskWaits();

  constructor(host: TaskHost, link: TaskLink, task: DependentTask) {
    this.host = host;
    this.link = link;
    this.task = task;
    this.preface = new AnnouncedPreface(() => link.send(TaskFrame.begin, NOTHING));
    this.definitions = new RemoteDefinitions(
      host.definitionsOf(task.database),
      host.coordination,
      task.version,
      link,
    );
    const snapshot = host.snapshotParts.of(task);
    const settings = new TaskSettings(task.settings);
    this.context = {
      pools: host.pools,
      internalRole: host.internalRole,
      transaction: new SessionTransaction(
        host.pools,
        host.commitLog,
        task.user,
        task.database,
        settings,
        this.waits,
      ),
      output: new ClientOutput(link, { writes: () => this.tellProgress() }),
      progress: {
        enter: (phase) => {
          this.phase = phase;
          this.tellProgress();
        },
      },
      gateSecrets: host.gateSecrets,
      computeNodes: host.computeNodes,
      snapshot: () => snapshot,
      definitions: this.definitions,
      running: new Set(),
      cancelled: false,
    };
  }

  private tellProgress(): void {
    this.link.send(TaskFrame.progress, encodeProgress(this.phase, this.context.output.rowsSent));
  }

  async run(): Promise<void> {
    const { host, link, context, preface } = this;
    host.counted(1);
    let end: TaskEnd;
    try {
      const { tag } = await this.runPlan();
      end = { tag };
    } catch (error) {
      end = this.failure(error);
    }
    if (preface.dropped) end = { ...end, dropped: true };
    context.output.flush();
    link.send(TaskFrame.end, encodeEnd(end));
    link.end();
    host.counted(-1);
  }

  private runPlan(): Promise<Outcome> {
    const { general, statement, run } = this.task;
    const text = splicedText(statement, general.splices);
    return runInWorkplace(
      this.context,
      general,
      { ...run, preface: this.preface, rowsMax: 0, portal: undefined },
      () => text,
    );
  }

  private failure(error: unknown): TaskEnd {
    if (error instanceof StalePlan) return { stale: true };
    if (error instanceof PgError) return { error: new PgError(error.fields) };
    this.host.defect(error);
    return { defect: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }

  cancel(): void {
    const { context } = this;
    context.cancelled = true;
    this.waits.end(statementCancelled());
    for (const running of context.running) void running.cancel();
    context.transaction.cancelAll();
  }
}

/** A task that is cancelled waits for no connection any more. */
class TaskWaits implements Waiting {
  private readonly interrupts = new Set<(error: PgError) => void>();
  private ended: PgError | undefined;

  begin(_what: string, interrupt: (error: PgError) => void): () => void {
    this.interrupts.add(interrupt);
    if (this.ended !== undefined) setImmediate(() => this.end(this.ended!));
    return () => this.interrupts.delete(interrupt);
  }

  end(error: PgError): void {
    this.ended = error;
    for (const interrupt of this.interrupts) interrupt(error);
  }
}

/** Says to the worker when it is its turn. */
class AnnouncedPreface extends Preface {
  private readonly announce: () => void;
  dropped = false;

  constructor(announce: () => void) {
    super(undefined);
    this.announce = announce;
  }

  override sendTo(output: ClientOutput): void {
    if (!this.sent) {
      output.flush();
      this.announce();
    }
    super.sendTo(output);
  }

  override drop(): void {
    this.dropped = true;
    super.drop();
  }
}

/** Whether something has changed is seen here; whether it concerns the statement, the session says. */
class RemoteDefinitions implements DefinitionCheck {
  private readonly state: DefinitionState;
  private readonly coordination: Coordination;
  private readonly link: TaskLink;
  private version: number;
  private asked: ((changed: boolean) => void) | undefined;
  private abandoned = false;

  constructor(state: DefinitionState, coordination: Coordination, version: number, link: TaskLink) {
    this.state = state;
    this.coordination = coordination;
    this.version = version;
    this.link = link;
  }

  mayHaveChanged(): boolean {
    return this.state.version !== this.version || !this.coordination.leased;
  }

  async haveChanged(): Promise<boolean> {
    // One that is committed while the worker looks is seen the next time.
    const { version } = this.state;
    const changed =
      this.abandoned ||
      (await new Promise<boolean>((resolve) => {
        this.asked = resolve;
        this.link.send(TaskFrame.definitions, NOTHING);
      }));
    if (!changed) this.version = version;
    return changed;
  }

  answered(changed: boolean): void {
    this.asked?.(changed);
    this.asked = undefined;
  }

  /** Nobody answers any more, nor wants an answer. */
  abandon(): void {
    this.abandoned = true;
    this.answered(true);
  }
}
