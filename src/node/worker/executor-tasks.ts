/** A worker's side of the tasks that executors run: hands one over, and passes its answer on to the client as bytes, unread. */
import net from "node:net";
import { pgError, statementCancelled, type PgError } from "../../errors/pg-error.ts";
import type { DependentTask, DependentTasks } from "../../execute/dependent-task.ts";
import type { ExecutionContext, Outcome, Preface } from "../../execute/run.ts";
import { StalePlan } from "../../execute/stale-plan.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import {
  decodeEnd,
  decodeProgress,
  encodeTask,
  executorSocket,
  TaskFrame,
  TaskLink,
  type TaskEnd,
} from "../task-link.ts";

type AskingSession = Pick<ExecutionContext, "output" | "progress" | "running" | "cancelled" | "definitions">;

const NOTHING = Buffer.alloc(0);

/** The executor was killed: what it had begun ends with its connections. */
function executorLost(): PgError {
  return pgError("40001", "could not finish the statement: the process that moved rows for it has died", {
    detail: "Nothing was changed by it.",
    hint: "Run the statement again.",
  });
}

export class ExecutorTasks implements DependentTasks {
  private readonly memory: NodeMemory;
  private readonly directory: string;

  constructor(memory: NodeMemory, directory: string) {
    this.memory = memory;
    this.directory = directory;
  }

  get available(): boolean {
    return this.ready().length > 0;
  }

  async run(task: DependentTask, session: AskingSession, preface: Preface): Promise<Outcome | undefined> {
    const bytes = encodeTask(task);
    if (bytes === undefined) return undefined;
    const link = await this.connect();
    if (link === undefined) return undefined;
    const running = { cancel: () => Promise.resolve(void link.send(TaskFrame.cancel, NOTHING)) };
    session.running.add(running);
    try {
      if (session.cancelled) throw statementCancelled();
      const ended = relay(link, session, preface);
      link.send(TaskFrame.task, bytes);
      return outcomeOf(await ended, preface);
    } finally {
      session.running.delete(running);
      link.destroy();
    }
  }

  /** Executors that serve, the least busy first. */
  private ready(): readonly number[] {
    return this.memory.processes
      .entries()
      .filter(({ kind, state }) => kind === "executor" && state === "ready")
      .toSorted((a, b) => a.sessions - b.sessions)
      .map(({ slot }) => slot);
  }

  private async connect(): Promise<TaskLink | undefined> {
    for (const slot of this.ready()) {
      const socket = await connectTo(executorSocket(this.directory, slot));
      if (socket !== undefined) return new TaskLink(socket);
    }
    return undefined;
  }
}

/** Undefined: its process has just died. */
function connectTo(path: string): Promise<net.Socket | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ path });
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

/** Resolves with the last frame; rejects when the executor dies before. */
function relay(
  link: TaskLink,
  { output, progress, definitions }: AskingSession,
  preface: Preface,
): Promise<TaskEnd> {
  return new Promise((resolve, reject) => {
    let paused = false;
    link.on("close", () => reject(executorLost()));
    link.listen((type, buffer, start, end) => {
      if (type === TaskFrame.answer) {
        output.append(buffer, start, end);
        if (!output.full || paused) return;
        paused = true;
        link.pause();
        output.whenDrained(() => {
          paused = false;
          link.resume();
        });
      } else if (type === TaskFrame.begin) preface.sendTo(output);
      else if (type === TaskFrame.progress) {
        const { phase, rows } = decodeProgress(buffer, start);
        progress.enter(phase);
        output.rowsSent = rows;
      } else if (type === TaskFrame.end) resolve(decodeEnd(buffer.subarray(start, end)));
      else if (type === TaskFrame.definitions)
        definitions.haveChanged().then(
          (changed) => link.send(TaskFrame.definitions, Buffer.of(changed ? 1 : 0)),
          // Nobody can say: as if it had.
          () => link.send(TaskFrame.definitions, Buffer.of(1)),
        );
    });
  });
}

function outcomeOf({ tag, error, stale, dropped, defect }: TaskEnd, preface: Preface): Outcome {
  if (dropped === true) preface.drop();
  if (stale === true) throw new StalePlan();
  if (error !== undefined) throw error;
  if (defect !== undefined) {
    const thrown = new Error(defect.split("\n", 1)[0]);
    thrown.stack = defect;
    throw thrown;
  }
  return { tag };
}
