/**
 * A statement is planned, sent, and may then wait at a server behind a definition that is about to commit: what it finds there
 * is no longer what it was planned for (row D2 of the failure modes). Its first answer tells: by then it holds its locks, so
 * nothing that matters to it changes any more.
 */
import { PgError } from "../errors/pg-error.ts";
import type { Relation } from "../catalog/snapshot.ts";

/** Whether what a statement was planned for is still so. */
export interface DefinitionCheck {
  /** Has any definition of the database been committed, or begun to be, since the statement was planned? */
  mayHaveChanged(): boolean;
  /** Is a table of the statement another one than it was planned for? Waits for commits that are under way. */
  haveChanged(): Promise<boolean>;
}

/** What a running statement asks about definitions. */
export interface Definitions extends DefinitionCheck {
  /** Version of the definitions that the statement was planned for. */
  readonly version: number;
  /** Is another session changing definitions now? It may hold locks behind which the statement will wait. */
  areChanging(): boolean;
  /** The statement turns out to concern these tables too. */
  concern(relations: readonly Relation[]): void;
}

/** Thrown before anything was sent to the client: the statement can be planned again, unless a transaction holds what it wrote. */
export class StalePlan extends PgError {
  /** Something may have been written in the transaction: only its end undoes that. */
  hasWritten = false;

  constructor() {
    super({
      severity: "ERROR",
      code: "40001",
      message:
        "could not serialize access: the definition of a table changed while the statement waited for it",
      hint: "Run the transaction again.",
    });
  }
}

/** Throws StalePlan when what the statement was planned for has changed; to be called once its locks are held. */
export async function requireSameDefinitions(definitions: DefinitionCheck): Promise<void> {
  if (definitions.mayHaveChanged() && (await definitions.haveChanged())) throw new StalePlan();
}
