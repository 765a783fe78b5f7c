/**
 * An error in the form in which PostgreSQL reports it: what a client sees of every failure, whether a server said it
 * or Pleiad itself. Field letters: https://www.postgresql.org/docs/18/protocol-error-fields.html
 */
export interface PgErrorFields {
  /** ERROR, FATAL, PANIC (errors), WARNING, NOTICE, … (notices). */
  severity: string;
  /** SQLSTATE, five characters. */
  code: string;
  message: string;
  detail?: string | undefined;
  hint?: string | undefined;
  /** 1-based character offset into the client's query string. */
  position?: number | undefined;
  internalPosition?: number | undefined;
  internalQuery?: string | undefined;
  where?: string | undefined;
  schema?: string | undefined;
  table?: string | undefined;
  column?: string | undefined;
  dataType?: string | undefined;
  constraint?: string | undefined;
  file?: string | undefined;
  line?: string | undefined;
  routine?: string | undefined;
}

export class PgError extends Error {
  readonly fields: PgErrorFields;

  constructor(fields: PgErrorFields) {
    super(fields.message);
    this.name = "PgError";
    this.fields = fields;
  }

  get code(): string {
    return this.fields.code;
  }

  /** FATAL and PANIC end the connection on which they were reported. */
  get endsConnection(): boolean {
    return this.fields.severity === "FATAL" || this.fields.severity === "PANIC";
  }
}

/** An error after which the client's connection cannot go on: nothing that comes could be understood, or nobody is there. */
export class ConnectionError extends PgError {}

/** What PostgreSQL says to all but the end of a transaction block in which something has failed. */
export function transactionAborted(): PgError {
  return pgError("25P02", "current transaction is aborted, commands ignored until end of transaction block");
}

/** What PostgreSQL says to a statement that the client has cancelled. */
export function statementCancelled(): PgError {
  return pgError("57014", "canceling statement due to user request");
}

/** The statement was given up while it waited for something of Pleiad's own: no server has had it. */
export class GivenUp extends PgError {}

/** What PostgreSQL says to a statement that takes longer than statement_timeout. */
export function statementTimedOut(): PgError {
  return pgError("57014", "canceling statement due to statement timeout");
}

/** The error that Pleiad itself raises: severity ERROR, the given SQLSTATE, what and why, and a way out. */
export function pgError(
  code: string,
  message: string,
  more: Partial<Omit<PgErrorFields, "code" | "message">> = {},
): PgError {
  return new PgError({ severity: "ERROR", code, message, ...more });
}
