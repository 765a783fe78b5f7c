/**
 * COPY t FROM STDIN: the client's lines, split by node. Every node that may get rows runs a COPY of its own into the table;
 * where all lines go to one node, or all to every node, the client's messages pass through as they came.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { isSharded, nodesOf } from "../../catalog/placement.ts";
import type { Column, Relation } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { copyResponse } from "../../protocol/backend-messages.ts";
import { Frontend } from "../../protocol/message-types.ts";
import { quoteIdentifier } from "../../sql/quote.ts";
import { applySplices } from "../../sql/splice.ts";
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import { preludeDone, type Lease } from "../../transaction/lease.ts";
import { clientError } from "../client-error.ts";
import type { ExecutionContext, Run } from "../run.ts";
import { noteDrawnOn } from "../write/draw-defaults.ts";
import { noteLost } from "../write/last-values.ts";
import { binaryIsPortable } from "../ship-table.ts";
import { clientGone, failedByClient, unexpectedMessage, type CopySource } from "./client-data.ts";
import { atLine, firstInOrder, inClientLines, type LineError } from "./client-line.ts";
import { readCopyFormat, type CopyFormat } from "./copy-format.ts";
import { evaluatedOnCatalog, type DefaultCircumstances } from "./default-values.ts";
import type { Intake } from "./block.ts";
import { NodeCopy } from "./node-copy.ts";
import { openIntake } from "./open-intake.ts";
import { switchedOff, tableRange, type CopyStatement } from "./statement-parts.ts";

/** Encodings of clients in which a byte below 128 may be the second half of a character. */
const UNSAFE_ENCODINGS =
  /^(sjis|shiftjis|mskanji|shiftjis2004|win932|windows932|big5|win950|windows950|gbk|win936|windows936|gb18030|uhc|win949|windows949|johab)$/;

/** Data that have come already are split for so long at most before other sessions of this process have a turn. */
const TURN_MS_MAX = 2;

/** Header and trailer without a row between them. */
const EMPTY_BINARY = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff", "latin1");

export class CopyIn {
  private readonly context: ExecutionContext;
  private readonly statement: ParsedStatement;
  private readonly copy: CopyStatement;
  private readonly relation: Relation;
  private readonly source: CopySource;
  private readonly format: CopyFormat;
  /** The data's columns, in their order. */
  private readonly columns: readonly Column[];
  private readonly encoding: string;
  private nodes: NodeCopy[] = [];
  private splices: Splice[] = [];
  private catalogLease: Lease | undefined;
  /** Numbers of sequences are drawn there. */
  private draws = false;
  /** Undefined where the client's messages pass through. */
  private intake: Intake | undefined;
  private dataError: LineError | undefined;
  private turnBegan = 0;

  /** `columns` are the named ones, or all that are not generated. */
  constructor(
    context: ExecutionContext,
    statement: ParsedStatement,
    copy: CopyStatement,
    relation: Relation,
    columns: readonly Column[],
    source: CopySource,
  ) {
    this.context = context;
    this.statement = statement;
    this.copy = copy;
    this.relation = relation;
    this.columns = columns;
    this.source = source;
    this.format = readCopyFormat(copy.options);
    this.encoding = this.format.encoding ?? context.transaction.settings.get("client_encoding") ?? "UTF8";
  }

  /** Gives the number of rows stored, in a transaction that the caller ends. */
  async run(run: Run): Promise<number> {
    const { context, relation, format, columns } = this;
    const distribution = relation.distribution!;
    const given = new Set(columns.map((column) => column.name));
    const omitted = relation.columns.filter((column) => !given.has(column.name));
    const appended = evaluatedOnCatalog(relation, omitted, this.defaultCircumstances());
    const splits = isSharded(distribution) || distribution.kind === "random" || appended.length > 0;
    if (splits) this.refuseWhatCannotBeSplit();
    const names = nodesOf(distribution, context.snapshot().dataNodes);
    try {
      this.splices = this.nodeSplices(appended);
      await this.open(names, applySplices(this.statement.text, this.splices));
      run.preface.sendTo(context.output);
      context.output.push(copyResponse("in", format.format === "binary", columns.length));
      context.output.flush();
      if (format.freeze) await this.judgeFreeze();
      if (splits)
        this.intake = openIntake({
          relation,
          nodes: this.nodes,
          format,
          columns,
          appended,
          encoding: this.encoding,
          catalogConnection: (writes) => this.catalogConnection(writes),
        });
      await this.takeAll();
      for (const node of this.nodes) node.finish();
      await Promise.all(this.nodes.map((node) => node.done));
      this.throwErrors();
      this.markWriters();
      if (this.draws) await noteDrawnOn(this.catalogLease!.connection, context, appended);
    } catch (error) {
      if (this.draws) noteLost(context.transaction);
      await this.abort();
      throw error;
    } finally {
      for (const node of this.nodes) context.running.delete(node.lease.connection);
    }
    return distribution.kind === "replicated"
      ? this.nodes[0]!.rows
      : this.nodes.reduce((sum, node) => sum + node.rows, 0);
  }

  private refuseWhatCannotBeSplit(): void {
    const { format, columns, relation } = this;
    if (format.ignoresErrors) throw refusal("copy-on-error-ignore");
    if (UNSAFE_ENCODINGS.test(this.encoding.toLowerCase().replace(/[^a-z0-9]/g, "")))
      throw refusal("copy-encoding", `The encoding is ${this.encoding}.`);
    if (format.format === "binary") {
      const snapshot = this.context.snapshot();
      const foreign = columns.find((column) => !binaryIsPortable(column, snapshot));
      if (foreign !== undefined)
        throw refusal(
          "copy-binary-user-type",
          `Column ${quoteIdentifier(foreign.name)} is of type ${foreign.typeName}.`,
        );
    }
    if (format.defaultMarker !== undefined) {
      const [column] = evaluatedOnCatalog(relation, columns, this.defaultCircumstances());
      if (column !== undefined)
        throw refusal("copy-default-marker", `Column ${quoteIdentifier(column.name)}.`);
    }
  }

  private defaultCircumstances(): DefaultCircumstances {
    const { context, relation } = this;
    const kind = relation.distribution!.kind;
    return {
      snapshot: context.snapshot(),
      replicated: kind === "replicated",
      sharesTime: kind !== "single" || context.transaction.kind === "explicit",
    };
  }

  /** The session's part on the catalog node: where sequences live, and which has the transaction's time. */
  private async catalogConnection(writes: boolean) {
    this.draws ||= writes;
    this.catalogLease = await this.context.transaction.lease("catalog", writes);
    await preludeDone(this.catalogLease);
    return this.catalogLease.connection;
  }

  /** The client's own text, with the appended columns in its list; FREEZE, which the shell has judged, goes. */
  private nodeSplices(appended: readonly Column[]): Splice[] {
    const { text } = this.statement;
    const splices = this.format.freeze ? switchedOff(text, this.copy.options ?? [], "freeze") : [];
    if (appended.length > 0) {
      const { name, columns } = tableRange(text, this.copy.relation!);
      const list = appended.map((column) => quoteIdentifier(column.name)).join(", ");
      if (columns !== undefined)
        splices.push({ start: columns.end - 1, end: columns.end - 1, text: `, ${list}` });
      else {
        const all = [...this.columns.map((column) => quoteIdentifier(column.name)), list].join(", ");
        splices.push({ start: name.end, end: name.end, text: ` (${all})` });
      }
    }
    return splices;
  }

  /** FREEZE is right only for a table made or truncated in this very transaction: the shell, which was treated alike, knows. */
  private async judgeFreeze(): Promise<void> {
    await this.catalogConnection(false);
    const shell = new NodeCopy("catalog", this.catalogLease!);
    shell.open(this.statement.text);
    await shell.opened;
    if (this.format.format === "binary") shell.add(EMPTY_BINARY, 0, EMPTY_BINARY.length, 1, 1);
    shell.finish();
    await shell.done;
    if (shell.error !== undefined) throw clientError(shell.error, this.statement, []);
  }

  private async open(names: readonly string[], sql: Buffer): Promise<void> {
    const { context } = this;
    // In order of name, so that two statements never wait for each other's connections.
    for (const name of names.toSorted()) {
      const lease = await context.transaction.lease(name, false);
      await preludeDone(lease);
      this.nodes.push(new NodeCopy(name, lease));
    }
    for (const node of this.nodes) {
      node.onError = () => this.source.interrupt();
      context.running.add(node.lease.connection);
      node.open(sql);
    }
    // All nodes of a replicated table say the same.
    this.nodes[0]!.onNotice = (frame) => context.output.push(frame);
    await Promise.all(this.nodes.map((node) => node.opened));
    if (this.nodes.some((node) => node.error !== undefined)) {
      await this.abort();
      this.throwErrors();
    }
  }

  /** A node that got no row has no say in the commit. */
  private markWriters(): void {
    for (const node of this.nodes)
      if (node.rows > 0 || this.relation.hasTriggers) void this.context.transaction.lease(node.node, true);
  }

  /** Reads the client's messages until it says that it is done, or until something is wrong with its data. */
  private async takeAll(): Promise<void> {
    const { intake, source } = this;
    for (;;) {
      const taken = source.take();
      const message = taken instanceof Promise ? await taken : taken;
      if (this.dataError !== undefined || this.nodes.some((node) => node.error !== undefined)) return;
      if (message === undefined) throw clientGone();
      const { type, buffer, start, end } = message;
      if (type === Frontend.copyData) {
        if (intake === undefined) await this.pass(buffer, start - 5, end);
        else if (!intake.ended && intake.push(buffer, start, end)) {
          await this.split(intake, false);
          await this.giveWay();
        }
      } else if (type === Frontend.copyDone) {
        if (intake !== undefined) await this.split(intake, true);
        return;
      } else if (type === Frontend.copyFail) {
        return this.failByClient(buffer.toString("utf8", start, Math.max(start, end - 1)));
      } else if (type !== Frontend.flush && type !== Frontend.sync) {
        throw unexpectedMessage(type);
      }
    }
  }

  /** Wrong data end the COPY, but a node may still find an error in an earlier line, which then is the one to report. */
  private async split(intake: Intake, last: boolean): Promise<void> {
    try {
      await intake.split(last);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.dataError = atLine(error, this.relation.name, intake.line);
    }
  }

  private async giveWay(): Promise<void> {
    if (performance.now() - this.turnBegan < TURN_MS_MAX) return;
    await nextTurn();
    this.turnBegan = performance.now();
  }

  private async failByClient(reason: string): Promise<void> {
    const { intake } = this;
    if (intake !== undefined) {
      await this.split(intake, false);
      this.dataError ??= atLine(failedByClient(reason), this.relation.name, intake.line);
    } else {
      // The node that read the lines says which it was at.
      for (const node of this.nodes) node.abort(reason);
    }
  }

  private async pass(buffer: Buffer, start: number, end: number): Promise<void> {
    for (const node of this.nodes) {
      node.pass(buffer, start, end);
      if (node.isFull) await node.drained();
    }
  }

  /** Of all errors the first in the order of the client's lines. */
  private throwErrors(): void {
    const errors: LineError[] = this.nodes.flatMap(({ error, lines }) => {
      if (error === undefined) return [];
      return [this.intake === undefined ? { error, line: undefined } : inClientLines(error, lines)];
    });
    if (this.dataError !== undefined) errors.push(this.dataError);
    const first = firstInOrder(errors);
    if (first !== undefined) throw clientError(first, this.statement, this.splices);
  }

  private async abort(): Promise<void> {
    for (const node of this.nodes) node.abort("the COPY failed");
    await Promise.all(this.nodes.map((node) => node.done));
  }
}
