/**
 * Waits of a session's statement within its own process: for admission, for a connection. No server knows of them, so what would end
 * the statement there has to end them here: the client's cancel, its statement_timeout, its end.
 */
import type { Waiting } from "../backend/pool.ts";
import { PgError, statementCancelled, statementTimedOut } from "../errors/pg-error.ts";
import type { Phase } from "../shared-memory/execution-table.ts";
import type { Session } from "./session.ts";

type Interrupt = (error: PgError) => void;

export class StatementWaits implements Waiting {
  private readonly session: Session;
  private readonly interrupts = new Set<Interrupt>();
  private phaseBefore: Phase = "idle";
  private inQueue = false;
  /** When the statement of a string of several began, in ms since 1970; undefined: with the string. */
  since: number | undefined;

  constructor(session: Session) {
    this.session = session;
  }

  begin(what: "admission" | "a connection", interrupt: Interrupt): () => void {
    const { execution, context, messages } = this.session;
    if (this.interrupts.size === 0) this.phaseBefore = execution.phase;
    execution.enter(`waiting for ${what}`);
    this.interrupts.add(interrupt);
    this.inQueue ||= what === "admission";
    const timer = this.startTimer(interrupt);
    // What has come before could not end what had not begun.
    if (context.cancelled || messages.isFinished)
      setImmediate(() => {
        if (context.cancelled) this.end(statementCancelled());
        else this.clientFinished();
      });
    return () => {
      clearTimeout(timer);
      this.interrupts.delete(interrupt);
      if (this.interrupts.size > 0) return;
      this.inQueue = false;
      execution.enter(this.phaseBefore);
    };
  }

  private startTimer(interrupt: Interrupt): NodeJS.Timeout | undefined {
    const { execution, reported } = this.session;
    const timeoutMs = reported.statementTimeoutMs;
    if (timeoutMs === 0 || this.phaseBefore === "idle") return undefined;
    const left = (this.since ?? execution.since) + timeoutMs - Date.now();
    return setTimeout(() => interrupt(statementTimedOut()), Math.max(0, left));
  }

  end(error: PgError): void {
    for (const interrupt of this.interrupts) interrupt(error);
  }

  /** The client sends no more. One that has gone looks the same, and nothing of its statement was done yet: it loses its place. */
  clientFinished(): void {
    if (!this.inQueue) return;
    const message = "connection to client lost";
    this.session.fatal(new PgError({ severity: "FATAL", code: "08006", message }));
  }
}
