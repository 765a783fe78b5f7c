/** A session's place among the statements that run on the node (admission.ts): taken when one begins to need a server, given back with its answer. */
import { StalePlan } from "../execute/stale-plan.ts";
import { statementCancelled } from "../errors/pg-error.ts";
import type { Admission, AdmissionGroup } from "./admission.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { Session } from "./session.ts";

/** What concerns only the session, or runs another statement that has to be admitted itself. COMMIT and ROLLBACK make room. */
const NEED_NO_PLACE: ReadonlySet<string> = new Set([
  "TransactionStmt",
  "VariableSetStmt",
  "VariableShowStmt",
  "ConstraintsSetStmt",
  "PrepareStmt",
  "ExecuteStmt",
  "DeallocateStmt",
  "DiscardStmt",
  "ClosePortalStmt",
  "UnlistenStmt",
]);

export class Admittance {
  private readonly session: Session;
  private readonly admission: Admission;
  private readonly group: AdmissionGroup;
  private held = false;

  constructor(session: Session) {
    this.session = session;
    this.admission = session.host.admission;
    this.group = this.admission.groupOf(session.client.user, session.client.database);
  }

  /** Before a planned statement runs, except a read that may share a pipeline: that one asks when it turns out not to. */
  enterFor({ tag, plan, ofItsMoment }: PlannedStatement): Promise<void> | undefined {
    if (plan?.kind === "read" || NEED_NO_PLACE.has(tag)) return undefined;
    // Who looks what keeps the node busy must get an answer.
    return this.enter(plan?.kind === "catalog" && ofItsMoment === true);
  }

  /** It has begun already, or must not wait. */
  enterAtOnce(): void {
    if (this.held) return;
    this.admission.enterAtOnce(this.group);
    this.held = true;
  }

  /** Undefined: it may run at once. Throws GivenUp, and StalePlan where definitions have changed during the wait. */
  enter(atOnce: boolean): Promise<void> | undefined {
    const { session, group } = this;
    if (atOnce || group.exempt || session.transaction.holdsConnections) this.enterAtOnce();
    if (this.held) return undefined;
    const waiting = this.admission.enter(group, session.waits, () => (this.held = true));
    return waiting?.then(() => this.requireAsBefore());
  }

  private requireAsBefore(): void {
    const { session } = this;
    if (session.isEnded) throw statementCancelled();
    if (session.watch.mayHaveChanged()) throw new StalePlan();
  }

  /** The statement is done. */
  leave(): void {
    if (!this.held) return;
    this.held = false;
    this.admission.leave(this.group);
  }
}
