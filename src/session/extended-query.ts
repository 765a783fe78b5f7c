/**
 * The extended query protocol: Parse, Bind, Describe, Execute, Close, Flush, Sync. After an error everything is skipped
 * until Sync. A pipeline without Sync in between is one implicit transaction.
 */
import { pgError, type PgError, transactionAborted } from "../errors/pg-error.ts";
import { Preface, type Run } from "../execute/run.ts";
import {
  bindComplete,
  closeComplete,
  commandComplete,
  emptyQueryResponse,
  noData,
  parameterDescription,
  parseComplete,
  rowDescription,
} from "../protocol/backend-messages.ts";
import {
  readBind,
  readDescribe,
  readExecute,
  readParse,
  type BindMessage,
} from "../protocol/frontend-messages.ts";
import { Frontend } from "../protocol/message-types.ts";
import { isUntilSync, type ClientMessage } from "./message-queue.ts";
import { escapedText } from "./escaped-text.ts";
import { currentPlan, requireSameResult } from "./current-plan.ts";
import { checkBind } from "./describe-statement.ts";
import { planQueryString, planStatement } from "./plan-statement.ts";
import { describePortal, Portals, type Portal } from "./portals.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { PreparedStatement } from "./prepared-statement.ts";
import { runAfresh } from "./run-afresh.ts";
import type { Session } from "./session.ts";

/** Bind without parameters and with all results in text form: nothing in it can be wrong. */
const EMPTY_TAIL_BYTES = 6;

function malformed(): PgError {
  return pgError("08P01", "invalid message format");
}

export class ExtendedQuery {
  private readonly session: Session;
  private readonly portals = new Portals();
  /** After an error, until Sync. */
  skipping = false;
  /** BindComplete and RowDescription of a portal that is about to be executed: sent when the server has taken the Bind. */
  private pending: Buffer | undefined;
  private pendingPortal: string | undefined;

  constructor(session: Session) {
    this.session = session;
  }

  handle(message: ClientMessage): Promise<void> | void {
    const { type } = message;
    if (type === Frontend.sync) return this.sync(message.end === message.start);
    if (this.skipping) {
      if (type === Frontend.query) this.session.client.conversation.requestIgnored();
      return;
    }
    // Most messages need to wait for nothing: then nothing is awaited.
    try {
      return this.dispatch(message)?.catch((error: unknown) => this.failed(error));
    } catch (error) {
      return this.failed(error);
    }
  }

  /** Instead of what the message asks. */
  refuse({ type }: ClientMessage, error: PgError): Promise<void> | void {
    if (!this.skipping && isUntilSync(type)) return this.failed(error);
  }

  private async failed(error: unknown): Promise<void> {
    this.sendPending();
    this.skipping = true;
    await this.session.fail(error);
    this.session.output.flush();
  }

  private dispatch(message: ClientMessage): Promise<void> | void {
    const { type, buffer, start, end } = message;
    switch (type) {
      case Frontend.flush:
        return this.flush(start === end);
      case Frontend.parse:
        return this.settled(() => this.parse(readParse(buffer, start, end)));
      case Frontend.bind:
        return this.settled(() => this.bind(readBind(buffer, start, end)));
      case Frontend.describe:
        return this.describe(readDescribe(buffer, start, end));
      case Frontend.execute:
        return this.execute(readExecute(buffer, start, end));
      case Frontend.close:
        return this.settled(() => this.close(readDescribe(buffer, start, end)));
      case Frontend.functionCall:
        throw pgError("0A000", "the function call protocol is not supported", {
          hint: "Call the function in a SELECT.",
        });
      case Frontend.copyData:
      case Frontend.copyDone:
      case Frontend.copyFail:
        // Left over from a COPY that failed: PostgreSQL ignores them too.
        return;
      default:
        this.session.fatal(pgError("08P01", `invalid frontend message type ${type}`));
    }
  }

  /** A Bind that nobody has executed yet is checked before anything else is answered. */
  private settled(next: () => Promise<void> | void): Promise<void> | void {
    if (this.pending === undefined) return next();
    return this.settle().then(next);
  }

  private async settle(): Promise<void> {
    const portal = this.pendingPortal === undefined ? undefined : this.portals.get(this.pendingPortal);
    const pending = this.takePending();
    if (portal?.planned?.description !== undefined && portal.bind.tail.length > EMPTY_TAIL_BYTES)
      await checkBind(
        this.session.transaction,
        portal.planned.statement.text,
        portal.parameterTypes,
        portal.bind.tail,
      );
    if (pending !== undefined) this.session.output.push(pending);
  }

  private async flush(isEmpty: boolean): Promise<void> {
    // Flush and Sync have no body: a client that sends one speaks something else.
    if (!isEmpty) throw malformed();
    await this.settle();
    this.session.output.flush();
  }

  private sendPending(): void {
    const pending = this.takePending();
    if (pending !== undefined) this.session.output.push(pending);
  }

  private takePending(): Buffer | undefined {
    const { pending } = this;
    this.pending = undefined;
    this.pendingPortal = undefined;
    return pending;
  }

  private async parse(message: {
    name: string;
    query: Buffer;
    parameterTypes: readonly number[];
  }): Promise<void> {
    const { session } = this;
    if (message.name !== "" && session.prepared.has(message.name))
      throw pgError("42P05", `prepared statement "${message.name}" already exists`);
    if (message.name === "") session.prepared.delete("");
    session.context.cancelled = false;
    session.execution.begin(message.query);
    const text = Buffer.from(escapedText(session, message.query));
    const planned = (await planQueryString(session, text, message.parameterTypes, true))[0];
    this.refuseInFailedTransaction(planned);
    session.prepared.set({
      name: message.name,
      text,
      declaredTypes: message.parameterTypes,
      planned,
      circumstances: session.transaction.settings.key,
      parameterTypes: planned?.description?.parameterTypes ?? message.parameterTypes,
      preparedAt: new Date(),
      fromSql: false,
    });
    session.output.push(parseComplete);
  }

  private refuseInFailedTransaction(planned: PlannedStatement | undefined): void {
    if (!this.session.transaction.failed || planned === undefined || planned.tag === "TransactionStmt")
      return;
    throw transactionAborted();
  }

  private find(name: string): PreparedStatement {
    const prepared = this.session.prepared.get(name);
    if (prepared !== undefined) return prepared;
    throw pgError(
      "26000",
      name === ""
        ? "unnamed prepared statement does not exist"
        : `prepared statement "${name}" does not exist`,
    );
  }

  private bind(message: BindMessage): Promise<void> | void {
    const { session } = this;
    const prepared = this.find(message.statement);
    if (message.parameterFormats.length > 1 && message.parameterFormats.length !== message.values.length)
      throw pgError(
        "08P01",
        `bind message has ${message.parameterFormats.length} parameter formats but ${message.values.length} parameters`,
      );
    if (message.values.length !== prepared.parameterTypes.length)
      throw pgError(
        "08P01",
        `bind message supplies ${message.values.length} parameters, but prepared statement "${message.statement}" requires ${prepared.parameterTypes.length}`,
      );
    for (const value of message.values) if (value !== null) session.requireUtf8(value);
    this.refuseInFailedTransaction(prepared.planned);
    if (message.portal === "") this.portals.close("");
    else if (this.portals.get(message.portal) !== undefined)
      throw pgError("42P03", `cursor "${message.portal}" already exists`);
    const planned = currentPlan(session, prepared);
    if (planned instanceof Promise) return planned.then((now) => this.openPortal(message, prepared, now));
    this.openPortal(message, prepared, planned);
  }

  private openPortal(
    message: BindMessage,
    prepared: PreparedStatement,
    planned: PlannedStatement | undefined,
  ): void {
    const fields = planned?.description?.fields;
    if (message.resultFormats.length > 1 && message.resultFormats.length !== (fields?.length ?? 0))
      throw pgError(
        "08P01",
        `bind message has ${message.resultFormats.length} result formats but query has ${fields?.length ?? 0} columns`,
      );
    this.session.prepared.bound(message.statement);
    this.portals.set(message.portal, {
      text: prepared.source ?? prepared.text,
      planned,
      bind: message,
      parameterTypes: prepared.parameterTypes,
      state: { resume: undefined, close: undefined },
      fixed: message.statement !== "" || prepared.described === true,
      doneTag: undefined,
    });
    this.pending = bindComplete;
    this.pendingPortal = message.portal;
  }

  private describe(
    message: { kind: "statement" | "portal"; name: string } | undefined,
  ): Promise<void> | void {
    if (message === undefined) throw pgError("08P01", "invalid DESCRIBE message subtype");
    const { output } = this.session;
    if (message.kind === "statement") return this.settled(() => this.describeStatement(message.name));
    const portal = this.portals.get(message.name);
    if (portal === undefined) return this.settled(() => this.describeCursor(message.name));
    const fields = portal.planned?.description?.fields;
    const { alone, withBind } = describePortal(fields, portal.bind);
    const { pending } = this;
    if (this.pendingPortal === message.name && pending !== undefined) {
      this.pending = pending === bindComplete ? withBind : Buffer.concat([pending, alone]);
    } else {
      portal.fixed = true;
      output.push(alone);
    }
  }

  /** A cursor of DECLARE is a portal too. */
  private describeCursor(name: string): void {
    const cursor = this.session.cursors.get(name);
    if (cursor === undefined) throw pgError("34000", `portal "${name}" does not exist`);
    this.session.output.push(rowDescription(cursor.fields, cursor.binary ? [1] : []));
  }

  private async describeStatement(name: string): Promise<void> {
    const prepared = this.find(name);
    this.refuseInFailedTransaction(prepared.planned);
    const planned = await currentPlan(this.session, prepared);
    const { output } = this.session;
    this.session.prepared.described(prepared);
    output.push(parameterDescription(prepared.parameterTypes));
    const fields = planned?.description?.fields;
    output.push(fields === undefined ? noData : rowDescription(fields, []));
  }

  private execute(message: { portal: string; rowsMax: number }): Promise<void> | void {
    const { session } = this;
    const portal = this.portals.get(message.portal);
    if (portal === undefined) throw pgError("34000", `portal "${message.portal}" does not exist`);
    const pending = this.takePending();
    const describes = pending !== undefined && pending !== bindComplete;
    if (pending === undefined) portal.fixed = true;
    let preface = new Preface(pending);
    const { planned } = portal;
    if (planned === undefined) {
      preface.sendTo(session.output);
      session.output.push(emptyQueryResponse);
      return;
    }
    this.refuseInFailedTransaction(planned);
    if (portal.doneTag !== undefined) {
      preface.sendTo(session.output);
      // A query that was read to its end has no more rows; a command cannot be run twice.
      if (!portal.doneTag.startsWith("SELECT"))
        throw pgError("55000", `portal "${message.portal}" cannot be run`);
      session.output.push(commandComplete("SELECT 0"));
      return;
    }
    session.context.cancelled = false;
    session.beginStatement(portal.text, true);
    // Followed by Sync, the statement stands alone; otherwise it is the first of a pipeline that commits at Sync.
    if (session.transaction.kind === "none" && session.messages.peekType() !== Frontend.sync)
      session.transaction.begin("implicit", "BEGIN");
    const run: Run = {
      bind: portal.bind,
      parameterTypes: portal.parameterTypes,
      fields: planned.description?.fields,
      preface,
      rowsMax: message.rowsMax,
      portal: portal.state,
    };
    const again = async () => {
      const fresh = await this.plannedAgain(planned, portal);
      const fields = fresh.description?.fields;
      if (!portal.fixed)
        preface = new Preface(describes ? describePortal(fields, portal.bind).withBind : bindComplete);
      return { planned: fresh, run: { ...run, fields, preface } };
    };
    return runAfresh(session, { planned, run }, again).then(
      ({ tag }) => {
        portal.doneTag = tag;
        session.admittance.leave();
      },
      (error: unknown) => {
        session.admittance.leave();
        // Whatever failed, it was not the Bind, unless a server said so and took the BindComplete back.
        preface.sendTo(session.output);
        throw error;
      },
    );
  }

  private async plannedAgain(known: PlannedStatement, portal: Portal): Promise<PlannedStatement> {
    const planned = await planStatement(this.session, known.statement, portal.parameterTypes, true);
    if (portal.fixed || portal.bind.resultFormats.length > 1) requireSameResult(known, planned);
    return planned;
  }

  private async close(message: { kind: "statement" | "portal"; name: string } | undefined): Promise<void> {
    if (message === undefined) throw pgError("08P01", "invalid CLOSE message subtype");
    const { cursors } = this.session;
    const cursor = message.kind === "portal" ? cursors.get(message.name) : undefined;
    if (message.kind === "statement") this.session.prepared.delete(message.name);
    else if (cursor === undefined) this.portals.close(message.name);
    else await cursors.close(cursor);
    this.session.output.push(closeComplete);
  }

  /** A simple query does away with the unnamed statement and portal. */
  dropUnnamed(): void {
    this.sendPending();
    this.session.prepared.delete("");
    this.portals.close("");
  }

  private sync(isEmpty: boolean): Promise<void> | void {
    const { session } = this;
    this.skipping = false;
    if (!isEmpty || this.pending !== undefined || session.transaction.kind !== "none")
      return this.finishPipeline(isEmpty);
    this.portals.closeAll();
    session.ready();
  }

  /** Sync where something is still to be done. */
  private async finishPipeline(isEmpty: boolean): Promise<void> {
    const { session } = this;
    try {
      if (!isEmpty) throw malformed();
      await this.settle();
    } catch (error) {
      this.pending = undefined;
      await session.fail(error);
    }
    if (session.transaction.kind === "implicit") {
      try {
        await session.commit();
      } catch (error) {
        await session.fail(error);
      }
    }
    if (session.transaction.kind === "none") this.portals.closeAll();
    session.ready();
  }

  end(): void {
    this.portals.closeAll();
  }
}
