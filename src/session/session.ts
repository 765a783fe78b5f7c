/**
 * One client's session: reads its messages in order, keeps its prepared statements, portals, settings and transaction,
 * and answers. A session knows no other session; all it shares is in SessionHost.
 */
import type { Duplex } from "node:stream";
import { ConnectionError, PgError, pgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import type { Snapshot } from "../catalog/snapshot.ts";
import { loadSnapshot } from "../catalog/load-snapshot.ts";
import { ClientOutput } from "../execute/client-output.ts";
import { Preface, type ExecutionContext, type Outcome, type Run } from "../execute/run.ts";
import type { PlanContext } from "../plan/plan-read.ts";
import { TEMPORARY_SCHEMA } from "../plan/temporary.ts";
import { emptyQueryResponse, readyForQuery, rowDescription } from "../protocol/backend-messages.ts";
import { errorResponse } from "../protocol/error-response.ts";
import { SessionTransaction } from "../transaction/session-transaction.ts";
import { SessionSettings } from "../transaction/settings.ts";
import { catalogQuery } from "./catalog-query.ts";
import { Cursors } from "./cursors.ts";
import { DefinitionWatch } from "./definition-watch.ts";
import type { DatabaseCatalog } from "./database-catalog.ts";
import { escapedText, inOriginalText } from "./escaped-text.ts";
import { ExtendedQuery } from "./extended-query.ts";
import type { SessionHost } from "./host.ts";
import { hotStatements } from "./hot-statements.ts";
import { MessageQueue, type ClientMessage } from "./message-queue.ts";
import { planQueryString, planStatement } from "./plan-statement.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import { ReportedParameters } from "./reported-parameters.ts";
import { RefusedTemporaries } from "./refused-temporaries.ts";
import { runAfresh } from "./run-afresh.ts";
import { runStatement } from "./run-statement.ts";
import { Temporaries } from "./temporaries.ts";
import { Frontend } from "../protocol/message-types.ts";
import type { PreparedStatement } from "./prepared-statement.ts";

/** How long a client whose session was ended may take to read why and to close. */
const LINGER_MS = 1_000;

/** Spellings of encodings whose bytes are those of UTF-8 as far as servers store them. */
const UTF8_NAMES: ReadonlySet<string> = new Set(["UTF8", "UNICODE"]);

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
}

export class Session {
  readonly host: SessionHost;
  readonly client: Client;
  readonly output: ClientOutput;
  readonly transaction: SessionTransaction;
  readonly catalog: DatabaseCatalog;
  readonly context: ExecutionContext;
  readonly messages: MessageQueue;
  readonly reported: ReportedParameters;
  readonly prepared = new Map<string, PreparedStatement>();
  readonly cursors: Cursors;
  readonly refusedTemporaries = new RefusedTemporaries();
  readonly temporaries: Temporaries;
  /** What the running statement was planned for. */
  readonly watch = new DefinitionWatch(this);
  private readonly extended: ExtendedQuery;
  /** Snapshot in use by the current statement. */
  private currentSnapshot: Snapshot | undefined;
  /** Version of the catalog that it has at least. */
  snapshotVersion = 0;
  /** The search path resolved by the catalog node, for one state of settings and catalog. */
  private resolvedPath: { settings: string; snapshot: Snapshot; schemas: readonly string[] } | undefined;
  private ended = false;
  private readonly onEnd: () => void;
  /** Settings of the startup packet: what RESET goes back to. */
  readonly startupSettings: SessionSettings;

  constructor(host: SessionHost, client: Client, onEnd: () => void) {
    this.host = host;
    this.client = client;
    this.onEnd = onEnd;
    this.output = new ClientOutput(client.socket);
    this.startupSettings = new SessionSettings(client.options);
    this.transaction = new SessionTransaction(
      host.pools,
      host.commitLog,
      client.user,
      client.database,
      this.startupSettings,
    );
    this.cursors = new Cursors(this.transaction);
    this.temporaries = new Temporaries(this.transaction, this.refusedTemporaries);
    this.catalog = host.catalogs.of(client.database);
    this.context = {
      pools: host.pools,
      internalRole: host.internalRole,
      multiplexer: host.multiplexer,
      transaction: this.transaction,
      output: this.output,
      computeNodes: host.computeNodes,
      snapshot: () => this.snapshot(),
      definitions: this.watch,
      running: new Set(),
      cancelled: false,
    };
    this.reported = new ReportedParameters(this);
    this.extended = new ExtendedQuery(this);
    this.messages = new MessageQueue(client.socket, (message) => this.handle(message), {
      protocolError: (error) => this.fatal(error),
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

  /** A statement's text as a string of code points. */
  decode(text: Buffer): string {
    this.requireUtf8(text);
    return text.toString("utf8");
  }

  /** Statements and values are read as UTF-8: under another client_encoding only ASCII is understood. */
  requireUtf8(bytes: Buffer): void {
    const encoding = this.transaction.settings.get("client_encoding");
    if (encoding === undefined || UTF8_NAMES.has(encoding.toUpperCase().replace(/[-_]/g, ""))) return;
    if (bytes.some((byte) => byte >= 0x80))
      throw refusal("client-encoding", `client_encoding is ${encoding}.`);
  }

  snapshot(): Snapshot {
    if (this.currentSnapshot === undefined) throw new Error("no snapshot is loaded");
    return this.currentSnapshot;
  }

  /** The catalog for the next statement: the newest, or the transaction's own after its DDL. */
  loadSnapshot(): Snapshot | Promise<Snapshot> {
    const { present } = this.catalog;
    if (present === undefined || this.transaction.changedCatalog || this.temporaries.active)
      return this.composeSnapshot();
    this.currentSnapshot = present;
    this.snapshotVersion = this.catalog.version;
    return present;
  }

  private async composeSnapshot(): Promise<Snapshot> {
    const { version } = this.catalog;
    let snapshot = await this.permanentSnapshot();
    if (this.temporaries.active) snapshot = await this.temporaries.over(snapshot);
    this.currentSnapshot = snapshot;
    this.snapshotVersion = version;
    return snapshot;
  }

  /** The same without the session's temporary objects, as it is now. */
  async permanentSnapshot(): Promise<Snapshot> {
    if (!this.transaction.changedCatalog) return this.catalog.snapshot();
    await this.catalog.settled();
    const { version } = this.catalog;
    if (this.transactionSnapshot?.version !== version) {
      const lease = await this.transaction.lease("catalog", true);
      const snapshot = await loadSnapshot(catalogQuery(lease.connection), this.client.database);
      this.transactionSnapshot = { snapshot, version };
    }
    return this.transactionSnapshot.snapshot;
  }

  private transactionSnapshot: { readonly snapshot: Snapshot; readonly version: number } | undefined;

  /** This session's transaction has changed the catalog: until it ends, it sees a catalog of its own. */
  catalogChanged(): void {
    this.transaction.changedCatalog = true;
    this.transactionSnapshot = undefined;
  }

  /** Existing schemas of the search path, without pg_catalog; pg_temp only where the session has temporary objects. */
  async searchPath(): Promise<readonly string[]> {
    const settings = this.transaction.settings.key;
    const snapshot = await this.loadSnapshot();
    const known = this.resolvedPath;
    if (known !== undefined && known.settings === settings && known.snapshot === snapshot)
      return known.schemas;
    const { transaction } = this;
    const lease = await transaction.leaseToAsk();
    try {
      const rows = await lease.connection.query("SELECT unnest(current_schemas(false))");
      const written = rows.map((row) => row[0]!.replace(/^pg_temp_\d+$/, TEMPORARY_SCHEMA));
      // It is searched first unless the path says where.
      const implied = this.temporaries.active && !written.includes(TEMPORARY_SCHEMA);
      const schemas = implied ? [TEMPORARY_SCHEMA, ...written] : written;
      this.resolvedPath = { settings, snapshot, schemas };
      return schemas;
    } finally {
      lease.release();
    }
  }

  async planContext(parameterTypes: readonly number[]): Promise<PlanContext> {
    return {
      snapshot: await this.loadSnapshot(),
      searchPath: await this.searchPath(),
      parameterTypes,
      transformNullEquals: this.transaction.settings.get("transform_null_equals") === "on",
    };
  }

  private handle(message: ClientMessage): Promise<void> | void {
    if (message.type === Frontend.query && !this.extended.skipping) return this.simpleQuery(message);
    if (message.type === Frontend.terminate) return this.end();
    return this.extended.handle(message);
  }

  private async simpleQuery(message: ClientMessage): Promise<void> {
    const { buffer, start, end } = message;
    this.context.cancelled = false;
    this.extended.dropUnnamed();
    try {
      if (end <= start || buffer[end - 1] !== 0) throw pgError("08P01", "invalid string in message");
      const zero = buffer.indexOf(0, start);
      if (zero !== end - 1) throw pgError("08P01", "invalid message format");
      const text = escapedText(this, buffer.subarray(start, end - 1));
      if (await this.runHot(text)) return this.ready();
      const planned = await planQueryString(this, text, [], false);
      if (planned.length === 0) this.output.push(emptyQueryResponse);
      else if (planned.length === 1) {
        const fresh = planned[0]!;
        if (await this.learn(text, fresh)) return this.ready();
        await this.runSimple(fresh);
      } else await this.runSeveral(planned);
    } catch (error) {
      await this.fail(error);
    }
    this.ready();
  }

  /** True: the statement was one of the hot ones and is answered. */
  private async runHot(text: Buffer): Promise<boolean> {
    if (!this.mayBeHot() || !this.refusedTemporaries.isEmpty) return false;
    const hot = hotStatements(this.catalog)?.find(this.hotCircumstances(), text);
    if (hot === undefined) return false;
    this.requireUtf8(text);
    this.currentSnapshot = hot.planned.snapshot;
    this.snapshotVersion = hot.planned.version;
    try {
      await runStatement(this, hot.planned, hot.run);
      return true;
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      // A read of which nothing was sent: as it is written it gets PostgreSQL's own error, at its own place.
      const again =
        hot.planned.plan?.kind === "read" && this.transaction.kind === "none" && !hot.run.preface.isEmpty;
      if (again && !this.context.cancelled) return false;
      throw hot.inOriginalTerms(error);
    }
  }

  /** Prepares the plan that statements like this one will share; true: this one has run by it. */
  private async learn(text: Buffer, written: PlannedStatement): Promise<boolean> {
    if (!this.mayBeHot() || this.transaction.asksItsOwn) return false;
    const always = this.host.liftLiterals === "always";
    const learned = await hotStatements(this.catalog)?.learn(this, text, written, always);
    return learned === true && always && this.runHot(text);
  }

  /** Plans are shared where they are everybody's: not with definitions of this transaction's own, nor with temporary objects. */
  private mayBeHot(): boolean {
    const { transaction, host } = this;
    return (
      host.liftLiterals !== "never" &&
      !transaction.failed &&
      !transaction.changedCatalog &&
      !this.temporaries.active
    );
  }

  /** What of the session gives a text its meaning, without asking a server. */
  hotCircumstances(): string {
    return `${this.client.user}\0${this.transaction.settings.key}`;
  }

  /** The statements of one string are one transaction, unless they say otherwise (row S5). */
  private async runSeveral(statements: readonly PlannedStatement[]): Promise<void> {
    for (const { statement } of statements) {
      if (this.transaction.kind === "none") this.transaction.begin("implicit", "BEGIN");
      await this.runSimple(await planStatement(this, statement, [], false));
    }
    if (this.transaction.kind === "implicit") await this.commit();
  }

  /** For statements that run others (EXECUTE). */
  runPlanned(planned: PlannedStatement, run: Run): Promise<Outcome> {
    return runStatement(this, planned, run);
  }

  private async runSimple(first: PlannedStatement): Promise<void> {
    await runAfresh(this, simpleRun(first), async () =>
      simpleRun(await planStatement(this, first.statement, [], false)),
    );
  }

  /** Ends the transaction with COMMIT and makes its changes of the catalog known. */
  async commit(): Promise<void> {
    const changed = this.transaction.changedCatalog;
    const settings = this.transaction.settings;
    try {
      if (changed) await this.catalog.commit(() => this.transaction.commit());
      else await this.transaction.commit();
    } finally {
      this.transactionSnapshot = undefined;
      this.catalog.defining.delete(this);
      this.temporaries.transactionEnded();
      if (settings !== this.transaction.settings) await this.reported.sendChanged();
    }
  }

  async rollback(): Promise<void> {
    const settings = this.transaction.settings;
    this.transactionSnapshot = undefined;
    await this.transaction.rollback();
    this.catalog.defining.delete(this);
    this.temporaries.transactionEnded();
    if (settings !== this.transaction.settings) await this.reported.sendChanged();
  }

  /** Reports an error; the transaction is undone, or waits for the client's ROLLBACK. */
  async fail(error: unknown): Promise<void> {
    const pg = error instanceof PgError ? inOriginalText(this, error) : internalError(error);
    if (this.transaction.kind === "implicit") await this.rollback();
    else if (this.transaction.kind === "explicit") this.transaction.failed = true;
    if (pg instanceof ConnectionError) return this.closeWith(pg);
    // A server that ends its connection does not end the client's.
    this.output.push(errorResponse(pg.endsConnection ? { ...pg.fields, severity: "ERROR" } : pg.fields));
  }

  ready(): void {
    if (this.ended) return;
    this.output.push(readyForQuery(this.transaction.status));
    this.output.flush();
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
    this.context.cancelled = true;
    for (const running of this.context.running) void running.cancel();
    this.transaction.cancelAll();
  }

  get isEnded(): boolean {
    return this.ended;
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.messages.stop();
    this.cancel();
    this.extended.end();
    this.transaction.abandon();
    this.catalog.defining.delete(this);
    this.cursors.end();
    this.output.end();
    this.onEnd();
  }
}

function simpleRun(planned: PlannedStatement): { planned: PlannedStatement; run: Run } {
  const fields = planned.description?.fields;
  const run: Run = {
    bind: undefined,
    parameterTypes: [],
    fields,
    describe: true,
    preface: new Preface(fields === undefined ? undefined : rowDescription(fields, [])),
    rowsMax: 0,
    portal: undefined,
  };
  return { planned, run };
}

function internalError(error: unknown): PgError {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return pgError("XX000", `internal error: ${error instanceof Error ? error.message : text}`, {
    hint: "This is a defect of Pleiad; please report it with the statement.",
    detail: text,
  });
}
