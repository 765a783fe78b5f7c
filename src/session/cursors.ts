/**
 * The cursors of a session. Each lives on one server: on a node that takes part in the transaction, or on a workplace
 * of its own, which is kept until the cursor goes.
 */
import { pgError } from "../errors/pg-error.ts";
import { closeWorkplace } from "../execute/general.ts";
import type { Field } from "../protocol/backend-messages.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import { quoteIdentifier } from "../sql/quote.ts";
import type { Dependent } from "../transaction/dependents.ts";
import type { Description } from "./planned-statement.ts";
import type { Lease } from "../transaction/lease.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";

export interface FetchStmt {
  readonly portalname: string;
  readonly ismove?: boolean;
}

export class Cursor implements Dependent {
  readonly name: string;
  /** The DECLARE statement as the client wrote it. */
  readonly statement: string;
  readonly createdAt = new Date();
  readonly fields: readonly Field[];
  readonly binary: boolean;
  /** WITH HOLD: stays when its transaction commits. */
  readonly holdable: boolean;
  readonly lease: Lease;
  /** The lease is the cursor's own. */
  readonly ownsLease: boolean;
  private readonly registry: Cursors;

  constructor(
    registry: Cursors,
    options: Pick<Cursor, "name" | "statement" | "fields" | "binary" | "holdable" | "lease" | "ownsLease">,
  ) {
    this.registry = registry;
    this.name = options.name;
    this.statement = options.statement;
    this.fields = options.fields;
    this.binary = options.binary;
    this.holdable = options.holdable;
    this.lease = options.lease;
    this.ownsLease = options.ownsLease;
  }

  ended(committed: boolean): void {
    if (committed && this.holdable) return;
    this.registry.forget(this);
    if (this.ownsLease) void closeWorkplace(this.lease);
  }
}

export class Cursors {
  private readonly transaction: SessionTransaction;
  private readonly byName = new Map<string, Cursor>();

  constructor(transaction: SessionTransaction) {
    this.transaction = transaction;
  }

  get isEmpty(): boolean {
    return this.byName.size === 0;
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  find(name: string): Cursor {
    const cursor = this.byName.get(name);
    if (cursor === undefined) throw pgError("34000", `cursor "${name}" does not exist`);
    return cursor;
  }

  get(name: string): Cursor | undefined {
    return this.byName.get(name);
  }

  all(): readonly Cursor[] {
    return [...this.byName.values()];
  }

  add(cursor: Cursor): void {
    this.byName.set(cursor.name, cursor);
    if (this.transaction.active) this.transaction.attach(cursor);
  }

  forget(cursor: Cursor): void {
    if (this.byName.get(cursor.name) === cursor) this.byName.delete(cursor.name);
  }

  /** CLOSE. */
  async close(cursor: Cursor): Promise<void> {
    this.forget(cursor);
    this.transaction.detach(cursor);
    if (cursor.ownsLease) await closeWorkplace(cursor.lease);
    else await cursor.lease.connection.query(`CLOSE ${quoteIdentifier(cursor.name)}`);
  }

  /** The session ends: cursors that outlived their transaction hold workplaces. */
  end(): void {
    for (const cursor of this.all()) {
      this.forget(cursor);
      if (!cursor.ownsLease) continue;
      cursor.lease.connection.destroy("the client has gone");
      cursor.lease.release();
    }
  }
}

/** What Describe says of FETCH: the columns of its cursor, if it is there by now. */
export function describeFetch(cursors: Cursors, statement: ParsedStatement): Description {
  const { portalname, ismove } = (statement.tree as { FetchStmt: FetchStmt }).FetchStmt;
  const fields = ismove === true ? undefined : cursors.get(portalname)?.fields;
  return { parameterTypes: [], fields };
}
