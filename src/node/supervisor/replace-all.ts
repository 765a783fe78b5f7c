/**
 * Puts new processes in the places of all that run: other code, other settings, the same clients. First one of each kind is started:
 * what cannot begin is found out before anything is touched.
 */
import { ProcessKind, type ProcessTable } from "../../shared-memory/process-table.ts";
import type { Child } from "./child.ts";
import type { Children } from "./children.ts";

/** A process that is not ready by then never will be. */
const START_MS_MAX = 30_000;

export interface Replacement {
  readonly children: Children;
  readonly table: ProcessTable;
  /** How many of each kind there are to be. */
  readonly numbers: Readonly<Record<ProcessKind, number>>;
  start(kind: ProcessKind): Child;
  /** From the program of before: the new one cannot begin, and the old one has ended. */
  startAgain(kind: ProcessKind): void;
  /** It has ended, and another of its kind is there. */
  replaced(kind: ProcessKind): void;
  /** Sessions and tasks that are not at an end after so long end with their process. */
  readonly timeoutMs: number;
  step(text: string): void;
}

/** A new process could not begin. */
export class CannotReplace extends Error {
  /** Some of the processes are new ones. */
  readonly partly: boolean;

  constructor(kind: string, reason: string, partly: boolean) {
    super(`a new ${kind} process could not begin: ${reason}`);
    this.partly = partly;
  }
}

/** Two at once would replace each other's processes. */
export class ReloadUnderWay extends Error {
  constructor() {
    super("a reload is under way already");
  }
}

const KINDS = Object.keys(ProcessKind) as ProcessKind[];
/** Speaks for the node to other coordinators: the old one ends before the new one begins. */
const ALONE: ProcessKind = "transactions";

/** Resolves when none of the old processes runs any more. Throws CannotReplace. */
export async function replaceAll(replacement: Replacement): Promise<void> {
  const { children, table, numbers, timeoutMs } = replacement;
  // The youngest worker stands by, and has no sessions: it goes first.
  const old = new Map(KINDS.map((kind) => [kind, children.of(kind).toReversed()]));
  let touched = false;

  const begin = async (kind: ProcessKind): Promise<Child> => {
    const child = replacement.start(kind);
    const timer = setTimeout(() => child.kill(), START_MS_MAX);
    try {
      await child.firstReady;
      return child;
    } catch (error) {
      await child.stop();
      if (kind === ALONE) replacement.startAgain(kind);
      children.remove(child);
      throw new CannotReplace(kind, (error as Error).message, touched);
    } finally {
      clearTimeout(timer);
    }
  };

  replacement.step("starting one new process of each kind");
  const first: Child[] = [];
  try {
    for (const kind of KINDS) if (numbers[kind] > 0 && kind !== ALONE) first.push(await begin(kind));
  } catch (error) {
    await Promise.all(first.map((child) => child.stop()));
    for (const child of first) children.remove(child);
    throw error;
  }

  touched = true;
  // What is new goes to new processes only.
  for (const child of [...old.values()].flat()) table.setLeaving(child.slot);
  const retiring: Promise<void>[] = [];
  const retire = async (child: Child): Promise<void> => {
    await child.retire(timeoutMs);
    children.remove(child);
    replacement.replaced(child.kind);
  };
  try {
    for (const kind of KINDS.filter((other) => other !== ALONE)) {
      replacement.step(`replacing the ${kind} processes`);
      for (let number = 0; number < Math.max(numbers[kind], old.get(kind)!.length); number++) {
        if (number > 0 && number < numbers[kind]) await begin(kind);
        const leaver = old.get(kind)!.shift();
        if (leaver !== undefined) retiring.push(retire(leaver));
      }
    }
    replacement.step(`replacing the ${ALONE} process`);
    const leaver = old.get(ALONE)!.shift()!;
    await leaver.retire(timeoutMs);
    const begun = begin(ALONE);
    children.remove(leaver);
    await begun;
  } finally {
    // Where a later one could not begin, those that have not been told to go stay.
    for (const child of [...old.values()].flat()) table.setStaying(child.slot);
    replacement.step("waiting for what is under way");
    await Promise.all(retiring);
  }
}
