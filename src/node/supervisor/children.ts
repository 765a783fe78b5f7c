/** The processes of a node, whichever run now: each has a record of the table of processes for as long as it is one of them. */
import type { ProcessKind } from "../../shared-memory/process-table.ts";
import { Child, type ChildOptions } from "./child.ts";

/** What is the same for all of them. */
export type Surroundings = Pick<
  ChildOptions,
  "memory" | "message" | "wrote" | "delayMsMin" | "ended" | "ready"
>;

export class Children {
  private readonly surroundings: Surroundings;
  private list: Child[] = [];

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings;
  }

  start(kind: ProcessKind, options: Pick<ChildOptions, "command" | "start">): Child {
    const taken = new Set(this.list.map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    const child = new Child({ kind, slot, ...options, ...this.surroundings });
    this.list.push(child);
    return child;
  }

  /** It has ended for good. */
  remove(child: Child): void {
    this.list = this.list.filter((other) => other !== child);
  }

  get all(): readonly Child[] {
    return this.list;
  }

  /** In the order in which they were started. */
  of(kind: ProcessKind): readonly Child[] {
    return this.list.filter((child) => child.kind === kind);
  }

  /** Where there is one of a kind, and another that is to take its place: the one that still has it. */
  only(kind: "listener" | "transactions"): Child {
    return this.of(kind)[0]!;
  }

  withLife(life: number): Child | undefined {
    return this.list.find((child) => child.life === life && child.pid !== undefined);
  }
}
