/**
 * One client's session: reads its messages in order, keeps its prepared statements, portals, settings and transaction,
 * and answers. A session knows no other session; all it shares is in SessionHost.
 */
import type { Duplex } from "node:stream";
import { ConnectionError, PgError, pgError, statementCancelled } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import { ClientOutput } from "../execute/client-output.ts";
import type { ExecutionContext, Outcome, Run } from "../execute/run.ts";
import { SessionLanes } from "../execute/session-lanes.ts";
import { lastValuesOf, restoreLastValues } from "../execute/write/last-values.ts";
import { Status } from "../protocol/message-types.ts";
import { readyForQuery } from "../protocol/backend-messages.ts";
import { isUtf8 } from "../protocol/encodings.ts";
import { errorResponse } from "../protocol/error-response.ts";
import { SessionTransaction } from "../transaction/session-transaction.ts";
import { SessionSettings } from "../transaction/settings.ts";
import type { Conversation } from "../shared-memory/conversation.ts";
import type { Execution } from "../shared-memory/execution-table.ts";
import type { DatabaseWriters } from "../shared-memory/writer-states.ts";
import { Admittance } from "./admittance.ts";
import { CatalogView } from "./catalog-view.ts";
import { Cursors } from "./cursors.ts";
import { DefinitionWatch } from "./definition-watch.ts";
import type { DatabaseCatalog } from "./database-catalog.ts";
import { inOriginalText } from "./escaped-text.ts";
import { ExtendedQuery } from "./extended-query.ts";
import type { SessionHost } from "./host.ts";
import { MessageQueue, type ClientMessage } from "./message-queue.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import { ReportedParameters } from "./reported-parameters.ts";
import { RefusedTemporaries } from "./refused-temporaries.ts";
import { runStatement } from "./run-statement.ts";
import { simpleQuery } from "./simple-query.ts";
import { StatementWaits } from "./statement-waits.ts";
import { Temporaries } from "./temporaries.ts";
import { Writing } from "./writing.ts";
import { Frontend } from "../protocol/message-types.ts";
import { lossError, type Loss } from "./judge-conversation.ts";
import { KeptSession, type KeptState, type RestoredSession } from "./kept-session.ts";
import { PreparedStatements } from "./prepared-statements.ts";

/** How long a client whose session was ended may take to read why and to close. */
const LINGER_MS = 1_000;

/** A client whose authentication is done. */
export interface Client {
  readonly socket: Duplex;
  readonly user: string;
  readonly database: string;
  /** Settings from the startup packet, by lower-case name. */
  readonly options: ReadonlyMap<string, string>;
  readonly processId: number;
  /** BackendKeyData, ready to send. */
  readonly keyData: Buffer;
  /** Bytes that arrived behind the startup packet. */
  readonly rest: Buffer;
  /** On record for who takes over. */
  readonly conversation: Conversation;
}

export class Session {
  readonly host: SessionHost;
  readonly client: Client;
  readonly output: ClientOutput;
  readonly transaction: SessionTransaction;
  /** That of the database, shared with other sessions. */
  readonly catalog: DatabaseCatalog;
  readonly view: CatalogView;
  readonly context: ExecutionContext;
  readonly messages: MessageQueue;
  readonly reported: ReportedParameters;
  readonly prepared: PreparedStatements;
  private readonly kept: KeptSession;
  /** The settings that are kept. */
  private keptSettings: SessionSettings | undefined;
  /** To be told at the next statement: the transaction block that the client believes to be in is no more. */
  lostTransaction: PgError | undefined;
  readonly cursors: Cursors;
  /** Who writes in the session's database, in all sessions. */
  readonly writers: DatabaseWriters;
  /** What this session writes. */
  readonly writing: Writing;
  readonly refusedTemporaries = new RefusedTemporaries();
  readonly temporaries: Temporaries;
  /** What the running statement was planned for. */
  readonly watch = new DefinitionWatch(this);
  /** On record for everybody who looks at the node. */
  readonly execution: Execution;
  readonly waits: StatementWaits;
  readonly admittance: Admittance;
  private readonly extended: ExtendedQuery;
  private circumstances: { readonly settings: SessionSettings; readonly key: string } | undefined;
  private ended = false;
  private readonly onEnd: () => void;
  /** Settings of the startup packet: what RESET goes back to. */
  readonly startupSettings: SessionSettings;

  constructor(host: SessionHost, client: Client, onEnd: () => void) {
    this.host = host;
    this.client = client;
    this.onEnd = onEnd;
    this.execution = host.memory.executions.of(client.processId);
    this.waits = new StatementWaits(this);
    this.admittance = new Admittance(this);
    this.output = new ClientOutput(client.socket, {
      writes: (bytes) => {
        this.prepared.settleNamed();
        client.conversation.writes(bytes);
        this.execution.sent(this.output.rowsSent);
      },
    });
    this.kept = new KeptSession(host.kept, client.processId, () => client.conversation.written + 1);
    this.prepared = new PreparedStatements(this.kept);
    this.startupSettings = new SessionSettings(client.options);
    this.transaction = new SessionTransaction(
      host.pools,
      host.commitLog,
      client.user,
      client.database,
      this.startupSettings,
      this.waits,
    );
    this.writers = host.memory.writers.of(client.database, host.slot);
    this.writing = new Writing(this.writers);
    this.transaction.watchEnd({
      ended: () => this.writing.transactionEnded(),
      lost: () => this.writing.loseSight(),
    });
    this.cursors = new Cursors(this.transaction);
    this.temporaries = new Temporaries(this.transaction, this.refusedTemporaries);
    this.catalog = host.catalogs.of(client.database);
    this.view = new CatalogView(this.catalog, this.transaction, this.temporaries);
    this.context = {
      pools: host.pools,
      internalRole: host.internalRole,
      lanes: new SessionLanes(host.multiplexer, this.transaction),
      tasks: host.tasks,
      transaction: this.transaction,
      output: this.output,
      progress: this.execution,
      admit: (cheap) => this.admittance.enter(cheap),
      gateSecrets: host.gateSecrets,
      computeNodes: host.computeNodes,
      snapshot: () => this.view.snapshot(),
      definitions: this.watch,
      running: new Set(),
      cancelled: false,
    };
    this.reported = new ReportedParameters(this);
    this.extended = new ExtendedQuery(this);
    this.messages = new MessageQueue(client.socket, client.conversation, (message) => this.handle(message), {
      protocolError: (error) => this.fatal(error),
      finished: () => this.waits.clientFinished(),
      closed: () => this.end(),
    });
  }

  /** Sends what follows AuthenticationOk and begins to serve. Throws (FATAL to the client) when the catalog node does not let the role in. */
  async start(): Promise<void> {
    await this.reported.sendAll();
    this.output.push(this.client.keyData);
    this.ready();
    this.messages.start(this.client.rest);
  }

  /** Goes on with a client whose process was killed, or has let go of it. */
  resume({ state, statements, unheard }: RestoredSession, loss: Loss): void {
    const { transaction, output } = this;
    transaction.changeSettings(new SessionSettings(state.settings), false);
    this.keptSettings = transaction.settings;
    this.reported.wereTold(state.reported);
    for (const statement of statements) this.prepared.restore(statement);
    for (const name of unheard) this.kept.dropStatement(name);
    if (state.lastValues !== undefined) {
      restoreLastValues(transaction, state.lastValues);
      // They change with every statement: whoever goes on after a death must not find these.
      this.keepState();
    }
    if (loss.status === Status.failed) {
      transaction.begin("explicit", "BEGIN");
      transaction.failed = true;
    }
    const error = lossError(loss.uncertain);
    if (loss.unaware) this.lostTransaction = error;
    for (let i = 0; i < loss.owed; i++) {
      output.push(errorResponse(error.fields));
      this.ready();
    }
    if (loss.unsynced) {
      output.push(errorResponse(error.fields));
      output.flush();
      this.extended.skipping = true;
    }
    this.messages.startWithin(loss.held);
  }

  /** A statement begins; `text` is as the client wrote it, and `kept` as long as the session may run it again. */
  beginStatement(text: Buffer, kept: boolean): void {
    this.output.rowsSent = 0;
    this.host.counts.statements++;
    if (kept) this.execution.beginKept(text);
    else this.execution.begin(text);
  }

  /** A statement's text as a string of code points. */
  decode(text: Buffer): string {
    this.requireUtf8(text);
    return text.toString("utf8");
  }

  /** Statements and values are read as UTF-8: under another client_encoding only ASCII is understood. */
  requireUtf8(bytes: Buffer): void {
    const encoding = this.transaction.settings.get("client_encoding");
    if (encoding === undefined || isUtf8(encoding)) return;
    if (bytes.some((byte) => byte >= 0x80))
      throw refusal("client-encoding", `client_encoding is ${encoding}.`);
  }

  private handle(message: ClientMessage): Promise<void> | void {
    if (message.lost === true) return this.answerLost(message);
    if (message.type === Frontend.query && !this.extended.skipping) {
      this.context.cancelled = false;
      this.extended.dropUnnamed();
      return simpleQuery(this, message);
    }
    if (message.type === Frontend.terminate) return this.end();
    return this.extended.handle(message);
  }

  /** A message whose first bytes went with the process that had read them. */
  private async answerLost(message: ClientMessage): Promise<void> {
    const error = lossError(false);
    if (message.type !== Frontend.query || this.extended.skipping)
      return this.extended.refuse(message, error);
    await this.fail(error);
    this.ready();
  }

  /** What of the session gives a text its meaning, without asking a server. */
  hotCircumstances(): string {
    const { settings } = this.transaction;
    if (settings !== this.circumstances?.settings)
      this.circumstances = { settings, key: `${this.client.user}\0${settings.key}` };
    return this.circumstances.key;
  }

  /** For statements that run others (EXECUTE, DO). */
  runPlanned(planned: PlannedStatement, run: Run): Promise<Outcome> {
    return runStatement(this, planned, run);
  }

  /** Ends the transaction with COMMIT and makes its changes of the catalog known. */
  async commit(): Promise<void> {
    const changed = this.transaction.changedCatalog;
    const settings = this.transaction.settings;
    this.client.conversation.mayCommit();
    this.execution.enter("committing");
    try {
      if (changed) await this.catalog.commit(() => this.transaction.commit());
      else await this.transaction.commit();
    } finally {
      this.catalog.defining.delete(this);
      this.view.transactionEnded();
      if (settings !== this.transaction.settings) await this.reported.sendChanged();
    }
  }

  async rollback(): Promise<void> {
    const settings = this.transaction.settings;
    await this.transaction.rollback();
    this.catalog.defining.delete(this);
    this.view.transactionEnded();
    if (settings !== this.transaction.settings) await this.reported.sendChanged();
  }

  /** Reports an error; the transaction is undone, or waits for the client's ROLLBACK. */
  async fail(error: unknown): Promise<void> {
    let pg = error instanceof PgError ? inOriginalText(this, error) : internalError(error);
    if (this.lostTransaction !== undefined && !(pg instanceof ConnectionError)) {
      // Whatever failed may have failed because of it: a table or a portal of the lost block is not there.
      pg = this.lostTransaction;
      this.lostTransaction = undefined;
    }
    if (this.transaction.kind === "implicit") await this.rollback();
    else if (this.transaction.kind === "explicit") this.transaction.failed = true;
    if (pg instanceof ConnectionError) return this.closeWith(pg);
    // A server that ends its connection does not end the client's.
    this.output.push(errorResponse(pg.endsConnection ? { ...pg.fields, severity: "ERROR" } : pg.fields));
  }

  ready(): void {
    this.admittance.leave();
    this.waits.since = undefined;
    if (this.ended) return;
    this.prepared.settle();
    const { transaction } = this;
    if (transaction.settings !== this.keptSettings && !transaction.active) this.keepState();
    const { status } = transaction;
    this.execution.end(status !== Status.idle);
    this.client.conversation.answers(status, this.holds);
    this.output.push(readyForQuery(status));
    this.output.flush();
  }

  /** Is there something on servers, or in this process, that ends with it? */
  private get holds(): boolean {
    return (
      this.transaction.connections.holds ||
      !this.cursors.isEmpty ||
      !this.refusedTemporaries.isEmpty ||
      !this.kept.complete
    );
  }

  private keepState(more: Pick<KeptState, "lastValues"> = {}): void {
    const { user, database, options } = this.client;
    const { settings } = this.transaction;
    this.keptSettings = settings;
    const { told: reported } = this.reported;
    this.kept.keep({ user, database, options, settings: settings.values, reported, ...more });
  }

  /** Between two messages, with nothing begun, and nothing of it on a server. */
  get isIdle(): boolean {
    const { transaction, extended } = this;
    if (this.ended || !this.messages.isIdle || transaction.active || extended.skipping) return false;
    return !this.holds && this.lostTransaction === undefined;
  }

  /** Keeps what another process needs to go on, and ends here. False: there was no room for it. To be called when it is idle. */
  letGo(): boolean {
    this.prepared.keepUnnamed();
    this.keepState({ lastValues: lastValuesOf(this.transaction) });
    if (!this.kept.complete) return false;
    this.ended = true;
    this.endHere();
    return true;
  }

  /** An error after which nothing can be understood any more. */
  fatal(error: PgError): void {
    this.closeWith(new PgError({ ...error.fields, severity: "FATAL" }));
  }

  /** The last thing that the client hears. What it still sends is read and dropped: closing over unread bytes would destroy the error on its way. */
  private closeWith(error: PgError): void {
    if (this.ended) return;
    this.output.push(errorResponse(error.fields));
    const { socket } = this.client;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
    this.end();
    socket.resume();
  }

  /** Cancels what runs for this session, on all nodes. */
  cancel(): void {
    // One that comes between two statements concerns neither.
    if (this.execution.phase !== "idle") this.context.cancelled = true;
    this.waits.end(statementCancelled());
    for (const running of this.context.running) void running.cancel();
    this.transaction.cancelAll();
  }

  get isEnded(): boolean {
    return this.ended;
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.context.cancelled = true;
    this.cancel();
    this.endHere();
    this.output.end();
    this.kept.end();
    this.onEnd();
  }

  private endHere(): void {
    this.messages.stop();
    this.admittance.leave();
    this.extended.end();
    this.transaction.abandon();
    this.catalog.defining.delete(this);
    this.cursors.end();
  }
}

function internalError(error: unknown): PgError {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return pgError("XX000", `internal error: ${error instanceof Error ? error.message : text}`, {
    hint: "This is a defect of Pleiad; please report it with the statement.",
    detail: text,
  });
}
