/**
 * What one session writes, counted in the node's memory before anything of it is sent, for the result cache: each statement that may
 * write while it runs, and those of a transaction until that has ended.
 */
import type { DatabaseWriters, Reach } from "../shared-memory/writer-states.ts";

export class Writing {
  private readonly writers: DatabaseWriters;
  /** Statements that run now, one within the other. */
  private statements = 0;
  /** Of the open transaction. */
  private readonly kept = new Set<Reach>();
  /** A server may be at work for the session without its knowledge. */
  private lost = false;

  constructor(writers: DatabaseWriters) {
    this.writers = writers;
  }

  /** A connection was lost, or its transaction is finished later by others. */
  loseSight(): void {
    this.lost = true;
  }

  /** Runs a statement that may write. `inTransaction`, asked behind it: only the end of the transaction says what becomes of it. */
  async during<T>(reach: Reach, inTransaction: () => boolean, work: () => Promise<T>): Promise<T> {
    if (this.statements === 0 && this.kept.size === 0) this.lost = false;
    this.statements++;
    this.writers.begin(reach);
    try {
      return await work();
    } finally {
      this.statements--;
      if (inTransaction() && !this.kept.has(reach)) this.kept.add(reach);
      else this.end(reach);
    }
  }

  /** The transaction has ended. */
  transactionEnded(): void {
    for (const reach of this.kept) this.end(reach);
    this.kept.clear();
  }

  private end(reach: Reach): void {
    if (this.lost) this.writers.leave(reach);
    else this.writers.end(reach);
  }
}
