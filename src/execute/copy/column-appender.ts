/**
 * Appends columns to the client's records: those that the COPY leaves out and whose defaults the catalog node evaluates. It
 * gives their values in the very format of the COPY, so a record becomes a longer one by joining bytes; from then on it goes
 * the way of all records.
 */
import { pgError } from "../../errors/pg-error.ts";
import { Block, type Intake } from "./block.ts";
import { whereOf } from "./client-line.ts";
import type { CopyFormat } from "./copy-format.ts";
import type { RecordFlow } from "./record-flow.ts";
import type { Splitter } from "./splitter.ts";
import type { TupleHandler } from "./tuple-splitter-binary.ts";

const RECORDS_MAX = 5_000;
const BYTES_MAX = 512 * 1024;

export class ColumnAppender implements TupleHandler, Intake {
  private readonly format: CopyFormat;
  private readonly table: string;
  /** Fields of the client's records. */
  private readonly fieldCount: number;
  private readonly appendedCount: number;
  /** The appended fields of so many records, without what stands between them and the record. */
  private readonly evaluate: (records: number) => Promise<readonly Buffer[]>;
  private readonly flow: RecordFlow;
  private readonly block = new Block();
  private readonly held = new Block();
  private readonly starts: number[] = [];
  private readonly contentEnds: number[] = [];
  private lines: number[] = [];
  private lineCounts: number[] = [];
  private splitter!: Splitter;
  private headerPending: boolean;
  line = 1;

  constructor(
    format: CopyFormat,
    table: string,
    fieldCount: number,
    appendedCount: number,
    evaluate: (records: number) => Promise<readonly Buffer[]>,
    flow: RecordFlow,
  ) {
    this.format = format;
    this.table = table;
    this.fieldCount = fieldCount;
    this.appendedCount = appendedCount;
    this.evaluate = evaluate;
    this.flow = flow;
    this.headerPending = format.header && format.format !== "binary";
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
    try {
      this.block.drop(this.splitter.split(this.block.bytes, 0, this.block.used, last));
    } catch (error) {
      // The records before the wrong one may hold an error, too, which comes first.
      await this.sendHeld(true);
      throw error;
    }
    if (last || this.starts.length >= RECORDS_MAX || this.held.used >= BYTES_MAX) await this.sendHeld(last);
  }

  header(block: Buffer, start: number, end: number): void {
    // The flow's own splitter has to know of it, too.
    this.held.append(block, start, end);
  }

  record(block: Buffer, start: number, end: number, contentEnd: number, lines: number): void {
    const { line } = this;
    this.line += lines;
    if (this.headerPending) {
      this.headerPending = false;
      return this.flow.broadcast(block, start, end, line, lines);
    }
    const { count } = this.splitter.fields;
    if (count !== this.fieldCount) {
      this.refuseMore(count, block, start, contentEnd, line);
      // Too few: as it stands, so that the node names the missing one.
      return this.flow.sendWrong(block, start, end, line, lines);
    }
    this.starts.push(this.held.used);
    this.contentEnds.push(this.held.used + contentEnd - start);
    this.lines.push(line);
    this.lineCounts.push(lines);
    this.held.append(block, start, end);
  }

  /** Behind the record's own fields stand the appended ones on the node, so it could not tell that there are too many. */
  private refuseMore(count: number, block: Buffer, start: number, end: number, line: number): void {
    if (this.format.format === "binary")
      throw pgError("22P04", `row field count is ${count}, expected ${this.fieldCount}`, {
        where: whereOf(this.table, line),
      });
    if (count > this.fieldCount)
      throw pgError("22P04", "extra data after last expected column", {
        where: whereOf(this.table, line, block.subarray(start, end)),
      });
  }

  private async sendHeld(last: boolean): Promise<void> {
    const records = this.starts.length;
    const fields = records === 0 ? [] : await this.evaluate(records);
    const joined = this.join(fields);
    const lines = { first: this.lines, count: this.lineCounts };
    this.held.used = 0;
    this.starts.length = 0;
    this.contentEnds.length = 0;
    this.lines = [];
    this.lineCounts = [];
    await this.flow.take(joined, lines, last);
  }

  private join(fields: readonly Buffer[]): Buffer {
    const { held, starts, contentEnds, format } = this;
    const binary = format.format === "binary";
    let size = held.used + fields.length;
    for (const field of fields) size += field.length;
    const out = Buffer.allocUnsafe(size);
    // What stands before the first record is the header of binary data.
    let at = held.bytes.copy(out, 0, 0, starts[0] ?? held.used);
    starts.forEach((start, i) => {
      const contentEnd = contentEnds[i]!;
      const field = fields[i]!;
      if (binary) {
        at = out.writeInt16BE(this.fieldCount + this.appendedCount, at);
        at += held.bytes.copy(out, at, start + 2, contentEnd);
      } else {
        at += held.bytes.copy(out, at, start, contentEnd);
        out[at++] = format.delimiter;
      }
      at += field.copy(out, at);
      at += held.bytes.copy(out, at, contentEnd, starts[i + 1] ?? held.used);
    });
    return out.subarray(0, at);
  }
}
