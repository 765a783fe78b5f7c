/**
 * The way of the client's bytes in a COPY that is split by node: collected into blocks, split into records, each record
 * copied into the next message to its node. Records of which a server has to say where they go are put aside for that.
 */
import type { AskedKey, ShardOracle } from "./ask-shards.ts";
import { Block, type Intake } from "./block.ts";
import { keyValues, SetAside, type AsideRecord } from "./set-aside.ts";
import type { CopyFormat } from "./copy-format.ts";
import type { NodeCopy } from "./node-copy.ts";
import { ASK, type ShardRouter } from "./shard-router.ts";
import type { Splitter } from "./splitter.ts";
import type { TupleHandler } from "./tuple-splitter-binary.ts";

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

/** The client's lines of records that come from elsewhere than the client's own block. */
export interface RecordLines {
  readonly first: readonly number[];
  readonly count: readonly number[];
}

export class RecordFlow implements TupleHandler, Intake {
  private readonly nodes: readonly NodeCopy[];
  private readonly routing: Routing;
  private readonly isText: boolean;
  private readonly aside = new SetAside();
  private readonly block = new Block();
  private splitter!: Splitter;
  private headerPending: boolean;
  private turn = 0;
  private given: RecordLines | undefined;
  private givenAt = 0;
  line = 1;

  constructor(nodes: readonly NodeCopy[], format: CopyFormat, routing: Routing) {
    this.nodes = nodes;
    this.routing = routing;
    this.isText = format.format !== "binary";
    this.headerPending = format.header && this.isText;
  }

  useSplitter(splitter: Splitter): void {
    this.splitter = splitter;
  }

  get ended(): boolean {
    return this.splitter.ended;
  }

  push(data: Buffer, start: number, end: number): boolean {
    return this.block.append(data, start, end);
  }

  async split(last: boolean): Promise<void> {
    this.block.drop(await this.splitWhole(this.block.bytes, this.block.used, last));
    await this.sendOn(last);
  }

  /** Whole records that were made elsewhere from the client's, with the lines they come from. */
  async take(bytes: Buffer, lines: RecordLines, last: boolean): Promise<void> {
    this.given = lines;
    this.givenAt = 0;
    await this.splitWhole(bytes, bytes.length, true);
    await this.sendOn(last);
  }

  private async splitWhole(bytes: Buffer, used: number, last: boolean): Promise<number> {
    try {
      return this.splitter.split(bytes, 0, used, last);
    } catch (error) {
      // The records before the wrong one may hold an error, too, which comes first.
      if (this.aside.records.length > 0) await this.sendAside();
      throw error;
    }
  }

  private async sendOn(last: boolean): Promise<void> {
    if (this.aside.full || (last && this.aside.records.length > 0)) await this.sendAside();
    if (this.routing.kind === "turn") this.turn = (this.turn + 1) % this.nodes.length;
    for (const node of this.nodes) if (node.isFull) await node.drained();
  }

  header(block: Buffer, start: number, end: number): void {
    this.broadcast(block, start, end, 0, 0);
  }

  /** A header: every node reads it for itself. */
  broadcast(block: Buffer, start: number, end: number, line: number, lines: number): void {
    this.headerPending = false;
    for (const node of this.nodes) node.add(block, start, end, line, lines);
  }

  /** A record with an error in it that any node will find. */
  sendWrong(block: Buffer, start: number, end: number, line: number, lines: number): void {
    this.nodes[0]!.add(block, start, end, line, lines);
  }

  record(block: Buffer, start: number, end: number, contentEnd: number, lines: number): void {
    let { line } = this;
    let count = lines;
    const { given, routing } = this;
    if (given !== undefined) {
      line = given.first[this.givenAt]!;
      count = given.count[this.givenAt++]!;
    } else this.line += lines;
    if (this.headerPending) return this.broadcast(block, start, end, line, count);
    let node = 0;
    if (routing.kind === "shard") node = routing.router.route(block, start, this.splitter);
    // The last line of text may be without an end: it must be the last one of its node, too.
    if (node === ASK || (this.isText && contentEnd === end)) {
      const key =
        node === ASK && routing.kind === "shard"
          ? keyValues(block, start, this.splitter, routing.registers)
          : undefined;
      this.aside.add({ bytes: Buffer.from(block.subarray(start, end)), line, lines: count, node, key });
    } else this.send(node, block, start, end, line, count);
  }

  private send(node: number, block: Buffer, start: number, end: number, line: number, lines: number): void {
    const { nodes } = this;
    switch (this.routing.kind) {
      case "shard":
        return nodes[node]!.add(block, start, end, line, lines);
      case "turn":
        return nodes[this.turn]!.add(block, start, end, line, lines);
      case "all":
        for (const each of nodes) each.add(block, start, end, line, lines);
    }
  }

  private async sendAside(): Promise<void> {
    const records = this.aside.take();
    if (this.routing.kind === "shard") await ask(this.routing, records);
    for (const { node, bytes, line, lines } of records) this.send(node, bytes, 0, bytes.length, line, lines);
  }
}

async function ask(
  routing: Extract<Routing, { kind: "shard" }>,
  records: readonly AsideRecord[],
): Promise<void> {
  const asked = records.filter(({ node }) => node === ASK);
  if (asked.length === 0) return;
  const keys: AskedKey[] = asked.map(({ key }) => key!);
  const shards = await (await routing.oracle()).shards(keys);
  asked.forEach((record, i) => {
    const shard = shards[i];
    record.node = shard === undefined ? 0 : routing.router.nodeOfShard(shard);
  });
}
