/**
 * What lives no longer than a client's transaction, outside the nodes that take part in it: cursors over a workplace, for
 * example. It ends with the transaction, or when the client rolls back to a savepoint that was set before it.
 */
export interface Dependent {
  /** Called once; must not throw. */
  ended(committed: boolean): void;
}

export class Dependents {
  private entries: { readonly dependent: Dependent; depth: number }[] = [];

  /** `depth`: savepoints that are open now. */
  add(dependent: Dependent, depth: number): void {
    this.entries.push({ dependent, depth });
  }

  remove(dependent: Dependent): void {
    this.entries = this.entries.filter((entry) => entry.dependent !== dependent);
  }

  /** Savepoints above `depth` are no more, and what was done since then stays. */
  released(depth: number): void {
    for (const entry of this.entries) entry.depth = Math.min(entry.depth, depth);
  }

  /** What began when more than `depth` savepoints were open is undone. */
  rolledBack(depth: number): void {
    const undone = this.entries.filter((entry) => entry.depth > depth);
    this.entries = this.entries.filter((entry) => entry.depth <= depth);
    for (const { dependent } of undone) dependent.ended(false);
  }

  ended(committed: boolean): void {
    const { entries } = this;
    this.entries = [];
    for (const { dependent } of entries) dependent.ended(committed);
  }
}
