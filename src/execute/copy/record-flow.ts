/**
 * The way of the client's bytes in a COPY that is split by node: collected into blocks, split into records, each record
 * copied into the next message to its node. Records that have to wait for an answer of the catalog node go by DeferredRecords.
 */
import type { Column } from "../../catalog/snapshot.ts";
import { pgError } from "../../errors/pg-error.ts";
import type { ShardOracle } from "./ask-shards.ts";
import { whereOf } from "./client-line.ts";
import type { CopyFormat } from "./copy-format.ts";
import { DeferredRecords, keyValues, withAppended, type DeferredRecord } from "./deferred-records.ts";
import type { NodeCopy } from "./node-copy.ts";
import { ASK, type ShardRouter } from "./shard-router.ts";
import type { Splitter } from "./splitter.ts";
import type { TupleHandler } from "./tuple-splitter-binary.ts";

const BLOCK_BYTES = 256 * 1024;

/** How the flow finds nodes: by the key's shard; all of them (replicated); each in turn (random); or there is only one. */
export type Routing =
  | {
      readonly kind: "shard";
      readonly router: ShardRouter;
      readonly oracle: () => Promise<ShardOracle>;
      readonly registers: readonly number[];
    }
  | { readonly kind: "all" }
  | { readonly kind: "turn" };

export interface Appending {
  readonly columns: readonly Column[];
  /** The defaults' values for so many rows. */
  evaluate(rows: number): Promise<(Buffer | null)[][]>;
  /** The key's columns among the appended ones: position in the key → position in `columns`. */
  readonly keyPositions: ReadonlyMap<number, number>;
}

export class RecordFlow implements TupleHandler {
  private readonly nodes: readonly NodeCopy[];
  private readonly format: CopyFormat;
  private readonly columnCount: number;
  private readonly table: string;
  private readonly routing: Routing;
  private readonly appending: Appending | undefined;
  private readonly deferred = new DeferredRecords();
  private splitter!: Splitter;
  private block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  private used = 0;
  private headerPending: boolean;
  private turn = 0;
  /** The line that is read next. */
  line = 1;

  constructor(
    nodes: readonly NodeCopy[],
    format: CopyFormat,
    table: string,
    columnCount: number,
    routing: Routing,
    appending: Appending | undefined,
  ) {
    this.nodes = nodes;
    this.format = format;
    this.table = table;
    this.columnCount = columnCount;
    this.routing = routing;
    this.appending = appending;
    this.headerPending = format.header && format.format !== "binary";
  }

  useSplitter(splitter: Splitter): void {
    this.splitter = splitter;
  }

  get ended(): boolean {
    return this.splitter.ended;
  }

  /** Takes the client's data; true when a block is full and must be split before more is given. */
  push(data: Buffer, start: number, end: number): boolean {
    const needed = this.used + end - start;
    if (needed > this.block.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.block.length * 2));
      this.block.copy(grown, 0, 0, this.used);
      this.block = grown;
    }
    this.used += data.copy(this.block, this.used, start, end);
    return this.used >= BLOCK_BYTES / 2;
  }

  /** Splits what has been taken and sends it on; waits while a node is slow. */
  async split(last: boolean): Promise<void> {
    let done: number;
    try {
      done = this.splitter.split(this.block, 0, this.used, last);
    } catch (error) {
      // The records before the wrong one may hold an error, too, which comes first.
      if (this.deferred.records.length > 0) await this.sendDeferred();
      throw error;
    }
    this.block.copyWithin(0, done, this.used);
    this.used -= done;
    // A block that a long record made large is not kept.
    if (this.block.length > 4 * BLOCK_BYTES && this.used < BLOCK_BYTES) {
      const fresh = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.block.copy(fresh, 0, 0, this.used);
      this.block = fresh;
    }
    if (this.deferred.full || (last && this.deferred.records.length > 0)) await this.sendDeferred();
    if (this.routing.kind === "turn") this.turn = (this.turn + 1) % this.nodes.length;
    for (const node of this.nodes) if (node.isFull) await node.drained();
  }

  header(block: Buffer, start: number, end: number): void {
    for (const node of this.nodes) node.add(block, start, end, 0, 0);
  }

  record(block: Buffer, start: number, end: number, contentEnd: number, lines: number): void {
    const line = this.line;
    this.line += lines;
    if (this.headerPending) {
      this.headerPending = false;
      for (const node of this.nodes) node.add(block, start, end, line, lines);
      return;
    }
    const { routing, splitter } = this;
    if (this.appending !== undefined && splitter.fields.count !== this.columnCount)
      this.refuseMore(splitter.fields.count, block, start, contentEnd, line);
    if (this.appending === undefined) {
      // The last line of text may be without an end: it must be the last one of its node, too.
      const open = contentEnd === end && this.format.format !== "binary";
      if (routing.kind === "shard") {
        const node = routing.router.route(block, start, splitter);
        if (node !== ASK && !open) return this.nodes[node]!.add(block, start, end, line, lines);
      } else if (!open) return this.send(routing, block, start, end, line, lines);
    }
    this.defer(block, start, end, contentEnd, line, lines);
  }

  private send(
    routing: Routing,
    block: Buffer,
    start: number,
    end: number,
    line: number,
    lines: number,
  ): void {
    if (routing.kind === "all") for (const node of this.nodes) node.add(block, start, end, line, lines);
    else this.nodes[this.turn]!.add(block, start, end, line, lines);
  }

  /** Behind the record's own fields stand the appended ones on the node, so it could not tell that there are too many. */
  private refuseMore(count: number, block: Buffer, start: number, end: number, line: number): void {
    if (this.format.format === "binary")
      throw pgError("22P04", `row field count is ${count}, expected ${this.columnCount}`, {
        where: whereOf(this.table, line),
      });
    if (count > this.columnCount)
      throw pgError("22P04", "extra data after last expected column", {
        where: whereOf(this.table, line, block.subarray(start, end)),
      });
  }

  private defer(
    block: Buffer,
    start: number,
    end: number,
    contentEnd: number,
    line: number,
    lines: number,
  ): void {
    const { routing, splitter } = this;
    let node: number | undefined;
    let key: DeferredRecord["key"];
    if (routing.kind === "shard") {
      const known =
        this.appending === undefined || this.appending.keyPositions.size === 0
          ? routing.router.route(block, start, splitter)
          : ASK;
      if (known === ASK) key = keyValues(block, start, splitter, routing.registers);
      node = known === ASK ? (key === undefined ? 0 : undefined) : known;
    }
    this.deferred.add({
      content: Buffer.from(block.subarray(start, contentEnd)),
      lineEnd: Buffer.from(block.subarray(contentEnd, end)),
      whole: this.appending === undefined || splitter.fields.count === this.columnCount,
      line,
      lines,
      node,
      key,
    });
  }

  private async sendDeferred(): Promise<void> {
    const records = this.deferred.take();
    const { routing, appending } = this;
    const values = appending === undefined ? undefined : await appending.evaluate(records.length);
    if (routing.kind === "shard") await this.ask(routing, records, values);
    records.forEach((record, i) => {
      const bytes =
        values === undefined || !record.whole
          ? Buffer.concat([record.content, record.lineEnd])
          : withAppended(record, values[i]!, this.format);
      if (routing.kind === "shard")
        this.nodes[record.node ?? 0]!.add(bytes, 0, bytes.length, record.line, record.lines);
      else this.send(routing, bytes, 0, bytes.length, record.line, record.lines);
    });
  }

  private async ask(
    routing: Extract<Routing, { kind: "shard" }>,
    records: readonly DeferredRecord[],
    values: readonly (readonly (Buffer | null)[])[] | undefined,
  ): Promise<void> {
    const asked = records
      .map((record, i) => ({ record, i }))
      .filter(({ record }) => record.node === undefined);
    if (asked.length === 0) return;
    const positions = this.appending?.keyPositions;
    const keys = asked.map(({ record, i }) =>
      record.key!.map((value, position) => {
        const appended = positions?.get(position);
        return appended === undefined ? value : values![i]![appended]!;
      }),
    );
    const shards = await (await routing.oracle()).shards(keys);
    asked.forEach(({ record }, i) => {
      const shard = shards[i];
      record.node = shard === undefined ? 0 : routing.router.nodeOfShard(shard);
    });
  }
}
