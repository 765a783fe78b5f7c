/**
 * The shared memory of one Pleiad node: a file on a file system in memory, mapped by every process of the node. The supervisor makes it
 * anew at every start, so that what a dead node left is never read.
 */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AdmissionTable, admissionInts } from "./admission-table.ts";
import { Coordination, coordinationInts } from "./coordination.ts";
import { DefinitionStates, definitionInts } from "./definition-states.ts";
import { ExecutionTable, executionInts } from "./execution-table.ts";
import { createZeroed, mapFile } from "./mapping.ts";
import { ProcessCounters, counterInts } from "./process-counters.ts";
import { PROCESSES_MAX, ProcessTable, processInts } from "./process-table.ts";
import { SessionTable, sessionInts } from "./session-table.ts";
import { TASKS_MAX, TaskTable, taskInts } from "./task-table.ts";
import { WriterStates, writerInts } from "./writer-states.ts";

const INT_BYTES = 4;
const HEADER_INTS = 16;
/** "PLEI", and the version of all that processes of different programs would have to agree on: this file, what is in the store, their messages. */
const MAGIC = 0x504c4549;
const LAYOUT = 5;
const FILE = "node-memory";

export interface NodeMemorySize {
  /** Client connections that the node knows at once, those that have not logged in included. */
  readonly sessions: number;
}

/** One of the parts of the file. */
export interface Region {
  readonly name: string;
  readonly bytes: number;
  /** Its records, and how many of them somebody has; undefined where that is not known. */
  readonly entries: number | undefined;
  readonly used: number | undefined;
}

/** The parts in their order, in integers: each begins where a double may. */
function layoutOf({ sessions }: NodeMemorySize) {
  return {
    coordination: coordinationInts,
    processes: processInts,
    definitions: definitionInts(PROCESSES_MAX),
    writers: writerInts(PROCESSES_MAX),
    sessions: sessionInts(sessions),
    executions: executionInts(sessions),
    tasks: taskInts,
    counters: counterInts,
    admission: admissionInts,
  };
}

function intsOf(size: NodeMemorySize): number {
  return Object.values(layoutOf(size)).reduce((sum, ints) => sum + ints, HEADER_INTS);
}

export class NodeMemory {
  readonly coordination: Coordination;
  readonly processes: ProcessTable;
  readonly definitions: DefinitionStates;
  readonly writers: WriterStates;
  readonly sessions: SessionTable;
  readonly executions: ExecutionTable;
  readonly tasks: TaskTable;
  readonly counters: ProcessCounters;
  readonly admission: AdmissionTable;
  private readonly size: NodeMemorySize;

  private constructor(buffer: ArrayBuffer, size: NodeMemorySize) {
    this.size = size;
    const layout = layoutOf(size);
    let at = HEADER_INTS;
    const section = (name: keyof typeof layout): Int32Array => {
      const start = at;
      at += layout[name];
      return new Int32Array(buffer, start * INT_BYTES, layout[name]);
    };
    this.coordination = new Coordination(section("coordination"));
    this.processes = new ProcessTable(section("processes"));
    this.definitions = new DefinitionStates(section("definitions"));
    this.writers = new WriterStates(section("writers"));
    this.sessions = new SessionTable(section("sessions"));
    this.executions = new ExecutionTable(section("executions"));
    this.tasks = new TaskTable(section("tasks"));
    this.counters = new ProcessCounters(section("counters"));
    this.admission = new AdmissionTable(section("admission"));
  }

  /** A process has ended: what it alone had is given back. `process`: its record in the table of processes. */
  forgetProcess(process: number, life: number): void {
    this.definitions.forgetProcess(process);
    this.writers.forgetProcess(process);
    this.tasks.forget(life);
    this.counters.reset(process);
    this.admission.forgetProcess(process);
  }

  /** The parts of the file, and how full each is. */
  regions(): Region[] {
    const layout = layoutOf(this.size);
    const region = (name: keyof typeof layout, entries?: number, used?: number): Region => ({
      name,
      bytes: layout[name] * INT_BYTES,
      entries,
      used,
    });
    const processes = this.processes.entries().length;
    const sessions = this.sessions.taken().length;
    return [
      region("coordination"),
      region("processes", PROCESSES_MAX, processes),
      region("definitions"),
      region("writers"),
      region("sessions", this.size.sessions, sessions),
      region("executions", this.size.sessions, sessions),
      region("tasks", TASKS_MAX, this.tasks.entries().length),
      region("counters", PROCESSES_MAX, processes),
      region("admission"),
    ];
  }

  /** Only the supervisor does this. Throws the operating system's error, ENOSPC among them. */
  static create(directory: string, size: NodeMemorySize): NodeMemory {
    rmSync(directory, { recursive: true, force: true });
    // Not one that somebody else has put there.
    mkdirSync(directory, { mode: 0o700 });
    const path = join(directory, FILE);
    const bytes = intsOf(size) * INT_BYTES;
    createZeroed(path, bytes);
    const buffer = mapFile(path, bytes);
    new Int32Array(buffer, 0, HEADER_INTS).set([MAGIC, LAYOUT, size.sessions]);
    return new NodeMemory(buffer, size);
  }

  /** Throws when what is there is not what a supervisor of this version has made. */
  static open(directory: string): NodeMemory {
    const path = join(directory, FILE);
    // What lies beyond the end of a file is not an error to those who map it, but the end of the process.
    const { size: bytes } = statSync(path);
    const damaged = () => new Error(`${path} is not the shared memory of this version of Pleiad`);
    if (bytes < HEADER_INTS * INT_BYTES) throw damaged();
    const header = new Int32Array(mapFile(path, HEADER_INTS * INT_BYTES));
    const size = { sessions: header[2]! };
    if (header[0] !== MAGIC || header[1] !== LAYOUT || bytes < intsOf(size) * INT_BYTES) throw damaged();
    return new NodeMemory(mapFile(path, intsOf(size) * INT_BYTES), size);
  }
}
