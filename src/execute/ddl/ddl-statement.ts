/**
 * One DDL statement on its way over the servers: the client's text on the catalog node first, whose word is final for
 * names, rights and errors; then, in the same transaction, the servers that have a part in it.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { bumpVersion } from "../../catalog/record-distribution.ts";
import type { Query } from "../../catalog/query.ts";
import { findRelation, type Relation, type Snapshot } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { readCommandTag } from "../../protocol/backend-messages.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { query } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import { applySplices } from "../../sql/splice.ts";
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import { clientError } from "../client-error.ts";
import { whileRunning, type ExecutionContext } from "../run.ts";
import { logForCompute } from "./compute-definition.ts";
import { gateQuery } from "./gate-query.ts";
import { preludeDone } from "../../transaction/lease.ts";

export interface DdlNode {
  readonly name: string;
  readonly kind: "catalog" | "data" | "compute";
}

/** What a DDL statement needs of its session. */
export interface DdlContext {
  readonly execution: ExecutionContext;
  readonly nodes: readonly DdlNode[];
  /** Shards of a hash table that does not say how many. */
  readonly defaultShards: number;
  /** By node: what passes the gate. */
  readonly gateSecrets: ReadonlyMap<string, string>;
  /** Bind parameters over a connection. */
  queryOver(connection: BackendConnection): Query;
  searchPath(): Promise<readonly string[]>;
  /** The catalog has changed in this transaction. */
  catalogChanged(): void;
  /** The catalog as it is now. */
  loadSnapshot(): Promise<Snapshot>;
  /** The catalog has changed outside any transaction of this session. */
  changedApart(): Promise<void>;
  /** Closes idle connections to a database, and forgets its catalog. */
  leaveDatabase(database: string): Promise<void>;
  /** What a server keeps of a password, so that the password itself goes nowhere. */
  passwordVerifier(password: string): Promise<string>;
  /** Runs a part of the work in a transaction of its own, for a statement that as a whole cannot be one. */
  inTransaction<T>(work: () => Promise<T>): Promise<T>;
  /** Runs INSERT … SELECT (or another statement of Pleiad's making) as if the client had sent it, without an answer; gives its tag. */
  runStatement(sql: string): Promise<string>;
  /** The same with the search path under which PostgreSQL evaluates materialised views. */
  runRestricted(sql: string): Promise<string>;
}

/** What came of a text on one server. */
interface Ran {
  readonly tag: string;
  /** SQLSTATEs of notices. */
  readonly notices: readonly string[];
}

export class DdlStatement {
  readonly context: DdlContext;
  readonly statement: ParsedStatement;
  /** The catalog before the statement. */
  readonly before: Snapshot;
  /** The transaction was begun for this statement alone. */
  readonly ownTransaction: boolean;
  private ran: Ran = { tag: "", notices: [] };

  constructor(context: DdlContext, statement: ParsedStatement, ownTransaction: boolean) {
    this.ownTransaction = ownTransaction;
    this.context = context;
    this.statement = statement;
    this.before = context.execution.snapshot();
  }

  get dataNodes(): readonly string[] {
    return this.context.nodes.filter((node) => node.kind === "data").map((node) => node.name);
  }

  private get computeNodes(): readonly string[] {
    return this.context.nodes.filter((node) => node.kind === "compute").map((node) => node.name);
  }

  /** All servers but the catalog node. */
  get otherNodes(): readonly string[] {
    return this.context.nodes.filter((node) => node.kind !== "catalog").map((node) => node.name);
  }

  /** Command tag that the catalog node gave. */
  get tag(): string {
    return this.ran.tag;
  }

  /** IF NOT EXISTS found it existing: 42P07 and its like for other kinds of objects. */
  get skipped(): boolean {
    return this.ran.notices.some((code) => EXISTS_ALREADY.has(code));
  }

  /** The relation that a name means before the statement. */
  async find(name: {
    readonly schemaname?: string;
    readonly relname?: string;
  }): Promise<Relation | undefined> {
    return findRelation(this.before, await this.context.searchPath(), name.schemaname, name.relname ?? "");
  }

  /** Runs the client's text, or what became of it, on the catalog node; its notices go to the client. */
  async onCatalog(splices: readonly Splice[] = []): Promise<string> {
    const connection = await this.connection("catalog");
    const { statement } = this;
    this.ran = await this.run(connection, applySplices(statement.text, splices), splices, true);
    return this.ran.tag;
  }

  /** Runs the client's text with these changes on several servers at once. */
  async onNodes(
    nodes: readonly string[],
    splicesOf: (node: string) => readonly Splice[] | undefined = () => [],
  ): Promise<void> {
    await this.everywhere(nodes, async (node) => {
      const splices = splicesOf(node);
      if (splices === undefined) return;
      const connection = await this.connection(node);
      // Bodies name tables that are not on every server; the catalog node has checked them.
      await connection.query("SET LOCAL check_function_bodies = off");
      await this.run(connection, applySplices(this.statement.text, splices), splices, false);
    });
    const compute = this.computeNodes.find((node) => nodes.includes(node));
    const splices = compute === undefined ? undefined : splicesOf(compute);
    if (splices !== undefined) await logForCompute(this, applySplices(this.statement.text, splices));
  }

  /**
   * The same for a statement about an object that a server may lack, as a function whose signature names a table's row type:
   * it is passed over there.
   */
  async onNodesThatHave(nodes: readonly string[]): Promise<void> {
    const without = new Set<string>();
    await this.everywhere(nodes, async (node) => {
      const connection = await this.connection(node);
      await connection.query("SAVEPOINT pleiad_definition");
      try {
        await this.run(connection, this.statement.text, [], false);
      } catch (error) {
        if (!(error instanceof PgError) || !UNDEFINED_OBJECT.has(error.code)) throw error;
        await connection.query("ROLLBACK TO SAVEPOINT pleiad_definition");
        without.add(node);
      }
      await connection.query("RELEASE SAVEPOINT pleiad_definition");
    });
    if (this.computeNodes.some((node) => nodes.includes(node) && !without.has(node)))
      await logForCompute(this, this.statement.text);
  }

  /** Runs statements of Pleiad's making under the client's role: every name in them is qualified or the system's. */
  async derived(nodes: readonly string[], statementsOf: (node: string) => readonly string[]): Promise<void> {
    await this.everywhere(nodes, async (node) => {
      const statements = statementsOf(node);
      if (statements.length === 0) return;
      const connection = await this.connection(node);
      const path = this.context.execution.transaction.settings.get("search_path");
      const back =
        path === undefined
          ? "SET LOCAL search_path TO DEFAULT"
          : `SELECT set_config('search_path', ${quoteLiteral(path)}, true)`;
      const sql = [
        "SET LOCAL search_path = pg_catalog, pg_temp",
        "SET LOCAL check_function_bodies = off",
        ...statements,
        back,
      ].join(";\n");
      await this.run(connection, Buffer.from(sql), undefined, false);
    });
  }

  /** Runs statements as Pleiad's own role, in the client's transaction. They must not make the server evaluate anything of the user's. */
  async throughGate(
    nodes: readonly string[],
    statementsOf: (node: string) => readonly string[],
  ): Promise<void> {
    await this.everywhere(nodes, async (node) => {
      const statements = statementsOf(node);
      if (statements.length > 0) await (await this.gate(node))(statements.join(";\n"));
    });
  }

  /** A query function as Pleiad's own role on a server, in the client's transaction. */
  async gate(node: string): Promise<Query> {
    const connection = await this.connection(node);
    return gateQuery(this.context.queryOver(connection), this.context.gateSecrets.get(node) ?? "");
  }

  /** A query function as the client's role on the catalog node, in its transaction. */
  async asClient(node = "catalog"): Promise<Query> {
    return this.context.queryOver(await this.connection(node));
  }

  /** Plans made before this statement are not used any more. */
  async changed(): Promise<void> {
    await bumpVersion(await this.gate("catalog"));
    this.context.catalogChanged();
  }

  /** The same; gives the catalog as it is now. */
  async reload(): Promise<Snapshot> {
    await this.changed();
    return this.context.loadSnapshot();
  }

  inTransaction<T>(work: () => Promise<T>): Promise<T> {
    return this.context.inTransaction(work);
  }

  /** Runs the client's text on a server outside of any transaction. */
  async apart(node: string, splices: readonly Splice[], toClient: boolean): Promise<string> {
    const ran = await this.onLease(node, (connection) =>
      this.run(connection, applySplices(this.statement.text, splices), splices, toClient),
    );
    if (toClient) this.ran = ran;
    return ran.tag;
  }

  /** Runs statements of Pleiad's making, each by itself, under the client's role and outside of any transaction. */
  async sqlApart(node: string, statements: readonly string[]): Promise<void> {
    await this.onLease(node, async (connection) => {
      for (const sql of statements) await this.run(connection, Buffer.from(sql), undefined, false);
    });
  }

  private async onLease<T>(node: string, work: (connection: BackendConnection) => Promise<T>): Promise<T> {
    const lease = await this.context.execution.transaction.leaseApart(node);
    try {
      await preludeDone(lease);
      return await work(lease.connection);
    } finally {
      lease.release();
    }
  }

  /** The server's connection in the client's transaction. */
  async connection(node: string): Promise<BackendConnection> {
    const lease = await this.context.execution.transaction.lease(node, true);
    await preludeDone(lease);
    return lease.connection;
  }

  /** All at once; the first error is thrown when all are done, so that no connection is left out of step. */
  async everywhere(nodes: readonly string[], work: (node: string) => Promise<void>): Promise<void> {
    const results = await Promise.allSettled(nodes.map(work));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Splices undefined: a text that the client did not write; positions in it mean nothing to it. */
  async run(
    connection: BackendConnection,
    text: Buffer,
    splices: readonly Splice[] | undefined,
    toClient: boolean,
  ): Promise<Ran> {
    const { execution } = this.context;
    const notices: string[] = [];
    let tag = "";
    const exchange = connection.exchange(query(text), (type, buffer, start, end) => {
      if (type === Backend.commandComplete) tag = readCommandTag(buffer, start, end);
      else if (type === Backend.noticeResponse) {
        notices.push(parseErrorFields(buffer, start + 5, end).code);
        if (toClient) execution.output.append(buffer, start, end);
      }
    });
    try {
      await whileRunning(execution, connection, exchange);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      throw splices === undefined ? withoutPosition(error) : clientError(error, this.statement, splices);
    }
    return { tag, notices };
  }
}

/** undefined_function, undefined_object */
const UNDEFINED_OBJECT: ReadonlySet<string> = new Set(["42883", "42704"]);
const EXISTS_ALREADY: ReadonlySet<string> = new Set(["42P07", "42710", "42P06", "42701", "42723"]);

function withoutPosition(error: PgError): PgError {
  const { fields } = error;
  return new PgError({ ...fields, position: undefined, schema: fields.schema?.replace(/#\d+$/, "") });
}
