/**
 * The shared memory of one Pleiad node: a file on a file system in memory, mapped by every process of the node. The supervisor makes it
 * anew at every start, so that what a dead node left is never read.
 */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DefinitionStates, definitionInts } from "./definition-states.ts";
import { createZeroed, mapFile } from "./mapping.ts";
import { PROCESSES_MAX, ProcessTable, processInts } from "./process-table.ts";
import { SessionTable, sessionInts } from "./session-table.ts";

const INT_BYTES = 4;
const HEADER_INTS = 16;
/** "PLEI", and the layout's version. */
const MAGIC = 0x504c4549;
const LAYOUT = 1;
const FILE = "node-memory";

export interface NodeMemorySize {
  /** Client connections that the node knows at once, those that have not logged in included. */
  readonly sessions: number;
}

function intsOf(size: NodeMemorySize): number {
  return HEADER_INTS + processInts + definitionInts(PROCESSES_MAX) + sessionInts(size.sessions);
}

export class NodeMemory {
  readonly processes: ProcessTable;
  readonly definitions: DefinitionStates;
  readonly sessions: SessionTable;

  private constructor(buffer: ArrayBuffer, size: NodeMemorySize) {
    let at = HEADER_INTS;
    const section = (ints: number): Int32Array => {
      const start = at;
      at += ints;
      return new Int32Array(buffer, start * INT_BYTES, ints);
    };
    this.processes = new ProcessTable(section(processInts));
    this.definitions = new DefinitionStates(section(definitionInts(PROCESSES_MAX)));
    this.sessions = new SessionTable(section(sessionInts(size.sessions)));
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
